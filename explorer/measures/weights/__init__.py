"""Directions of the weights, and whether tokens fit the subspaces that the theory assumes."""

from explorer.measures.weights.geometry import (
    LayerGeometry,
    absolute_cosines,
    axis_alignment,
    block_max,
    block_mean,
    layer_geometry,
    mean_between,
    projected_ranks,
)
from explorer.measures.weights.theory import (
    MIN_TOKENS,
    TOP_TOKENS,
    LayerFit,
    gaussian_kurtosis_spread,
    gaussian_quantiles,
    isotropic_subspaces_per_token,
    layer_fit,
)

__all__ = [
    "MIN_TOKENS",
    "TOP_TOKENS",
    "LayerFit",
    "LayerGeometry",
    "absolute_cosines",
    "axis_alignment",
    "block_max",
    "block_mean",
    "gaussian_kurtosis_spread",
    "gaussian_quantiles",
    "isotropic_subspaces_per_token",
    "layer_fit",
    "layer_geometry",
    "mean_between",
    "projected_ranks",
]
