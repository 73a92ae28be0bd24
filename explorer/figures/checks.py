"""What every figure asks of its numbers, so that a wrong array is refused and not drawn."""

from __future__ import annotations

import numpy as np

from explorer.trace import Array


def finite(values: object, ndim: int, name: str) -> Array:
    """values as float64 of ndim axes. Raises ValueError for other shapes, for empty arrays, NaN and infinity."""
    array = np.asarray(values, np.float64)
    if array.ndim != ndim or not array.size:
        raise ValueError(f"{name} must be a {ndim}-D array that is not empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity: nothing to draw")
    return array


def alike(values: object | None, like: Array, name: str) -> Array | None:
    """An optional companion of `like`: finite and of the same shape, or None."""
    if values is None:
        return None
    array = finite(values, like.ndim, name)
    if array.shape != like.shape:
        raise ValueError(f"{name} must have the shape {like.shape}, got {array.shape}")
    return array


def picture_of(picture: object, clear: bool = False) -> Array:
    """A picture: uint8 (H,W,3), not empty; with `clear` also (H,W,4). Raises ValueError for anything else."""
    array = np.asarray(picture)
    channels = (3, 4) if clear else (3,)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in channels or not array.size:
        raise ValueError(f"a picture must be uint8 (H,W,3), got {array.dtype} {array.shape}")
    return array


def share(alpha: float) -> float:
    """A blending weight in [0, 1]; ValueError otherwise."""
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha}")
    return float(alpha)
