"""Numbers from arrays: how compressed, how sparse, what attends to what, and which patches belong together.

Every function takes and returns NumPy arrays; none sees a file, a widget or a session. Tokens are rows (the papers
use columns), CLS is row 0, rates are in nats.
"""

from explorer.measures.attention import attention_map, attention_rows, threshold_entries, threshold_mass
from explorer.measures.layers import LayerMeasures, before_threshold, measure_layers, project
from explorer.measures.maskcut import MaskCutResult, affinity, maskcut, second_eigenvector
from explorer.measures.methods import METHODS, RULES, Segments, default_layer, on_pixels, segment_trace, trace_attention
from explorer.measures.projection import (
    PcaRgb,
    kmeans_segments,
    patch_features,
    pca_coordinates,
    pca_rgb,
    strongest_subspace,
)
from explorer.measures.rate import (
    OFFICIAL_EPS_SQUARED,
    coding_rate,
    effective_rank,
    rate_bounds,
    subspace_coding_rate,
    subspace_coding_rate_official,
    subspace_token_rates,
    token_rates,
)
from explorer.measures.segmentation import best_overlap, iou, upsample, upsample_smooth
from explorer.measures.sparsity import l0, l1, l1_mean, nonzero_fraction

__all__ = [
    "METHODS",
    "OFFICIAL_EPS_SQUARED",
    "RULES",
    "LayerMeasures",
    "MaskCutResult",
    "PcaRgb",
    "Segments",
    "affinity",
    "attention_map",
    "attention_rows",
    "before_threshold",
    "best_overlap",
    "coding_rate",
    "default_layer",
    "effective_rank",
    "iou",
    "kmeans_segments",
    "l0",
    "l1",
    "l1_mean",
    "maskcut",
    "measure_layers",
    "nonzero_fraction",
    "on_pixels",
    "patch_features",
    "pca_coordinates",
    "pca_rgb",
    "project",
    "rate_bounds",
    "second_eigenvector",
    "segment_trace",
    "strongest_subspace",
    "subspace_coding_rate",
    "subspace_coding_rate_official",
    "subspace_token_rates",
    "threshold_entries",
    "threshold_mass",
    "token_rates",
    "trace_attention",
    "upsample",
    "upsample_smooth",
]
