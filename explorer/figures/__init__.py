"""Figures from numbers: Plotly figures and pictures. Nothing here measures, and nothing here is a widget."""

from explorer.figures.bars import head_bars, prediction_bars, ranked_bars, value_histogram
from explorer.figures.cloud import (
    TokenColours,
    contact_sheet,
    label_colours,
    photo_colours,
    photo_number_colours,
    position_colours,
    value_colours,
)
from explorer.figures.curves import layer_curve, mark_boundary, stacked_heads
from explorer.figures.evaluation import Dots, Series, epoch_color, interval_dots, scale_curves
from explorer.figures.ledger import cosine_curve, distortion_curve, ledger_curve
from explorer.figures.maps import code_map
from explorer.figures.matrices import MAX_CELLS, cross_matrix, matrix_map, matrix_row, pair_matrix
from explorer.figures.pictures import (
    heat_overlay,
    jpeg_bytes,
    label_overlay,
    png_bytes,
    rgb_overlay,
    sheet,
    threshold_overlay,
)
from explorer.figures.points import Points, point_map
from explorer.figures.quantities import *  # noqa: F403  # every label by its name: one line is all that a quantity takes
from explorer.figures.spaces import subspace_cloud
from explorer.figures.spectra import head_curves, quantile_plot, rank_curves, reference_line
from explorer.figures.style import (
    CONTROL_COLOR,
    CONTROL_NAME,
    GHOST_NAME,
    HEAD_COLORS,
    OBJECT_COLORS,
    head_color,
    look_of,
)
from explorer.figures.text import share_colours

__all__ = [
    "CONTROL_COLOR",
    "CONTROL_NAME",
    "GHOST_NAME",
    "HEAD_COLORS",
    "MAX_CELLS",
    "OBJECT_COLORS",
    "Dots",
    "Points",
    "Series",
    "TokenColours",
    "code_map",
    "contact_sheet",
    "cosine_curve",
    "cross_matrix",
    "distortion_curve",
    "epoch_color",
    "head_bars",
    "head_color",
    "head_curves",
    "heat_overlay",
    "interval_dots",
    "jpeg_bytes",
    "label_colours",
    "label_overlay",
    "layer_curve",
    "ledger_curve",
    "look_of",
    "mark_boundary",
    "matrix_map",
    "matrix_row",
    "pair_matrix",
    "photo_colours",
    "photo_number_colours",
    "png_bytes",
    "point_map",
    "position_colours",
    "prediction_bars",
    "quantile_plot",
    "rank_curves",
    "ranked_bars",
    "reference_line",
    "rgb_overlay",
    "scale_curves",
    "share_colours",
    "sheet",
    "stacked_heads",
    "subspace_cloud",
    "threshold_overlay",
    "value_colours",
    "value_histogram",
]
