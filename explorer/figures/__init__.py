"""Figures from numbers: Plotly figures and pictures. Nothing here measures, and nothing here is a widget."""

from explorer.figures.bars import head_bars, prediction_bars
from explorer.figures.curves import histogram_before_after, layer_curve, stacked_heads
from explorer.figures.maps import patch_map, token_heatmap
from explorer.figures.pictures import (
    heat_overlay,
    heat_picture,
    jpeg_bytes,
    label_overlay,
    mask_overlay,
    png_bytes,
    rgb_overlay,
    threshold_overlay,
)
from explorer.figures.style import (
    ATTENTION_LABEL,
    CHANGE_LABEL,
    CONTROL_NAME,
    ENTRY_LABEL,
    NONZERO_LABEL,
    NORM_LABEL,
    RANK_LABEL,
    RATE_LABEL,
    REDUCTION_LABEL,
    TOKEN_RATE_LABEL,
    WHOLE_RATE_LABEL,
)

__all__ = [
    "ATTENTION_LABEL",
    "CHANGE_LABEL",
    "CONTROL_NAME",
    "ENTRY_LABEL",
    "NONZERO_LABEL",
    "NORM_LABEL",
    "RANK_LABEL",
    "RATE_LABEL",
    "REDUCTION_LABEL",
    "TOKEN_RATE_LABEL",
    "WHOLE_RATE_LABEL",
    "head_bars",
    "heat_overlay",
    "heat_picture",
    "histogram_before_after",
    "jpeg_bytes",
    "label_overlay",
    "layer_curve",
    "mask_overlay",
    "patch_map",
    "png_bytes",
    "prediction_bars",
    "rgb_overlay",
    "stacked_heads",
    "threshold_overlay",
    "token_heatmap",
]
