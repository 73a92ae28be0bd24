"""Two models' weights: which heads and atoms stand for the same directions, and how far every tensor moved.

Nothing here depends on a photo. Heads and atoms have no order of their own, so they are matched first: one to one, with
the largest sum of overlaps (the Hungarian method). The best of many matchings is above zero by chance alone, hence a
chance level for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from explorer.measures.patches.projection import unit_rows
from explorer.measures.rates.whiteness import cosine
from explorer.measures.weights.geometry import span_bases
from explorer.trace import Array, LayerWeights, read_only

DRAWS = 8
"""Random pairs of layers that a chance level is the mean of."""


@dataclass(frozen=True)
class Chance:
    """What random weights of the same sizes reach after the same matching: mean and standard deviation over draws."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class HeadMatch:
    """The heads of a layer of A and of B by their spans. Arrays are read-only.

    overlap: (K_A,K_B) mean squared cosine of the principal angles, in [0,1]: 0 = orthogonal, 1 = the same span (for
    different p: the smaller one lies in the other). pairs: the matched heads (of A, of B), from 1, min(K_A,K_B) of
    them, by A's head. angles: their principal angles in degrees, ascending, (pairs, the smaller p).
    """

    overlap: Array
    pairs: tuple[tuple[int, int], ...]
    angles: Array

    @property
    def matched(self) -> Array:
        """(pairs,) overlap of every matched pair."""
        return np.array([self.overlap[j - 1, k - 1] for j, k in self.pairs])

    @property
    def mean(self) -> float:
        """Mean overlap of the matched heads, to be read against heads_by_chance."""
        return float(self.matched.mean())


def match_heads(a: LayerWeights, b: LayerWeights) -> HeadMatch | None:
    """Match the subspaces of two layers; None if their widths d differ: then they share no space.

    Q_k is an orthonormal basis of span U_k: overlap ‖Q_jᵀQ_k‖²_F/min(p_A,p_B), angles arccos of the singular values
    of Q_jᵀQ_k; below 1e-6 degrees they are rounding. Spans are compared, so a head's own basis does not matter; but
    the coordinates of the tokens do: two networks of two initialisations need not use the same ones, and then only
    chance is to be expected. Raises ValueError as head_matrices does.
    """
    if a.subspaces.shape[1] != b.subspaces.shape[1]:
        return None
    cosines = _span_cosines(a.subspaces, a.heads, b.subspaces, b.heads)
    overlap = _overlap(cosines)
    rows, columns = _assign(overlap)
    singular = np.linalg.svd(cosines[rows, columns], compute_uv=False)
    return HeadMatch(
        overlap=read_only(overlap),
        pairs=tuple((int(j) + 1, int(k) + 1) for j, k in zip(rows, columns, strict=True)),
        angles=read_only(np.degrees(np.arccos(np.clip(singular, 0.0, 1.0)))),
    )


def heads_by_chance(a: LayerWeights, b: LayerWeights, draws: int = DRAWS, seed: int = 0) -> Chance | None:
    """What HeadMatch.mean is for random subspaces of the sizes of a and b; None if their widths differ.

    It depends on sizes alone, so one call serves all layers of two models. Before the matching the overlap is
    max(p_A,p_B)/d on average.
    """

    def once(rng: np.random.Generator) -> float:
        drawn_a, drawn_b = rng.standard_normal(a.subspaces.shape), rng.standard_normal(b.subspaces.shape)
        overlap = _overlap(_span_cosines(drawn_a, a.heads, drawn_b, b.heads))
        return float(overlap[_assign(overlap)].mean())

    return _chance(once, draws, seed) if a.subspaces.shape[1] == b.subspaces.shape[1] else None


@dataclass(frozen=True)
class AtomMatch:
    """The columns (atoms) of two dictionaries by direction. Arrays are read-only.

    cosines: (m_A,m_B) |cos| of every two atoms, 0 = orthogonal, 1 = the same up to sign and length; an atom of zeros
    has 0. pairs: (n,2) matched columns of A and B, from 0, n = min(m_A,m_B), the most alike first. matched: (n,) their
    |cos|, descending.
    """

    cosines: Array
    pairs: Array
    matched: Array

    @property
    def mean(self) -> float:
        """Mean |cos| of the matched atoms, to be read against atoms_by_chance."""
        return float(self.matched.mean())


