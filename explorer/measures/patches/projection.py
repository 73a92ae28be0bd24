"""Pictures and parts from the projections of the patches: PCA colours, the strongest subspace, clusters.

The feature of a patch is all its projections u_k = U_kᵀ LN(z) side by side; CLS and what else stands in front of the
patches is dropped here: of N tokens the patches are the last rows·cols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer.measures.patches.attention import tokens_in_front
from explorer.trace import Array, read_only

MIN_SIDE = 4
"""Patches that each side of the foreground split must keep; with fewer, everything counts as foreground."""
SAME_AS_NOISE = 1e-12
"""A component with less than this share of the variance is rounding, not structure."""


@dataclass(frozen=True)
class PcaRgb:
    """The first three principal components of the foreground as colours.

    Read-only. rgb: (rows,cols,3) in [0,1], 0 in the background. explained: (3,) share of the foreground's variance.
    foreground: bool (rows,cols).
    """

    rgb: Array
    explained: Array
    foreground: Array


def patch_features(projections: Array, grid: tuple[int, int]) -> Array:
    """The concatenated u_k of every patch. projections: (K,N,p). Returns (rows·cols, K·p) float64.

    Raises ValueError if projections is not 3-D or N is less than rows·cols.
    """
    if projections.ndim != 3:
        raise ValueError(f"projections must be (K,N,p), got shape {projections.shape}")
    heads, tokens, width = projections.shape
    front = tokens_in_front(tokens, grid)
    return projections[:, front:].transpose(1, 0, 2).reshape(tokens - front, heads * width).astype(np.float64)


def pca_rgb(projections: Array, grid: tuple[int, int], foreground: bool = True, lead: Array | None = None) -> PcaRgb:
    """Principal components of the patches as colours, with the background set aside.

    The first component of all patches, scaled to [0,1] and cut at 0.5, splits the image in two. The foreground is the
    side with more of the patches of lead, bool (rows,cols); without lead, where it is empty and on a tie, the side with
    fewer patches on the border of the image (on a tie, the high side). A second PCA, of the foreground
    alone, gives the colours: each component clipped to its 1st and 99th percentile and scaled to [0,1]. A component
    without variance is 0.5. The sign of a component is fixed by its largest loading. If a side has fewer than 4
    patches, or foreground is False, every patch is foreground.
    projections: (K,N,p). Raises ValueError as patch_features does.
    Source: Ma-Lab-Berkeley/CRATE, vis_utils/pca_visualization.py (where the side is chosen by hand, holes are
    filled and no percentile is cut).
    """
    front, coordinates, explained = front_coordinates(projections, grid, foreground, lead)
    return as_colours(front, coordinates, explained, colour_ends(coordinates))


def front_coordinates(
    projections: Array, grid: tuple[int, int], foreground: bool = True, lead: Array | None = None
) -> tuple[Array, Array, Array]:
    """What pca_rgb colours: the foreground, bool (rows,cols), its principal coordinates (n,3) and their shares (3,)."""
    features = patch_features(projections, grid)
    front = _foreground(features, grid, lead) if foreground else np.ones(grid, bool)
    return front, *pca_coordinates(features[front.ravel()], 3)


def colour_ends(coordinates: Array) -> tuple[Array, Array]:
    """Which coordinates become 0 and 1 of a colour: the 1st and 99th percentile of each, (3,) and (3,)."""
    low, high = np.percentile(coordinates, [1, 99], axis=0)
    return low, high


def as_colours(front: Array, coordinates: Array, explained: Array, ends: tuple[Array, Array]) -> PcaRgb:
    """Coordinates (n,3) of the foreground's patches as colours between these ends; one without a span is 0.5."""
    low, high = ends
    rgb = np.zeros((*front.shape, 3))
    scaled = (coordinates - low) / np.where(high > low, high - low, 1.0)
    rgb[front] = np.where(high > low, np.clip(scaled, 0.0, 1.0), 0.5)
    return PcaRgb(read_only(rgb), read_only(explained), read_only(front))


