"""Comparing masks, and carrying maps from the patch grid to pixels."""

from __future__ import annotations

import numpy as np

from explorer.errors import ExplorerError
from explorer.trace import Array, patch_grid


def iou(a: Array, b: Array) -> float:
    """Intersection over union of two boolean masks, in [0,1]; 0 if both are empty.

    a, b: bool of the same shape. Raises ExplorerError if the shapes differ.
    """
    _check_same_size(a, b)
    union = np.count_nonzero(np.logical_or(a, b))
    return float(np.count_nonzero(np.logical_and(a, b)) / union) if union else 0.0


def best_overlap(segments: Array, mask: Array) -> tuple[float, int]:
    """The one segment with the largest IoU with a mask: (IoU, label). The lowest label wins a tie.

    segments: int (rows,cols), one label per place. mask: bool of the same shape; an empty one gives IoU 0.
    Raises ExplorerError if the shapes differ, ValueError if they are empty.
    """
    _check_same_size(segments, mask)
    if segments.size == 0:
        raise ValueError("expected at least one place, got none")
    labels, index, sizes = np.unique(segments.ravel(), return_inverse=True, return_counts=True)
    shared = np.bincount(index[mask.ravel().astype(bool)], minlength=len(labels))
    overlaps = shared / (sizes + np.count_nonzero(mask) - shared)
    best = int(np.argmax(overlaps))
    return float(overlaps[best]), int(labels[best])


def upsample(grid_map: Array, height: int, width: int, patch: int, stride: int) -> Array:
    """A map on the patch grid at every pixel: a pixel takes the value of the patch whose centre is nearest.

    Patch i starts at pixel i·stride, so its centre lies at i·stride + patch/2; half-way between two centres the later
    patch wins. Pixels that no patch reaches take the nearest one. For boolean masks and labels.
    grid_map: (rows,cols), any dtype, kept. height, width, patch, stride: pixels. Returns (height,width).
    Raises ValueError if the grid is not the one that patch and stride give at this size.
    """
    _check_grid(grid_map, height, width, patch, stride)
    rows, columns = (
        # ⌊x + ½⌋ of x = (pixel + ½ − patch/2)/stride, in integers
        np.clip((2 * np.arange(size) + 1 - patch + stride) // (2 * stride), 0, count - 1)
        for size, count in zip((height, width), grid_map.shape, strict=True)
    )
    return grid_map[rows[:, None], columns]


def upsample_smooth(grid_map: Array, height: int, width: int, patch: int, stride: int) -> Array:
    """A float map on the patch grid at every pixel: bilinear between the centres of the patches, flat beyond them.

    grid_map: (rows,cols) of finite numbers. height, width, patch, stride: pixels. Returns (height,width) float64.
    Raises ValueError as upsample does.
    """
    _check_grid(grid_map, height, width, patch, stride)
    down, across = (
        smooth_weights(size, count, patch, stride) for size, count in zip((height, width), grid_map.shape, strict=True)
    )
    return down @ grid_map.astype(np.float64) @ across.T


def smooth_weights(size: int, count: int, patch: float, stride: float) -> Array:
    """(size,count): how much each of count patches weighs in each of size pixels, along one axis: bilinear between
    their centres, flat beyond them. patch, stride: pixels, not whole ones where the picture has another scale."""
    place = np.clip((np.arange(size) + 0.5 - patch / 2) / stride, 0, count - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(count)))


def _check_grid(grid_map: Array, height: int, width: int, patch: int, stride: int) -> None:
    if patch < 1 or stride < 1:
        raise ValueError(f"patch and stride must be at least 1 pixel, got {patch} and {stride}")
    expected = patch_grid(height, width, patch, stride)
    if grid_map.shape != expected:
        raise ValueError(
            f"patch {patch} at stride {stride} gives a grid of {expected} on {height}×{width}, got {grid_map.shape}"
        )


def _check_same_size(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ExplorerError(
            f"The two maps to compare have different sizes, {a.shape} and {b.shape}: resize one to the other."
        )
