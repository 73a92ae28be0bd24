"""How alike two sets of tokens are, whatever directions carry them: linear CKA and the Procrustes distance.

Row i of both is the same token; the widths may differ. Neither changes when one side is rotated, mirrored, shifted or
scaled as a whole. For runs with other grids, bring the tokens to one grid first (measures.carry_tokens).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.trace import Array, read_only

ALL_ALIKE = 1e-12
"""Tokens are all alike if their distance from their mean is a smaller share of their length than this."""


@dataclass(frozen=True)
class CkaMap:
    """Linear CKA of every layer of A (rows) with every layer of B (columns), read-only.

    values: (L_A,L_B) in [0,1]; 1 = the same up to rotation, shift and scale, 0 = uncorrelated. chance: (L_A,L_B), the
    mean of the CKA over all orders of B's tokens, which keep every token but forget which one belongs to which place.
    """

    values: Array
    chance: Array


def cka_map(a: Sequence[Array], b: Sequence[Array]) -> CkaMap:
    """CKA = ‖XᵀY‖²_F/(‖XᵀX‖_F ‖YᵀY‖_F) of centred X (N,d1) and Y (N,d2), for every pair of matrices in a and b.

    CKA has a bias: in N tokens of many dimensions chance alone correlates, and CKA > 0 for random features. Its mean
    over all permutations of B's tokens is exactly tr(XᵀX) tr(YᵀY)/((N−1) ‖XᵀX‖_F ‖YᵀY‖_F): read a value against it.
    Neighbouring patches are alike, so a value above chance is expected of any two networks; the control is another
    pair of layers. Tokens that are all alike have CKA 0 with everything, chance included.
    Raises ValueError if a or b is empty, a matrix is not 2-D or empty, or the numbers of tokens differ.
    Source: Kornblith et al. 2019 (arXiv 1905.00414); the mean over permutations: ours, from the moments of a
    permuted centred Gram matrix.
    """
    if not a or not b:
        raise ValueError(f"expected at least one matrix on either side, got {len(a)} and {len(b)}")
    left, right = [_standard(tokens) for tokens in a], [_standard(tokens) for tokens in b]
    _check_same_tokens([*left, *right])
    shared = np.array([[np.sum((x.T @ y) ** 2) for y in right] for x in left])
    lengths = np.outer(*(np.array([np.linalg.norm(tokens.T @ tokens) for tokens in side]) for side in (left, right)))
    known = lengths > 0
    lengths[~known] = 1.0
    chance = known / (lengths * max(len(a[0]) - 1, 1))  # both traces are 1, as ‖X‖_F = ‖Y‖_F = 1
    return CkaMap(read_only(np.clip(shared / lengths, 0.0, 1.0)), read_only(chance))


def linear_cka(a: Array, b: Array) -> float:
    """Linear CKA of two sets of tokens (N,d1) and (N,d2), in [0,1]; see cka_map, which also gives its chance level."""
    return float(cka_map([a], [b]).values[0, 0])


def procrustes_distance(a: Array, b: Array) -> float:
    """min over orthogonal Q of ‖X − YQ‖²_F = 2(1 − ‖XᵀY‖_*), X and Y centred and scaled to ‖·‖_F = 1: in [0,2].

    0: the same up to rotation, shift and scale. 2: uncorrelated, or tokens that are all alike. ‖·‖_* is the sum of the
    singular values; of two widths the narrower one is filled with zeros. Unlike CKA it weighs small directions, too.
    Few tokens in many dimensions are near one another by chance alone. a, b: (N,d1), (N,d2).
    Raises ValueError as cka_map does. Source: Ding et al. 2021 (arXiv 2108.01661).
    """
    x, y = _standard(a), _standard(b)
    _check_same_tokens([x, y])
    return float(np.clip(2 - 2 * np.linalg.svd(x.T @ y, compute_uv=False).sum(), 0.0, 2.0))


def _standard(tokens: Array) -> Array:
    """Tokens centred and scaled to ‖·‖_F = 1 (zeros if they are all alike), turned into at most N dimensions."""
    if tokens.ndim != 2 or not tokens.size:
        raise ValueError(f"expected non-empty (N,d) tokens, got shape {tokens.shape}")
    tokens = tokens.astype(np.float64)
    centred = tokens - tokens.mean(axis=0)
    length = np.linalg.norm(centred)
    if length <= ALL_ALIKE * np.linalg.norm(tokens):
        return np.zeros((len(tokens), 1))
    wide = centred.shape[1] > centred.shape[0]
    return (np.linalg.qr(centred.T)[1].T if wide else centred) / length


def _check_same_tokens(sides: Sequence[Array]) -> None:
    if len(counts := {len(tokens) for tokens in sides}) != 1:
        raise ValueError(f"expected the same tokens on both sides, got numbers {sorted(counts)}")
