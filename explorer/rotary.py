"""Rotary positions (RoPE) as nanochat computes them: what its network, its graph and the measures share."""

from __future__ import annotations

import numpy as np

BASE = 10000.0
"""Of the wavelengths, 2π·BASE^(2i/p) tokens for pair i of p/2."""


def rotary_tables(tokens: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin (N,p/2) float32 of the angles n·BASE^(−2i/p), n = 0 … N−1, rounded to bfloat16 as released.

    width: p, even. The angles are float32 as in the released code; cos and sin are taken in float64, so that every
    machine makes the same tables. Source: nanochat's _precompute_rotary_embeddings.
    """
    pairs = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    frequencies = (BASE ** -pairs.astype(np.float64)).astype(np.float32)
    angles = np.outer(np.arange(tokens, dtype=np.float32), frequencies).astype(np.float64)
    return _bfloat16(np.cos(angles)), _bfloat16(np.sin(angles))


def rotate(u: np.ndarray, back: bool = False) -> np.ndarray:
    """Projections (…,N,p) of the tokens 0 … N−1, each turned by its angles: pairs are entry i and entry i + p/2.

    (a, b) → (a cos + b sin, b cos − a sin). back: the transpose of that, which turns them back up to the rounding of
    the tables. Source: nanochat's apply_rotary_emb.
    """
    cos, sin = rotary_tables(*u.shape[-2:])
    sin = -sin if back else sin
    a, b = np.split(u, 2, axis=-1)
    return np.concatenate([a * cos + b * sin, b * cos - a * sin], axis=-1)


def _bfloat16(values: np.ndarray) -> np.ndarray:
    """float64 → the nearest bfloat16, ties to even, as float32."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
