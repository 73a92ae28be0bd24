"""Attention from the stored projections, and the two rules that turn it into a coarse mask.

For CRATE query and key are the same array U_kᵀ LN(Z^ℓ), so attention is a function of the projections alone and is
computed row by row: the N×N matrix is never built.
"""

from __future__ import annotations

import numpy as np

from explorer.trace import Array

MOST_ASKED = 1024
"""Patches whose rows of attention are averaged."""


def attention_rows(query: Array, key: Array, token: int, causal: bool = False) -> Array:
    """What one token attends to in every head: softmax over all N tokens of ⟨q_token, k_n⟩ p^{−½}.

    query, key: (K,N,p), multiplied in their own precision; the same array for CRATE. token: row of the query. causal:
    as in a language model, only the token itself and those before it; the rest is 0.
    Returns (K,N) float64, each row summing to 1, tokens in front of the patches included.
    Raises ValueError if the shapes differ or are not 3-D, or if token is not in 0 … N−1.
    Source: Ma-Lab-Berkeley/CRATE, model/crate.py (logits are scaled by p^{−½}).
    """
    if query.ndim != 3 or query.shape != key.shape:
        raise ValueError(f"query and key must both be (K,N,p), got {query.shape} and {key.shape}")
    if not 0 <= token < query.shape[1]:
        raise ValueError(f"token must be in 0 … {query.shape[1] - 1}, got {token}")
    logits = (key @ query[:, token, :, None])[..., 0].astype(np.float64) * query.shape[-1] ** -0.5
    if causal:
        logits[:, token + 1 :] = -np.inf
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def attention_map(query: Array, key: Array, token: int, grid: tuple[int, int]) -> Array:
    """attention_rows on the patch grid: the columns of the tokens in front, CLS and others, are left out and the rest
    is *not* renormalised.

    grid: (rows, columns) of patches, the last rows·columns of the N tokens. Returns (K,rows,cols); each map sums to 1
    minus what goes to the tokens in front. Raises ValueError as attention_rows does, or if the grid does not fit N.
    """
    front = tokens_in_front(query.shape[1], grid)
    return attention_rows(query, key, token)[:, front:].reshape(-1, *grid)


def tokens_in_front(tokens: int, grid: tuple[int, int]) -> int:
    """How many of N tokens stand in front of a grid's patches. Raises ValueError where there are fewer than patches."""
    if not 0 < grid[0] * grid[1] <= tokens:
        raise ValueError(f"{tokens} tokens do not fit a grid of {grid[0]}×{grid[1]} patches")
    return tokens - grid[0] * grid[1]


def mean_attention(query: Array, key: Array, front: int) -> Array:
    """What the patches attend to on average: the mean of their rows of attention_rows, (K,N), each summing to 1.

    front: tokens in front of the patches, which do not ask. Of more than MOST_ASKED patches that many evenly spaced
    ones ask. It stands where a network has no class token.
    """
    asked = np.unique(np.linspace(front, query.shape[1] - 1, MOST_ASKED).round().astype(int))
    logits = query[:, asked].astype(np.float32) @ key.astype(np.float32).swapaxes(-1, -2)
    logits *= np.float32(query.shape[-1] ** -0.5)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).mean(axis=1, dtype=np.float64)


def jensen_shannon(distributions: Array) -> float:
    """Jensen–Shannon divergence of K distributions, H(mean) − mean H, in bits: 0 if all are equal, log₂ K if no entry
    is shared. It is the information that a drawn entry gives about which of the K it was drawn from.

    distributions: (K,n), not negative, rows summing to 1. Raises ValueError otherwise.
    Source: Lin, Divergence measures based on the Shannon entropy, 1991.
    """
    values = distributions.astype(np.float64)
    if values.ndim != 2 or (values < 0).any() or not np.allclose(values.sum(axis=1), 1, atol=1e-4):
        raise ValueError("expected distributions (K,n): no entry below 0, every row summing to 1")
    return max(float(_entropy(values.mean(axis=0)) - _entropy(values).mean()), 0.0)


def _entropy(values: Array) -> Array:
    """In bits, over the last axis; 0 log 0 = 0."""
    return -(values * np.log2(np.where(values > 0, values, 1))).sum(axis=-1)


def threshold_entries(values: Array, keep: float) -> Array:
    """The paper's rule for a mask from attention: the largest `keep` share of the *entries*, 0.6 in the paper.

    values: any shape, treated as one set of n entries. Returns bool of the same shape with exactly round(keep·n)
    entries set; of equal values the first in reading order win.
    Raises ValueError if keep is not in [0,1]. Source: arXiv 2308.16271, appendix B.1.
    """
    _check_share(keep)
    order = np.argsort(-values.astype(np.float64).ravel(), kind="stable")
    mask = np.zeros(values.size, bool)
    mask[order[: round(keep * values.size)]] = True
    return mask.reshape(values.shape)


def threshold_mass(values: Array, keep: float) -> Array:
    """DINO's rule for a mask from attention: the fewest entries that hold the share `keep` of the *mass*.

    Sort ascending, scale to sum 1, cumulate, keep the entries whose cumulative sum exceeds 1 − keep.
    values: any shape, treated as one set, not negative. Returns bool of the same shape; nothing is kept if all
    values are zero. Of equal values the last in reading order win.
    Raises ValueError if keep is not in [0,1] or a value is negative.
    Source: facebookresearch/dino, visualize_attention.py.
    """
    _check_share(keep)
    flat = values.astype(np.float64).ravel()
    if (flat < 0).any():
        raise ValueError("a share of the mass needs values that are not negative")
    mask = np.zeros(flat.size, bool)
    if total := flat.sum():
        order = np.argsort(flat, kind="stable")
        mask[order] = np.cumsum(flat[order]) / total > 1 - keep
    return mask.reshape(values.shape)


def _check_share(keep: float) -> None:
    if not 0 <= keep <= 1:
        raise ValueError(f"keep must be in [0, 1], got {keep}")
