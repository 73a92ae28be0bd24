"""PCA colours of two runs in one basis, so that a colour means the same in both as far as it can."""

from __future__ import annotations

import numpy as np

from explorer.measures.patches.grid import Patches, nearest_places
from explorer.measures.patches.maskcut import object_labels
from explorer.measures.patches.projection import PcaRgb, as_colours, colour_ends, front_coordinates
from explorer.trace import Array

MIN_SHARED = 8
"""Patches that both foregrounds must share for the one to be turned onto the other."""


def shared_colours(a: Array, patches_a: Patches, b: Array, patches_b: Patches) -> PcaRgb:
    """The colours of B, with its principal coordinates turned onto A's.

    Both runs have their own foreground and their own three components (segment_trace's pca). On the patches that are
    foreground in both (a patch of B stands for the patch of A that is nearest on the photo), B's coordinates are moved,
    turned or mirrored, and scaled by one factor to lie as near to A's as they can (orthogonal Procrustes); the ends of
    the colours are A's. So a run compared with itself gets its own colours, and one with nothing in common still shows
    its parts, in colours that mean nothing. With fewer than MIN_SHARED shared patches B keeps its own colours.

    a, b: projections (K,N,p); widths and heads may differ. Raises ValueError as pca_rgb does.
    """
    front_a, x_a, _ = _front(a, patches_a.grid)
    front_b, x_b, explained = _front(b, patches_b.grid)
    place = nearest_places(patches_b, patches_a)  # of each patch of B, on A's grid
    shared = front_b.ravel() & front_a.ravel()[place]
    if np.count_nonzero(shared) < MIN_SHARED:
        return as_colours(front_b, x_b, explained, colour_ends(x_b))
    row_a, row_b = (np.cumsum(front.ravel()) - 1 for front in (front_a, front_b))  # of a patch, among its foreground
    source, target = x_b[row_b[shared]], x_a[row_a[place[shared]]]
    return as_colours(front_b, _turned(x_b, source, target), explained, colour_ends(x_a))


def _front(projections: Array, grid: tuple[int, int]) -> tuple[Array, Array, Array]:
    """front_coordinates of the side that MaskCut's first object lies on, as segment_trace colours it."""
    return front_coordinates(projections, grid, lead=object_labels(projections, grid, 1) > 0)


def _turned(values: Array, source: Array, target: Array) -> Array:
    """values (n,3) under the similarity that brings source (m,3) nearest to target (m,3)."""
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    left, singular, right = np.linalg.svd((source - middle).T @ (target - goal))
    energy = np.sum((source - middle) ** 2)
    scale = singular.sum() / energy if energy > 0 else 1.0
    return goal + scale * (values - middle) @ left @ right