def pca_coordinates(features: Array, components: int) -> tuple[Array, Array]:
    """Principal coordinates of feature rows: (N,components) and the share of the variance of each (components,).

    features: (N,f), centred here. Components beyond the rank are zero. Deterministic: an exact solver, and each
    component's largest loading is positive. Raises ValueError if features is not 2-D or empty or components < 1.
    """
    if features.ndim != 2 or features.size == 0 or components < 1:
        raise ValueError(f"expected (N,f) features and components >= 1, got {features.shape} and {components}")
    centred = features - features.mean(axis=0, dtype=np.float64)
    wide = centred.shape[1] > centred.shape[0]
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)  # the smaller of the two
    available, total = min(components, len(values)), float(np.sum(centred**2))
    explained = np.zeros(components)
    explained[:available] = np.maximum(values[::-1][:available], 0.0) / (total or 1.0)
    explained[explained < SAME_AS_NOISE] = 0.0
    axes = vectors[:, ::-1][:, :available]
    axes = centred.T @ axes if wide else axes
    axes = axes / np.where(explained[:available] > 0, np.linalg.norm(axes, axis=0), 1.0)
    axes = axes * np.sign(axes[np.argmax(np.abs(axes), axis=0), np.arange(available)])
    coordinates = np.zeros((len(features), components))
    coordinates[:, :available] = (centred @ axes) * (explained[:available] > 0)
    return coordinates, explained


def strongest_subspace(subspace: Array, grid: tuple[int, int], relative: bool = True) -> Array:
    """The head in which each patch has the most energy: argmax over k of ‖u_k‖². Returns int (rows,cols), heads from 0.

    relative: divide each head's energies by their mean over the patches first, so the map says where a head is
    stronger *than usual for it*; without it (plain energy) a head with large weights wins everywhere.
    subspace: (K,N,p). The lowest head wins a tie. Raises ValueError as patch_features does.
    """
    energy = patch_features(subspace, grid).reshape(-1, subspace.shape[0], subspace.shape[2])
    energy = np.sum(energy**2, axis=-1)
    if relative:
        mean = energy.mean(axis=0)
        energy = energy / np.where(mean > 0, mean, 1.0)
    return np.argmax(energy, axis=-1).reshape(grid)


def kmeans_segments(projections: Array, grid: tuple[int, int], clusters: int = 6, seed: int = 0) -> Array:
    """Patches grouped by the direction of their features: k-means on features of length 1 (spherical).

    projections: (K,N,p). Returns int (rows,cols); labels by size, 0 = the largest segment, so
    that colours stay put. At most `clusters` labels: fewer when fewer patches differ.
    Raises ValueError as patch_features does, or if clusters < 1.
    """
    if clusters < 1:
        raise ValueError(f"clusters must be at least 1, got {clusters}")
    from sklearn.cluster import KMeans

    features = unit_rows(patch_features(projections, grid))
    clusters = min(clusters, len(np.unique(features, axis=0)))
    restarts: Any = 3  # annotated by scikit-learn as str, from its default
    labels = KMeans(clusters, n_init=restarts, random_state=seed).fit_predict(features)
    largest_first = np.argsort(-np.bincount(labels, minlength=clusters), kind="stable")
    return np.argsort(largest_first)[labels].reshape(grid)


def unit_rows(features: Array) -> Array:
    """Each row scaled to length 1; a zero row stays zero."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(length > 0, length, 1.0)


def _foreground(features: Array, grid: tuple[int, int], lead: Array | None) -> Array:
    """The side of the first component with more of lead, else with fewer patches on the border: bool (rows,cols)."""
    first = pca_coordinates(features, 1)[0][:, 0]
    span = np.ptp(first)
    side = ((first - first.min()) / (span if span > 0 else 1.0) > 0.5).reshape(grid)
    if min(np.count_nonzero(side), np.count_nonzero(~side)) < MIN_SIDE:
        return np.ones(grid, bool)
    if lead is not None and (held := np.count_nonzero(side & lead)) != (other := np.count_nonzero(~side & lead)):
        return side if held > other else ~side
    border = np.ones(grid, bool)
    border[1:-1, 1:-1] = False
    return side if np.count_nonzero(side & border) <= np.count_nonzero(~side & border) else ~side
