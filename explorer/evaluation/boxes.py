"""Boxes: of a mask, their overlap, and the trivial ones that a method has to beat."""

from __future__ import annotations

import numpy as np

from explorer.trace import Array

CENTRE_SIDE = 0.75
"""Sides of the centre box over those of the picture; of the sizes tried, near the best on Tiny-ImageNet."""
MAX_ROUNDS = 50
NO_BOX = (0.0, 0.0, 0.0, 0.0)


def largest_part(mask: Array) -> Array:
    """The largest connected part of a mask, bool (H,W): pixels that share a side; of equal parts the first in reading
    order. An empty mask stays empty."""
    from scipy.ndimage import label

    parts = np.empty(mask.shape, np.int32)
    label(mask, output=parts)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts == np.argmax(sizes) if sizes.any() else np.zeros(mask.shape, bool)


def mask_box(mask: Array) -> tuple[float, float, float, float]:
    """The smallest box around a mask (H,W), edges as shares of the sides: x0, y0, x1, y1 in [0,1]; zeros if empty."""
    if not mask.any():
        return NO_BOX
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def box_overlap(a: Array, b: Array) -> Array:
    """Intersection over union of boxes (…,4) given by their edges x0, y0, x1, y1; 0 where either has no area."""
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    union = box_area(a) + box_area(b) - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0.0)


def box_area(boxes: Array) -> Array:
    """Area of boxes (…,4) given by their edges; a box that ends before it starts has none."""
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def trivial_boxes(images: Array) -> dict[str, Array]:
    """Baselines that saw no network, by name: (B,4) as shares of the sides. images: uint8 (B,S,S,3)."""
    edge = (1 - CENTRE_SIDE) / 2
    whole, centre = (0.0, 0.0, 1.0, 1.0), (edge, edge, 1 - edge, 1 - edge)
    return {
        "whole image": np.tile(whole, (len(images), 1)),
        "centre box": np.tile(centre, (len(images), 1)),
        "colours alone": np.array([mask_box(largest_part(colour_foreground(image))) for image in images]),
    }


def colour_foreground(image: Array) -> Array:
    """Two clusters of the pixels' RGB values by k-means: the one with the smaller share of the picture's border is the
    object. image: uint8 (H,W,3). Returns bool (H,W); all of it where there is one colour only.

    The clusters start as the two halves of the range of the channel that varies most: the answer is always the same.
    """
    pixels = image.reshape(-1, 3).astype(np.float64)
    channel = pixels[:, np.argmax(pixels.var(axis=0))]
    bright = channel > (channel.min() + channel.max()) / 2
    for _ in range(MAX_ROUNDS):
        if bright.all() or not bright.any():
            return np.ones(image.shape[:2], bool)
        low, high = pixels[~bright].mean(axis=0), pixels[bright].mean(axis=0)
        before, bright = bright, (pixels - (low + high) / 2) @ (high - low) > 0
        if (bright == before).all():
            break
    labels = bright.reshape(image.shape[:2])
    border = np.ones(labels.shape, bool)
    border[1:-1, 1:-1] = False
    return labels == (labels[border].mean() < 0.5)
