"""Tokens as a cloud: their vectors in the subspaces of a layer, for one photo or for several together.

projections: (B,K,N,p), B photos of the same grid of patches, which are the last rows·cols tokens of each; CLS and
others stand in front. Values for tokens are (B,N).
"""

from __future__ import annotations

import numpy as np

from explorer.measures.patches.attention import tokens_in_front
from explorer.measures.patches.projection import kmeans_segments, strongest_subspace
from explorer.measures.rates.rate import subspace_token_rates
from explorer.trace import Array

NO_LABEL = -1
"""What CLS and others in front have where only patches are labelled."""


def cloud_vectors(projections: Array, head: int | None = None) -> Array:
    """The vector of every token, photo after photo, those in front included: (B·N,p) in head `head`, or all u_k side by
    side, (B·N,K·p), for None. head counts from 1. Raises ValueError for another shape or a head that is not there.
    """
    chosen = _heads(projections, head)
    photos, heads, tokens, width = chosen.shape
    return chosen.transpose(0, 2, 1, 3).reshape(photos * tokens, heads * width)


def cloud_clusters(
    projections: Array, grid: tuple[int, int], head: int | None = None, clusters: int = 6, seed: int = 0
) -> Array:
    """k-means on the directions of the patches of all photos together: int (B,N), 0 = the largest; tokens in front have
    −1.

    Raises ValueError as kmeans_segments and cloud_vectors do.
    """
    chosen = _heads(projections, head)
    labels = kmeans_segments(_stacked(chosen, grid), (len(chosen) * grid[0], grid[1]), clusters, seed)
    return _with_front(labels, chosen)


def cloud_strongest(projections: Array, grid: tuple[int, int]) -> Array:
    """The head in which each patch is strongest relative to that head's mean over all photos: int (B,N) from 0,
    tokens in front have −1. Raises ValueError as strongest_subspace does.
    """
    chosen = _heads(projections, None)
    return _with_front(strongest_subspace(_stacked(chosen, grid), (len(chosen) * grid[0], grid[1])), chosen)


def cloud_rates(projections: Array, head: int | None = None) -> Array:
    """What each token adds to R^c of its own photo, in nats: (B,N); in one head, or summed over all for None.

    Raises ValueError as cloud_vectors does.
    """
    return np.stack([subspace_token_rates(photo).sum(axis=0) for photo in _heads(projections, head)])


def centred_in_cube(coordinates: Array) -> Array:
    """Coordinates (N,c) moved and scaled, all axes alike, so that the widest axis runs from −1 to 1: float32.

    Distances keep their proportions. A single place becomes the origin. Raises ValueError if it is not 2-D or empty.
    """
    if coordinates.ndim != 2 or not coordinates.size:
        raise ValueError(f"expected coordinates (N,c), got shape {coordinates.shape}")
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    half = float((high - low).max()) / 2
    return ((coordinates - (low + high) / 2) / (half or 1.0)).astype(np.float32)


def _heads(projections: Array, head: int | None) -> Array:
    """The projections of one head, or of all, still (B,k,N,p)."""
    if projections.ndim != 4 or not projections.size:
        raise ValueError(f"projections must be (B,K,N,p) and not empty, got shape {projections.shape}")
    if head is None:
        return projections
    if not 1 <= head <= projections.shape[1]:
        raise ValueError(f"head must be None or 1 … {projections.shape[1]}, got {head}")
    return projections[:, head - 1 : head]


def _stacked(projections: Array, grid: tuple[int, int]) -> Array:
    """The patches of all photos below one another, as of one tall photo: (K,B·n,p)."""
    front = tokens_in_front(projections.shape[2], grid)
    heads, width = projections.shape[1], projections.shape[3]
    return projections[:, :, front:].transpose(1, 0, 2, 3).reshape(heads, -1, width)


def _with_front(labels: Array, projections: Array) -> Array:
    """Labels of the patches of all photos → of every token (B,N)."""
    photos, _, tokens, _ = projections.shape
    of_photos = labels.reshape(photos, -1)
    return np.pad(of_photos, ((0, 0), (tokens - of_photos.shape[1], 0)), constant_values=NO_LABEL)
