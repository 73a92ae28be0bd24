"""One layer step by step, for one token: the tokens, their subspaces, its attention, the threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.measures.patches.attention import attention_rows
from explorer.measures.patches.cloud import centred_in_cube
from explorer.measures.patches.projection import pca_coordinates
from explorer.measures.rates.layers import before_threshold, project
from explorer.measures.rates.rate import subspace_coding_rate_official
from explorer.trace import Array, Box, LayerWeights, Trace, read_only

HEADS_DRAWN = 3
MOST_DRAWN = 1000
"""About so many patches are drawn: of larger grids, those of every second, third … row and column."""
ATTENDED = 12
"""The patches that a token attends to most in each head are drawn wherever they lie."""
SAMPLE = 128
"""Tokens, evenly spaced, of which it is told how many end nearer to what they attend to."""


@dataclass(frozen=True)
class LayerWalk:
    """What layer ℓ does to a token. Read-only; n patches are drawn, in h of the K heads.

    token: the patch, from 1. drawn: int (n,), patches from 1, ascending, token among them. heads: (h,) from 1,
    those in which the attention of the token is most uneven, ascending. places: (n,2), Z^ℓ by its two strongest
    directions; explained: their share of the variance. before, after: (h,n,2), U_kᵀ LN(Z^ℓ) and U_kᵀ LN(Z^{ℓ+½}) by
    the two strongest directions of both together. All places lie in the square −1 … 1, both axes of one scale.
    attention: (h,n), the token's softmax row. distances: (2,h), from the token to all tokens, in the mean weighted by
    that row, before and after, in the p directions of the head. nearer: of the same distances of up to 128 tokens in
    these heads, the share that is smaller after. rates: R^c of all heads before and after, as the official code
    measures it. entries: (2,m) of the token, before and after the threshold; of a family without one the tokens before
    and after the second half step, and none where there is no such step. threshold: ηλ, or None without one.
    """

    layer: int
    token: int
    drawn: Array
    heads: Array
    places: Array
    explained: float
    before: Array
    after: Array
    attention: Array
    distances: Array
    nearer: float
    rates: tuple[float, float]
    entries: Array
    threshold: float | None

    @property
    def kept(self) -> int:
        """How many entries are not zero in the end."""
        return int(np.count_nonzero(self.entries[1]))


def walk_layer(trace: Trace, weights: LayerWeights, layer: int, token: int) -> LayerWalk:
    """Follow a patch (token, from 1) of a trace's first image through a layer. weights: of that layer.

    Raises ValueError if token is not a patch.
    """
    if not 1 <= token <= trace.grid[0] * trace.grid[1]:
        raise ValueError(f"expected a patch, 1 … {trace.grid[0] * trace.grid[1]}, got token {token}")
    front, row = trace.front, trace.front + token - 1
    rows = attention_rows(*trace.query_key(layer), row)
    heads = _most_uneven(rows)
    before, after = trace.projections(layer), project(trace.z_half(layer), weights)
    drawn = _drawn(trace.grid, trace.seen, token, rows[heads, front:])
    places, explained = pca_coordinates(trace.z(layer)[front:], 2)
    sample = np.linspace(front, rows.shape[1] - 1, min(SAMPLE, rows.shape[1] - front)).astype(int)
    query, key = (array[heads] for array in trace.query_key(layer))
    apart = _distances(query, key, (before[heads], after[heads]), np.array([row, *sample]))
    moved = np.stack([_both(before[head, front:], after[head, front:]) for head in heads])  # (h,2,patches,2)
    entries, threshold = _entries(trace, weights, layer, row)
    return LayerWalk(
        layer, token, read_only(drawn), heads + 1,
        read_only(centred_in_cube(places)[drawn - 1]), float(explained.sum()), read_only(moved[:, 0, drawn - 1]),
        read_only(moved[:, 1, drawn - 1]), read_only(rows[heads][:, front + drawn - 1]),
        read_only(apart[:, :, 0]), float(np.mean(apart[1, :, 1:] < apart[0, :, 1:])),
        (float(subspace_coding_rate_official(before).sum()), float(subspace_coding_rate_official(after).sum())),
        read_only(entries), threshold,
    )  # fmt: skip


def _most_uneven(rows: Array) -> Array:
    """The heads, from 0 and ascending, whose attention row (K,N) has the lowest entropy."""
    entropy = -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=1)
    return np.sort(np.argsort(entropy, kind="stable")[:HEADS_DRAWN])


def _drawn(grid: tuple[int, int], seen: Box | None, token: int, rows: Array) -> Array:
    """The patches that are drawn, from 1 and ascending, padding left out. rows: attention to patches (h,patches)."""
    top, left, bottom, right = seen or (0, 0, *grid)
    step = max(1, round(np.sqrt((bottom - top) * (right - left) / MOST_DRAWN)))
    patches = 1 + np.arange(grid[0] * grid[1]).reshape(grid)
    most = 1 + np.argsort(-rows, axis=1)[:, :ATTENDED]
    return np.unique(np.concatenate([patches[top:bottom:step, left:right:step].ravel(), most.ravel(), [token]]))


def _both(before: Array, after: Array) -> Array:
    """Two sets of vectors (n,p) in the square of the two strongest directions of both: (2,n,2)."""
    places, _ = pca_coordinates(np.concatenate([before, after]), 2)
    return centred_in_cube(places).reshape(2, len(before), 2)


def _distances(query: Array, key: Array, moved: tuple[Array, Array], tokens: Array) -> Array:
    """Σ_j a_ij ‖u_i − u_j‖ of some tokens i, a their attention, for the projections u before and after: (2,h,t)."""
    logits = query[:, tokens] @ key.transpose(0, 2, 1) * query.shape[-1] ** -0.5
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.stack([(weights * _apart(u[:, tokens], u)).sum(axis=-1) for u in moved])


def _apart(u: Array, v: Array) -> Array:
    """‖u_i − v_j‖ for u (h,t,p), v (h,n,p): (h,t,n), in float64: equal ones leave a difference of squares."""
    u, v = u.astype(np.float64), v.astype(np.float64)
    squares = (u**2).sum(axis=-1)[..., None] + (v**2).sum(axis=-1)[:, None] - 2 * u @ v.transpose(0, 2, 1)
    return np.sqrt(np.maximum(squares, 0))


def _entries(trace: Trace, weights: LayerWeights, layer: int, row: int) -> tuple[Array, float | None]:
    if trace.card.has_ista:
        before, threshold = before_threshold(trace.z_half(layer)[row : row + 1], weights)
        return np.stack([before[0], trace.codes(layer)[row]]), threshold
    if trace.card.traits.second_half == "none":
        return np.zeros((2, 0)), None
    return np.stack([trace.z_half(layer)[row], trace.z(layer + 1)[row]]), None
