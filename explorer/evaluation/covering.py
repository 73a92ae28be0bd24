"""How well a segmentation agrees with regions that people drew: covering, and the F-score of its boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.trace import Array

SMALLEST = 0.01
"""Share of the photo below which a drawn region is left out of the covering."""
TOLERANCE = 2.0
"""Pixels that a boundary may lie beside the drawn one."""


@dataclass(frozen=True)
class Drawing:
    """One person's regions of a photo. labels: int (H,W). edge: bool (H,W), their boundary; near: what lies within
    TOLERANCE of it."""

    labels: Array
    edge: Array
    near: Array


def drawing_of(labels: Array) -> Drawing:
    """Regions (H,W), with what is asked of them for every segmentation. Raises ValueError if none is large enough."""
    if labels.ndim != 2 or not labels.size or np.bincount(labels.ravel()).max() < SMALLEST * labels.size:
        raise ValueError(f"expected regions (H,W), one of at least {SMALLEST:.0%} of the photo, got {labels.shape}")
    edge = boundary(labels)
    return Drawing(labels.astype(np.int64), edge, within(edge, TOLERANCE))


def agreement(labels: Array, drawings: Sequence[Drawing]) -> tuple[float, float]:
    """Covering and boundary F of a segmentation, the mean over the people who drew. labels: int (H,W) from 0."""
    edge = boundary(labels)
    near = within(edge, TOLERANCE)
    both = [(covering(labels, one.labels), f_score(edge, near, one.edge, one.near)) for one in drawings]
    covered, along = np.mean(both, axis=0)
    return float(covered), float(along)


def covering(labels: Array, drawn: Array) -> float:
    """Covering of drawn regions by segments, in [0,1]: Σ_R |R| max_S IoU(R,S) / Σ_R |R| over the regions R that take at
    least the share SMALLEST of the photo.

    labels, drawn: int (H,W) from 0, of the same shape, else ValueError. A label is one segment, connected or not.
    Source: Arbeláez, Maire, Fowlkes and Malik, Contour detection and hierarchical image segmentation, 2011, eq. 8.
    """
    if labels.shape != drawn.shape:
        raise ValueError(f"the segmentation is {labels.shape}, the drawing {drawn.shape}")
    segments, regions = int(labels.max()) + 1, int(drawn.max()) + 1
    pairs = drawn.ravel().astype(np.int64) * segments + labels.ravel()
    shared = np.bincount(pairs, minlength=regions * segments).reshape(regions, segments)
    area, size = shared.sum(axis=1), shared.sum(axis=0)
    kept = area >= SMALLEST * labels.size
    best = (shared[kept] / (area[kept, None] + size - shared[kept])).max(axis=1)
    return float(area[kept] @ best / area[kept].sum())


def f_score(edge: Array, near: Array, drawn_edge: Array, drawn_near: Array) -> float:
    """2PR/(P + R), in [0,1]: P the share of a boundary's pixels that lie near the drawn one, R the share of the drawn
    one's near it. 1 where neither has a pixel, 0 where one alone has.

    All bool (H,W). Pixels are not matched one to one as in the benchmark's own code, which thick boundaries would use;
    ours (boundary) are one pixel thick.
    """
    if not edge.any() or not drawn_edge.any():
        return float(edge.any() == drawn_edge.any())
    precision, recall = drawn_near[edge].mean(), near[drawn_edge].mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary(labels: Array) -> Array:
    """Pixels whose right or lower neighbour has another label: bool (H,W)."""
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] = labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    return edge


def within(edge: Array, distance: float) -> Array:
    """Pixels with one of a set within a distance: bool (H,W)."""
    from scipy.ndimage import distance_transform_edt

    if not edge.any():
        return np.zeros(edge.shape, bool)
    return np.asarray(distance_transform_edt(~edge)) <= distance
