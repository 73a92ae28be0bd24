"""Masks with the photo's own edges: maps on the patch grid, carried to the photo's pixels by a guided filter.

A patch is many pixels wide, and so is the staircase of a mask that is only enlarged. The guided filter writes a mask
around every pixel as an affine function of the photo's colours there, q = aᵀI + b, so the mask has an edge where the
photo has one. Nothing is learned, and the photo alone decides: where it has no edge, the mask's stays where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from explorer.measures.patches.methods import Segments
from explorer.measures.patches.segmentation import smooth_weights, upsample_smooth
from explorer.trace import Array, read_only

EDGES = ("patches", "photo")
"""What a segmentation's borders follow: the patches, or the edges of the photo."""
EPS = 3e-4
"""Variance of the colours (in [0,1]) below which a window counts as flat: a spread of 4 of 255 levels."""
REACH = 2
"""How far a window reaches to each side, in patches."""
LIMIT = 1
"""How far a border may move, in patches: what lies deeper in a segment stays, whatever the photo says."""
ROUNDS = 3
"""How often labels are filtered: a border that is far from an edge comes nearer each time."""
LEAST_KEPT = 0.3
"""Share of its pixels that a segment keeps at least; more would keep the rims that k-means finds around objects."""
COARSE_SIDE = 112
"""Coefficients are worked out on every second, third … pixel, so that at least so many are left of the shorter side."""
SMALLEST = 0.01
"""Share of the picture that a connected part must have: MaskCut's own limit for an object."""
TOO_SMALL = -1


