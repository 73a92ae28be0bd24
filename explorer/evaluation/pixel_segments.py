"""Segmentations that saw no network: what a method has to beat on regions that people drew."""

from __future__ import annotations

from typing import Any

import numpy as np

from explorer.errors import ExplorerError
from explorer.trace import Array

CLUSTERS, PLACE = 4, 0.5
"""Clusters, and the weight of the place beside the colour, whose channels have a variance of 1 together."""
SUPERPIXELS, COMPACTNESS = 400, 30.0
STARTS = 5
CUT_BELOW = 0.01
"""Normalised cuts above this value are not made (scikit-image's thresh)."""
SCALE, SIGMA, MIN_SIZE = 1000.0, 0.8, 300
"""Felzenszwalb's: larger scales give larger segments; blur in pixels; pixels of the smallest segment. These and the
numbers above were the best of a few on other photos of BSDS500 than those of docs/results.md."""


def pixel_segments(photo: Array, seed: int = 0) -> dict[str, Array]:
    """Segmentations of a photo, uint8 (H,W,3), by name: int (H,W) from 0. Raises ExplorerError without scikit-image."""
    return {
        "one segment": np.zeros(photo.shape[:2], int),
        "colour and place": colour_and_place(photo, seed),
        "SLIC and normalised cut": superpixel_cut(photo, seed),
        "Felzenszwalb": _scikit_image().felzenszwalb(photo, scale=SCALE, sigma=SIGMA, min_size=MIN_SIZE),
    }


def colour_and_place(photo: Array, seed: int = 0, clusters: int = CLUSTERS) -> Array:
    """k-means of the pixels' CIELAB colours beside their places, both scaled to a variance of 1 (the place: PLACE)."""
    from sklearn.cluster import MiniBatchKMeans

    _scikit_image()
    from skimage.color import rgb2lab

    height, width = photo.shape[:2]
    colours = rgb2lab(photo).reshape(-1, 3)
    places = np.moveaxis(np.indices((height, width)), 0, -1).reshape(-1, 2) / max(height, width)
    features = np.hstack([_of_variance_one(colours), PLACE * _of_variance_one(places)])
    restarts: Any = 3
    found = MiniBatchKMeans(clusters, n_init=restarts, random_state=seed, batch_size=4096).fit_predict(features)
    return found.reshape(height, width)


def superpixel_cut(photo: Array, seed: int = 0) -> Array:
    """SLIC superpixels, joined by recursive normalised cuts of the graph of neighbours with similar mean colours; left
    as they are where the eigenvectors cannot be found."""
    segmentation = _scikit_image()
    from scipy.sparse.linalg import ArpackError
    from skimage import graph

    pieces = segmentation.slic(photo, n_segments=SUPERPIXELS, compactness=COMPACTNESS, start_label=0)
    neighbours = graph.rag_mean_color(photo, pieces, mode="similarity")
    for start in range(STARTS):
        try:
            cut = graph.cut_normalized(pieces, neighbours, thresh=CUT_BELOW, rng=np.random.default_rng([seed, start]))
        except ArpackError:  # about one photo of a hundred, and it depends on the random vector that ARPACK starts with
            continue
        return np.unique(cut, return_inverse=True)[1].reshape(photo.shape[:2])
    return pieces


def _of_variance_one(features: Array) -> Array:
    """Columns centred and scaled together, so that their variances add up to 1."""
    centred = features - features.mean(axis=0)
    return centred / (np.sqrt((centred**2).sum(axis=1).mean()) or 1.0)


def _scikit_image() -> Any:
    try:
        import skimage.segmentation
    except ImportError as error:
        raise ExplorerError(
            "The suite regions compares with segmentations of scikit-image: install it with `pip install scikit-image`."
        ) from error
    return skimage.segmentation