def match_atoms(a: LayerWeights, b: LayerWeights) -> AtomMatch | None:
    """Match the atoms of two layers' dictionaries; None if either has no dictionary or their widths d differ.

    As for the heads, two networks need not use the same coordinates.
    """
    if (dictionaries := _dictionaries(a, b)) is None:
        return None
    cosines = _atom_cosines(*dictionaries)
    rows, columns = _assign(cosines)
    matched = cosines[rows, columns]
    order = np.argsort(-matched, kind="stable")
    pairs = np.stack([rows, columns], axis=1)[order]
    return AtomMatch(read_only(cosines), read_only(pairs), read_only(matched[order]))


def atoms_by_chance(a: LayerWeights, b: LayerWeights, draws: int = DRAWS, seed: int = 0) -> Chance | None:
    """What AtomMatch.mean is for atoms drawn uniformly in direction; None where match_atoms is.

    It depends on sizes alone, so one call serves all layers of two models. Before the matching |cos| is √(2/(πd)) on
    average.
    """
    if (dictionaries := _dictionaries(a, b)) is None:
        return None
    shape_a, shape_b = (dictionary.shape for dictionary in dictionaries)

    def once(rng: np.random.Generator) -> float:
        cosines = _atom_cosines(rng.standard_normal(shape_a), rng.standard_normal(shape_b))
        return float(cosines[_assign(cosines)].mean())

    return _chance(once, draws, seed)


@dataclass(frozen=True)
class TensorChange:
    """How far a tensor moved from A to B.

    relative: ‖B − A‖_F/‖A‖_F; 0 = the same, √2 on average for independent tensors of one length, no upper limit (inf
    from a tensor of zeros). cosine: of the flattened tensors, in [−1,1]; 0 if either is all zero.
    """

    name: str
    relative: float
    cosine: float


@dataclass(frozen=True)
class WeightChanges:
    """Every tensor that both have in the same shape, and the names of the others, all in the order of the files."""

    tensors: tuple[TensorChange, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    reshaped: tuple[str, ...]


def weight_changes(a: Mapping[str, Array], b: Mapping[str, Array]) -> WeightChanges:
    """Compare two models tensor by tensor, by name: a, b map names to arrays (zoo.load_weights).

    Coordinates count: a network whose units were permuted has other weights and the same outputs.
    """
    same = [name for name in a if name in b and a[name].shape == b[name].shape]
    return WeightChanges(
        tensors=tuple(TensorChange(name, _relative(a[name], b[name]), cosine(a[name], b[name])) for name in same),
        only_a=tuple(name for name in a if name not in b),
        only_b=tuple(name for name in b if name not in a),
        reshaped=tuple(name for name in a if name in b and a[name].shape != b[name].shape),
    )


def _relative(a: Array, b: Array) -> float:
    length, moved = np.linalg.norm(a.astype(np.float64)), np.linalg.norm(b.astype(np.float64) - a)
    return float(moved / length) if length > 0 else (float("inf") if moved > 0 else 0.0)


def _span_cosines(a: Array, heads_a: int, b: Array, heads_b: int) -> Array:
    """Q_jᵀQ_k of every head of A and B: (K_A,K_B,p_A,p_B)."""
    left, right = span_bases(a, heads_a), span_bases(b, heads_b)
    return left.transpose(0, 2, 1)[:, None] @ right[None]


def _overlap(cosines: Array) -> Array:
    return np.minimum(np.sum(cosines**2, axis=(2, 3)) / min(cosines.shape[2:]), 1.0)


def _dictionaries(a: LayerWeights, b: LayerWeights) -> tuple[Array, Array] | None:
    """Both dictionaries, (d,m_A) and (d,m_B); None if one has none or the widths differ."""
    if a.dictionary is None or b.dictionary is None or len(a.dictionary) != len(b.dictionary):
        return None
    return a.dictionary, b.dictionary


def _atom_cosines(a: Array, b: Array) -> Array:
    left, right = unit_rows(a.T.astype(np.float64)), unit_rows(b.T.astype(np.float64))
    return np.minimum(np.abs(left @ right.T), 1.0)


def _assign(similarity: Array) -> tuple[Array, Array]:
    """Rows and columns of the one-to-one matching with the largest sum, rows ascending."""
    from scipy.optimize import linear_sum_assignment  # a tenth of a second, and only comparisons need it

    return linear_sum_assignment(similarity, maximize=True)


def _chance(once: Callable[[np.random.Generator], float], draws: int, seed: int) -> Chance:
    rng = np.random.default_rng(seed)
    found = [once(rng) for _ in range(draws)]
    return Chance(float(np.mean(found)), float(np.std(found)))