@dataclass(frozen=True)
class Guide:
    """A photo as the guided filter needs it, worked out once for all masks of it. Read-only.

    picture: (H,W,3) float32 in [0,1]. step: every step-th pixel of every step-th row is one of its h·w places. reach:
    half the side of a window, in places. places: (3,h,w), the picture there. mean: (3,h,w) of the windows. inverse:
    (h,w,3,3) of the windows' covariance + ε.
    """

    picture: Array
    step: int
    reach: int
    places: Array
    mean: Array
    inverse: Array
    eps: float

    @cached_property
    def narrower(self) -> Guide:
        """The same picture with windows of half the size."""
        return _guide(self.picture, self.step, self.reach // 2, self.eps)


def guide_of(picture: Array, patch: float, eps: float = EPS) -> Guide:
    """The guide of a picture, uint8 (H,W,3). patch: side of a patch in its pixels.

    Raises ValueError for another shape, or for a patch or ε that is not above 0.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or not (patch > 0 and eps > 0):
        raise ValueError(f"expected a picture (H,W,3), a patch and ε above 0, got {picture.shape}, {patch} and {eps}")
    shown = np.asarray(picture, np.float32) / np.float32(255)
    step = max(1, min(picture.shape[:2]) // COARSE_SIDE)
    return _guide(read_only(shown), step, max(1, round(REACH * patch / step)), eps)


def _guide(shown: Array, step: int, reach: int, eps: float) -> Guide:
    places = np.ascontiguousarray(shown[::step, ::step].transpose(2, 0, 1))
    mean = _windows(places, reach)
    covariance = np.empty((*places.shape[1:], 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            shared = _windows(places[i] * places[j], reach) - mean[i] * mean[j]
            covariance[..., i, j] = covariance[..., j, i] = shared + (eps if i == j else 0)
    inverse = np.linalg.inv(covariance)
    return Guide(shown, step, reach, read_only(places), read_only(mean), read_only(inverse), eps)


def guided_filter(guide: Guide, values: Array) -> Array:
    """A map (h,w) on the places of a guide, filtered, on all pixels of its picture: float32 (H,W).

    In every window w the ridge regression q = a_wᵀI + b_w of the map on the colours I; a and b at a pixel are the means
    over the windows that it lies in. Where the picture is of one colour that is the map's mean over windows, twice.
    Raises ValueError if the shapes differ.
    Source: He, Sun and Tang, Guided image filtering, 2013, eq. 19 to 21; coefficients of fewer places as in He and Sun,
    Fast guided filter, arXiv 1505.00996.
    """
    *slopes, offset = _coefficients(guide, values)
    if guide.step > 1:
        (height, width), (rows, cols) = guide.picture.shape[:2], offset.shape
        down = smooth_weights(height, rows, 1, guide.step).astype(np.float32)
        across = smooth_weights(width, cols, 1, guide.step).astype(np.float32).T
        *slopes, offset = (down @ one @ across for one in (*slopes, offset))
    for i, one in enumerate(slopes):
        offset = offset + guide.picture[..., i] * one
    return offset


def _coefficients(guide: Guide, values: Array) -> Array:
    """a of the three channels and b at every place: (4,h,w)."""
    if values.shape != guide.places.shape[1:]:
        raise ValueError(f"the map is {values.shape}, the guide has {guide.places.shape[1:]} places")
    values = values.astype(np.float32)
    mean = _windows(values, guide.reach)
    shared = _windows(guide.places * values, guide.reach) - guide.mean * mean
    slope = np.einsum("hwij,jhw->ihw", guide.inverse, shared)
    offset = mean - (slope * guide.mean).sum(axis=0)
    return _windows(np.concatenate([slope, offset[None]]), guide.reach)


def photo_labels(labels: Array, guide: Guide, patch: float, stride: float) -> Array:
    """Labels on the patch grid (rows,cols) → on the pixels of a guide's picture, with the picture's edges: (H,W), of
    the same type.

    Every label is a map of 0 and 1, enlarged bilinearly between the patches' centres and filtered; a place takes the
    label whose map is largest there, of those within LIMIT of it. That is done ROUNDS times, the last time on all
    pixels. A segment that keeps less than LEAST_KEPT of its pixels, being small or of the colours around it, is cut out
    with windows of half the size; where there are none, it keeps its patches. patch, stride: in pixels of the picture.
    """
    names, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    sides = zip(guide.picture.shape[:2], labels.shape, strict=True)
    down, across = (smooth_weights(size, count, patch, stride).astype(np.float32) for size, count in sides)
    blocks = index[down.argmax(axis=1)[:, None], across.argmax(axis=1)]
    found = _filtered(index, guide, (down, across), max(1, round(LIMIT * patch / stride)), len(names))
    area, kept = (np.bincount(one.ravel(), minlength=len(names)) for one in (blocks, found))
    if (lost := np.flatnonzero(kept < LEAST_KEPT * area)).size:
        again = blocks if guide.reach == 1 else photo_labels(index, guide.narrower, patch, stride)
        found = np.where(np.isin(again, lost), again, found)
    return names[found]


def _filtered(index: Array, guide: Guide, weights: tuple[Array, Array], limit: int, count: int) -> Array:
    """photo_labels of labels 0 … count − 1, without what is done for lost ones. weights: of the patches in the pixels
    of both sides. limit: in patches of the grid."""
    if count == 1:
        return np.zeros(guide.picture.shape[:2], int)
    of_patches = _maps(index, count)
    near, (down, across) = _near(of_patches, limit), weights
    fine = np.ix_(down.argmax(axis=1), across.argmax(axis=1))
    coarse = np.ix_(*(places.ravel()[:: guide.step] for places in fine))
    maps = down[:: guide.step] @ of_patches @ across[:: guide.step].T
    for _ in range(ROUNDS - 1):
        found = (_coefficients(guide, one) for one in maps[:-1])
        maps = ((a_and_b[:3] * guide.places).sum(axis=0) + a_and_b[3] for a_and_b in found)
        maps = _maps(_largest(maps, [one[coarse] for one in near]), count)
    return _largest((guided_filter(guide, one) for one in maps[:-1]), [one[fine] for one in near])


def _near(maps: Array, reach: int) -> Array:
    """Which patches have a label within a square of patches around them: bool (M,rows,cols)."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(maps, (1, 2 * reach + 1, 2 * reach + 1), mode="nearest") > 0


def _maps(index: Array, count: int) -> Array:
    """Labels 0 … count − 1 (h,w) as that many maps of 0 and 1: float32."""
    return (index == np.arange(count)[:, None, None]).astype(np.float32)


def _largest(maps: Iterable[Array], near: Sequence[Array]) -> Array:
    """At each place the number of the largest map that may be there, of equal ones the first. The last map, which is
    left out, is what the others lack to 1: filtering keeps their sum. near: where each may be, bool (h,w)."""
    best, chosen, rest = np.float32(-np.inf), np.int64(0), np.float32(1)
    for number, one in enumerate(maps):
        larger = near[number] & (one > best)
        chosen, best, rest = np.where(larger, number, chosen), np.where(larger, one, best), rest - one
    return np.where(near[-1] & (rest > best), len(near) - 1, chosen)


def sharpen(segments: Segments, guide: Guide, patch: float, stride: float) -> Segments:
    """A segmentation of patches with its labels on the pixels of a guide's picture, as photo_labels has them.

    Colours stay on the patches, (rows,cols,3), and background takes those of the nearest coloured patch: the edge may
    run through it. coloured_pixels lays them on the pixels. patch, stride: in pixels of the picture.
    """
    colours = segments.colours
    if colours is not None and (segments.labels > 0).any():
        colours = colours[_nearest(segments.labels > 0)]
    labels = photo_labels(segments.labels, guide, patch, stride)
    return replace(segments, labels=labels, colours=colours, edges="photo")


def carried(segments: Segments, guide: Guide | None, patch: float, stride: float, parts: bool = False) -> Segments:
    """A segmentation of patches as it is shown: sharpened where there is a guide; parts: with its segments split into
    connected_parts, of patches or of pixels. patch, stride: in pixels of the guide's picture."""
    if guide is not None:
        segments = sharpen(segments, guide, patch, stride)
    return replace(segments, labels=connected_parts(segments.labels)) if parts else segments


def coloured_pixels(sharp: Segments, patch: int, stride: int) -> Segments:
    """What sharpen returns with its colours on the pixels, too: between the patches' centres bilinear, black in the
    background."""
    if sharp.colours is None:
        return sharp
    height, width = sharp.labels.shape
    channels = (upsample_smooth(sharp.colours[..., i], height, width, patch, stride) for i in range(3))
    colours = np.stack(list(channels), axis=-1)
    return replace(sharp, colours=colours * (sharp.labels > 0)[..., None])


def connected_parts(labels: Array, smallest: float = SMALLEST) -> Array:
    """Every segment split into its connected parts: int32 (H,W), numbered by label and then by size, 0 stays 0.

    labels: int (H,W), 0 = background, which is not split. Pixels are connected by their sides. A part below the share
    `smallest` of the picture becomes what lies nearest to it, a larger part or background; where no part is as large
    as that and there is no background, the labels stay.
    """
    from scipy.ndimage import label

    parts, count = np.zeros(labels.shape, np.int32), 0
    for name in np.unique(labels[labels > 0]):
        found = np.empty(labels.shape, np.int32)
        label(labels == name, output=found)
        sizes = np.bincount(found.ravel())[1:]
        order = np.argsort(-sizes, kind="stable")
        kept = np.flatnonzero(sizes[order] >= smallest * labels.size)
        numbers = np.full(len(sizes) + 1, TOO_SMALL, np.int32)
        numbers[0], numbers[1 + order[kept]] = 0, count + 1 + np.arange(len(kept))
        parts += numbers[found]
        count += len(kept)
    small = parts == TOO_SMALL
    if small.all():
        return labels.astype(np.int32)
    if small.any():
        parts = parts[_nearest(~small)]
    return parts


def _nearest(chosen: Array) -> tuple[Array, Array]:
    """For every place the row and column of the nearest chosen one: int (h,w) each. chosen: bool (h,w), not empty."""
    from scipy.ndimage import distance_transform_edt

    found: Any = distance_transform_edt(~chosen, return_distances=False, return_indices=True)
    return found[0], found[1]


def _windows(values: Array, reach: int) -> Array:
    """Means over windows of 2·reach + 1 places a side, the edge repeated: over the last two axes."""
    from scipy.ndimage import uniform_filter

    size: Any = (*(1,) * (values.ndim - 2), 2 * reach + 1, 2 * reach + 1)  # SciPy says int, and takes one for each axis
    return uniform_filter(values, size, mode="nearest")
