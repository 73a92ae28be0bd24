"""Two runs on one photo: what they predict, and what their patches attend to.

A is the run that the answer is given for, B the one it is compared with; they may differ in knobs, weights, model,
size or stride. Where their grids differ, patches are compared by their place on the photo (measures.patches).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.measures.pairs.ablation import kl_divergence
from explorer.measures.patches.grid import Patches, check_tokens, finer_of, nearest_places, spread_mass
from explorer.measures.patches.methods import Heads
from explorer.measures.prediction import probabilities
from explorer.trace import Array, read_only

CHUNK = 1_000_000
"""Attention entries, heads × queries × tokens, that are held at a time: a few megabytes."""
TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class ClassChange:
    """A class that both models know: its probability among the shared classes and its rank (1 = first) in A and B."""

    name: str
    probability_a: float
    probability_b: float
    rank_a: int
    rank_b: int


@dataclass(frozen=True)
class PredictionChange:
    """How far two predictions are apart on the classes that both know.

    shared: their number. divergence: KL(A ‖ B) in nats, 0 = the same prediction, no upper limit; None where no class is
    shared. classes: those among the first `top` of either, in the order of A.
    """

    shared: int
    divergence: float | None
    classes: tuple[ClassChange, ...]


def compare_predictions(
    logits_a: Array, logits_b: Array, names_a: Sequence[str], names_b: Sequence[str], top: int = 5
) -> PredictionChange:
    """Compare two predictions on the classes that have the same name in both models.

    Both softmaxes are restricted to the shared classes, so probabilities, ranks and KL say nothing of the others: with
    one shared class both give it probability 1. A name that stands twice is matched in order. Ties keep A's order.
    logits_*: (C,) of one image each; names_*: their C names. Raises ValueError if a name or a score lacks the other.
    """
    for logits, names in ((logits_a, names_a), (logits_b, names_b)):
        if logits.shape != (len(names),):
            raise ValueError(f"expected one score for each of {len(names)} names, got shape {logits.shape}")
    places_b = {name: place for place, name in enumerate(_numbered(names_b))}
    pairs = [(place, places_b[name]) for place, name in enumerate(_numbered(names_a)) if name in places_b]
    if not pairs:
        return PredictionChange(0, None, ())
    at_a, at_b = np.array(pairs).T
    p, q = probabilities(logits_a[at_a]), probabilities(logits_b[at_b])
    ranks_p, ranks_q = _ranks(p), _ranks(q)
    chosen = [int(i) for i in np.argsort(ranks_p) if min(ranks_p[i], ranks_q[i]) <= top]
    return PredictionChange(
        shared=len(pairs),
        divergence=float(kl_divergence(logits_a[at_a], logits_b[at_b])),
        classes=tuple(
            ClassChange(names_a[pairs[i][0]], float(p[i]), float(q[i]), int(ranks_p[i]), int(ranks_q[i]))
            for i in chosen
        ),
    )


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Every name with how often it stood before."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        numbered.append((name, seen[name]))
        seen[name] += 1
    return numbered


def _ranks(shares: Array) -> Array:
    """1 for the largest."""
    ranks = np.empty(len(shares), int)
    ranks[np.argsort(-shares, kind="stable")] = np.arange(1, len(shares) + 1)
    return ranks


@dataclass(frozen=True)
class AttentionChange:
    """Jensen–Shannon divergence in bits of what a token attends to in A and in B: 0 = the same, 1 = no patch shared.

    patches: (rows,cols) on A's grid, read-only, each patch as the query. cls: with CLS as the query, None unless both
    have one.
    """

    patches: Array
    cls: float | None

    @property
    def mean(self) -> float:
        """Over all patches as queries, those in front not among them."""
        return float(self.patches.mean())


def compare_attention(
    a: tuple[Array, Array], b: tuple[Array, Array], patches_a: Patches, patches_b: Patches, heads: Heads = None
) -> AttentionChange:
    """What every token attends to in A and in B: JS(p,q) = H((p+q)/2) − (H(p)+H(q))/2 of the two attentions.

    An attention is the mean of the heads' softmax over all tokens, without the columns of those in front of the patches
    (CLS and others), scaled to sum 1. heads:
    one, several (from 1) or None for all; those that a model does not have are left out, and if it has none of them,
    its mean over all counts. Heads have no common order in two models, so compare single ones within one model.
    Other grids: the query in B is the patch nearest on the photo, and both attentions are carried to the finer grid
    (measures.spread_mass), where a coarse attention is even within its patch. So a finer grid alone may count as a
    change. a, b: query and key (K,N,p) of a layer, as Trace.query_key gives them. Computed in single precision, a few
    rows at a time; within 1e-4 of jensen_shannon.
    Raises ValueError if shapes and grids do not fit, or for a head below 1.
    """
    (query_a, key_a), (query_b, key_b) = _chosen(a, patches_a, heads), _chosen(b, patches_b, heads)
    finer = finer_of(patches_a, patches_b, 0), finer_of(patches_a, patches_b, 1)
    on_a, on_b = _onto(patches_a, finer), _onto(patches_b, finer)
    both_cls = patches_a.prefix[:1] == patches_b.prefix[:1] == ("CLS",)
    front_a, front_b, places = len(patches_a.prefix), len(patches_b.prefix), nearest_places(patches_a, patches_b)
    asking = np.r_[[0] * both_cls, front_a + np.arange(len(places))].astype(int)
    standing_for = np.r_[[0] * both_cls, front_b + places].astype(int)
    divergence = np.empty(len(asking))
    step = max(1, CHUNK // max(key_a.shape[0] * key_a.shape[1], key_b.shape[0] * key_b.shape[1]))
    for start in range(0, len(divergence), step):
        here = slice(start, start + step)
        look_a = _carried(_patch_attention(query_a[:, asking[here]], key_a, front_a), patches_a.grid, on_a)
        look_b = _carried(_patch_attention(query_b[:, standing_for[here]], key_b, front_b), patches_b.grid, on_b)
        divergence[here] = _shared_bits(look_a, look_b)
    of_patches = divergence[len(asking) - len(places) :].reshape(patches_a.grid)
    return AttentionChange(read_only(of_patches), float(divergence[0]) if both_cls else None)


def _chosen(query_key: tuple[Array, Array], patches: Patches, heads: Heads) -> tuple[Array, Array]:
    """Query, scaled by p^{−½}, and key of the chosen heads as float32."""
    query, key = query_key
    if query.ndim != 3 or query.shape != key.shape:
        raise ValueError(f"query and key must both be (K,N,p), got {query.shape} and {key.shape}")
    check_tokens(query.shape[1], patches)
    asked = () if heads is None else (heads,) if isinstance(heads, int) else heads
    if min(asked, default=1) < 1:
        raise ValueError(f"heads must count from 1, got {heads}")
    here = [k - 1 for k in asked if k <= len(query)] or list(range(len(query)))
    return query[here].astype(np.float32) * np.float32(query.shape[-1] ** -0.5), key[here].astype(np.float32)


def _patch_attention(query: Array, key: Array, front: int) -> Array:
    """Attention of some queries (K,r,p) to the patches, mean of the heads, scaled to sum 1: (r,n) without those in
    front.

    A head counts with the share that it leaves to the patches, taken in logarithms: CLS may take nearly all.
    """
    logits = query @ key.transpose(0, 2, 1)
    before, logits = logits[..., :front], logits[..., front:]
    top = logits.max(axis=-1)
    weights = np.exp(logits - top[..., None])
    mass = weights.sum(axis=-1)
    taken = np.logaddexp.reduce(before, axis=-1, initial=-np.inf)
    left = -np.logaddexp(0.0, (taken - top) - np.log(mass))
    factor = np.exp(left - left.max(axis=0))
    factor /= factor.sum(axis=0)
    return np.einsum("kr,krn->rn", factor / mass, weights)


def _onto(own: Patches, finer: tuple[Patches, Patches]) -> tuple[Array, Array] | None:
    """Spreads of rows and columns from the own grid to the finer one; None where the own grid is that one."""
    if finer == (own, own):
        return None
    rows, columns = (spread_mass(own, fine, side).astype(np.float32) for side, fine in enumerate(finer))
    return rows, columns


def _carried(look: Array, grid: tuple[int, int], onto: tuple[Array, Array] | None) -> Array:
    """Attentions (r,n) on their own grid, carried onto the finer one."""
    if onto is None:
        return look
    rows, columns = onto
    return (rows @ (look.reshape(-1, *grid) @ columns.T)).reshape(len(look), -1)


def _shared_bits(p: Array, q: Array) -> Array:
    """JS of every row in bits, (r,): ½ Σ m (s ln s + (2−s) ln(2−s))/ln 2 with m = (p+q)/2 and s = p/m."""
    middle = (p + q) / 2
    share = p / np.maximum(middle, TINY)
    rest = 2 - share
    terms = share * np.log(np.maximum(share, TINY)) + rest * np.log(np.maximum(rest, TINY))
    return np.clip(np.einsum("rn,rn->r", middle, terms) / (2 * np.log(2)), 0.0, 1.0)
