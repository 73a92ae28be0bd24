"""The look, in one place: a quantity has the same colour, label, unit and number format on every page.

Text and grid colours are left to the page's theme, so that the figures read in light and dark. The fixed colours
keep a contrast of at least 1.7 to white and 3 to the dark background, and stay apart for colour-blind readers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.colors import diverging, sequential

from explorer.trace import Array

RATE_LABEL = "R<sup>c</sup> (nats)"
WHOLE_RATE_LABEL = "R (nats)"
REDUCTION_LABEL = "R − R<sup>c</sup> (nats)"
NONZERO_LABEL = "non-zero entries (share)"
TOKEN_RATE_LABEL = "rate per token (nats)"
NORM_LABEL = "norm of a token"
RANK_LABEL = "effective rank (directions)"
ATTENTION_LABEL = "attention (share)"
SURPRISE_LABEL = "surprise (nats per token)"
CROSS_ENTROPY_LABEL = "cross-entropy (nats)"
PERPLEXITY_LABEL = "perplexity"
SCORE_LABEL = "change of the score (logits, mean 0)"
FIRING_LABEL = "above 0 (share of tokens)"
WORD_SHARE_LABEL = "of its sum at its first word (share)"
ENTRY_LABEL = "entry of a token"
CHANGE_LABEL = "change of a token (norm)"
OBJECTIVE_LABEL = "R − R<sup>c</sup> − λ‖Z‖<sub>0</sub> (nats)"
L0_LABEL = "‖Z‖<sub>0</sub> (entries)"
L1_LABEL = "‖Z‖<sub>1</sub> (sum of |entries|)"
COSINE_LABEL = "cosine"
PROGRESS_LABEL = "share of the way"
BITS_LABEL = "R (bits per token)"
DIRECTIONS_LABEL = "directions above ε"
OVERLAP_LABEL = "share of R<sup>c</sup> told twice"
OWN_SHARE_LABEL = "energy in its own subspace (share)"
LEFT_OVER_LABEL = "left over (share of the squared norm)"
TOKEN_COSINE_LABEL = "cosine with the token"
CODE_LABEL = "entry of a code"
L1_MEAN_LABEL = "mean |entry|"
ERROR_LABEL = "reconstruction error (share)"
COLUMN_COSINE_LABEL = "|cos| of two columns"
GRAM_LABEL = "|entry| of D<sup>⊤</sup>D"
ANGLE_LABEL = "principal angle (degrees)"
SPAN_OVERLAP_LABEL = "overlap of two subspaces (share)"
SINGULAR_LABEL = "singular value"
ALIGNMENT_LABEL = "axis alignment (1 = none)"
ENERGY_LABEL = "energy in a subspace (share)"
SPREAD_LABEL = "subspaces that a token uses"
SUPPORT_LABEL = "tokens in common (share)"
KURTOSIS_LABEL = "kurtosis (1 = Gaussian)"
DISTANCE_LABEL = "squared distance from the mean"
DIVERGENCE_LABEL = "change of the prediction, KL (nats)"
MASK_CHANGE_LABEL = "change of the mask (1 − IoU)"
CORLOC_LABEL = "CorLoc (share of images)"
BOX_OVERLAP_LABEL = "IoU of the box"
BOX_KEPT_LABEL = "IoU with the undisturbed box"
ACCURACY_LABEL = "accuracy (share)"
APART_LABEL = "divergence of the heads (share of log<sub>2</sub> K)"
CONSTANCY_LABEL = "cosine with the same head elsewhere"
CKA_LABEL = "CKA (1 = the same)"
ATTENTION_CHANGE_LABEL = "change of attention, JS (bits)"
WEIGHT_CHANGE_LABEL = "relative change of the weights"
ATOM_LABEL = "|cos| of matched atoms"
LIFT_LABEL = "attention in the box ÷ its area"
MASK_OVERLAP_LABEL = "mIoU"
PRECISION_LABEL = "average precision"
LAYER_LABEL = "layer"
STEP_LABEL = "step"
HEAD_LABEL = "head (subspace)"

CONTROL_NAME = "random-init control"
GHOST_NAME = "as trained"
GHOST_OPACITY = 0.65
CONTROL_COLOR = "#8a8f99"
SELECTED_COLOR = "#d2459b"
WORSE_COLOR = "#c33c00"
"""Where a step did the opposite of its task; always with a mark or a word beside the colour."""

CURVE_HEIGHT = 340
MAP_HEIGHT = 360


@dataclass(frozen=True)
class Quantity:
    """How one quantity looks. number: a d3 format. unit: follows the number; empty where there is none."""

    label: str
    color: str
    number: str = ",.4~g"
    unit: str = ""


QUANTITIES = {
    quantity.label: quantity
    for quantity in (
        Quantity(RATE_LABEL, "#2d87d2", ",.1f", "nats"),
        Quantity(SURPRISE_LABEL, "#b3446c", ",.2f", "nats"),
        Quantity(CROSS_ENTROPY_LABEL, "#b3446c", ",.3f", "nats"),
        Quantity(PERPLEXITY_LABEL, "#b3446c", ",.1f"),
        Quantity(SCORE_LABEL, "#2d5ac3", ".3~g"),
        Quantity(FIRING_LABEL, "#e0730d", ".1%"),
        Quantity(WORD_SHARE_LABEL, "#1e8a3c", ".1%"),
        Quantity(WHOLE_RATE_LABEL, "#14a085", ",.1f", "nats"),
        Quantity(REDUCTION_LABEL, "#9669c5", ",.1f", "nats"),
        Quantity(NONZERO_LABEL, "#e0730d", ".1%"),
        Quantity(TOKEN_RATE_LABEL, "#2d87d2", ",.2f", "nats"),
        Quantity(NORM_LABEL, "#b4557f", ",.3~g"),
        Quantity(RANK_LABEL, "#a0782c", ",.1f", "directions"),
        Quantity(ATTENTION_LABEL, "#e0730d", ".2%"),
        Quantity(ENTRY_LABEL, "#2d5ac3", ".3~g"),
        Quantity(CHANGE_LABEL, "#b4557f", ",.3~g"),
        Quantity(OBJECTIVE_LABEL, "#2d5ac3", ",.1f", "nats"),
        Quantity(L0_LABEL, "#e0730d", ",.0f", "entries"),
        Quantity(L1_LABEL, "#e0730d", ",.0f"),
        Quantity(COSINE_LABEL, "#9a7b4f", ".3f"),
        Quantity(PROGRESS_LABEL, "#1e8a3c", ".1%"),
        Quantity(BITS_LABEL, "#14a085", ",.2f", "bits"),
        Quantity(DIRECTIONS_LABEL, "#a0782c", ",.1f", "directions"),
        Quantity(OVERLAP_LABEL, "#964b9a", ".1%"),
        Quantity(OWN_SHARE_LABEL, "#1e8a3c", ".1%"),
        Quantity(LEFT_OVER_LABEL, "#c33c00", ".1%"),
        Quantity(TOKEN_COSINE_LABEL, "#2d87d2", ".3f"),
        Quantity(CODE_LABEL, "#2d5ac3", ",.3~g"),
        Quantity(L1_MEAN_LABEL, "#2d5ac3", ",.3~g"),
        Quantity(ERROR_LABEL, "#c33c00", ".1%"),
        Quantity(COLUMN_COSINE_LABEL, "#2d87d2", ".3f"),
        Quantity(GRAM_LABEL, "#14a085", ".3f"),
        Quantity(ANGLE_LABEL, "#9669c5", ".1f", "degrees"),
        Quantity(SPAN_OVERLAP_LABEL, "#9669c5", ".1%"),
        Quantity(SINGULAR_LABEL, "#14a085", ".3f"),
        Quantity(ALIGNMENT_LABEL, "#b4557f", ".2f"),
        Quantity(ENERGY_LABEL, "#e0730d", ".1%"),
        Quantity(SPREAD_LABEL, "#14a085", ".2f", "subspaces"),
        Quantity(SUPPORT_LABEL, "#e0730d", ".1%"),
        Quantity(KURTOSIS_LABEL, "#2d87d2", ".3f"),
        Quantity(DISTANCE_LABEL, "#2d87d2", ".1f"),
        Quantity(DIVERGENCE_LABEL, "#c8502f", ",.3~g", "nats"),
        Quantity(MASK_CHANGE_LABEL, "#7f8f22", ".1%"),
        Quantity(CORLOC_LABEL, "#1e8a3c", ".1%"),
        Quantity(BOX_OVERLAP_LABEL, "#14a085", ".3f"),
        Quantity(BOX_KEPT_LABEL, "#14a085", ".3f"),
        Quantity(ACCURACY_LABEL, "#2d87d2", ".1%"),
        Quantity(APART_LABEL, "#e0730d", ".1%"),
        Quantity(CONSTANCY_LABEL, "#9a7b4f", ".3f"),
        Quantity(CKA_LABEL, "#14a085", ".3f"),
        Quantity(ATTENTION_CHANGE_LABEL, "#c8502f", ".3f", "bits"),
        Quantity(WEIGHT_CHANGE_LABEL, "#b4557f", ".3f"),
        Quantity(ATOM_LABEL, "#2d87d2", ".3f"),
        Quantity(LIFT_LABEL, "#1e8a3c", ".2f"),
        Quantity(MASK_OVERLAP_LABEL, "#14a085", ".3f"),
        Quantity(PRECISION_LABEL, "#9669c5", ".3f"),
    )
}

# The order keeps neighbours far apart, also under simulated deuteranopia, protanopia and tritanopia.
HEAD_COLORS = (
    "#2d87d2", "#e1b02d", "#964b9a", "#00b39f", "#c33c00", "#78c8f0", "#b46978", "#1e8a3c",
    "#8aa4ff", "#ff7a1f", "#2d5ac3", "#a5c878", "#d2459b", "#3ca5c3", "#9a7b4f", "#9678ff",
)  # fmt: skip
OBJECT_COLORS = ("#ff7a1f", "#2fb5ff", "#f2d13c", "#d05cc4", "#35c98a", "#f0566f")

Scale = list[list[float | str]]


def _scale(colors: list[str]) -> Scale:
    return [[k / (len(colors) - 1), color] for k, color in enumerate(colors)]


HEAT_SCALE = _scale(sequential.Inferno)
"""Attention and other heat laid over photos."""
RATE_SCALE = _scale(sequential.Viridis)
"""Rates and norms of patches."""
SIGNED_SCALE = _scale(diverging.RdBu_r)
"""Signed values, centred on zero."""
CODE_SCALE: Scale = [[0.0, "rgba(214,80,70,0)"], [0.25, "rgba(214,80,70,0.45)"], [1.0, "rgba(214,80,70,1)"]]
"""Entries of codes: red above zero as in SIGNED_SCALE; zero is clear, so that no theme gets a glaring block."""


def quantity(label: str) -> Quantity:
    """The look of a labelled quantity; an unknown label gets the first colour and the unit in its parentheses."""
    if label in QUANTITIES:
        return QUANTITIES[label]
    unit = label.rsplit("(", 1)[1].rstrip(")") if label.endswith(")") and "(" in label else ""
    return Quantity(label, HEAD_COLORS[0], unit=unit)


def head_color(head: int) -> str:
    """Colour of head `head`, counted from 0; the palette starts again after 16."""
    return HEAD_COLORS[head % len(HEAD_COLORS)]


def hover(reference: str, look: Quantity) -> str:
    """A number in a hover text with its unit: hover("y", …) → "%{y:,.1f} nats"."""
    return f"%{{{reference}:{look.number}}}{' ' + look.unit if look.unit else ''}"


def rgba(color: str, alpha: float) -> str:
    """#rrggbb with an opacity, as CSS."""
    red, green, blue = _channels(color)
    return f"rgba({red},{green},{blue},{alpha:g})"


def colors_array(colors: tuple[str, ...]) -> Array:
    """Colours #rrggbb as uint8 (len, 3)."""
    return np.array([_channels(color) for color in colors], np.uint8)


def lookup(scale: Scale) -> Array:
    """A scale as a table of 256 colours, uint8 (256,3); interpolated like Plotly does."""
    stops = np.array([float(stop) for stop, _ in scale])
    channels = np.array([_channels(str(color)) for _, color in scale], np.float64)
    at = np.linspace(0, 1, 256)
    return np.stack([np.interp(at, stops, channel) for channel in channels.T], axis=1).round().astype(np.uint8)


def ink_on(scale: Scale, share: float) -> str:
    """Black or white: what has the higher contrast (WCAG 2) with a scale's colour. share: its place, clipped to 0…1."""
    channels = lookup(scale)[round(255 * min(max(share, 0.0), 1.0))] / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return "#000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#fff"


def _channels(color: str) -> tuple[int, int, int]:
    if color.startswith("rgb("):
        red, green, blue = (int(part) for part in color[4:-1].split(","))
        return red, green, blue
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def colorbar(look: Quantity) -> dict[str, object]:
    """The colour bar of a quantity: its label with unit along the side."""
    return {
        "title": {"text": look.label, "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickformat": tick_format(look),
    }


def tick_format(look: Quantity) -> str | None:
    """Shares are ticked in per cent; for the rest Plotly's own choice is best."""
    return ".3~p" if look.number.endswith("%") else None


def frame(title: str, height: int, legend: bool) -> dict[str, object]:
    """Title, margins, legend and transparent background, the same for every figure: part of a layout."""
    return {
        "title": {"text": title, "x": 0, "xref": "container", "y": 1, "yanchor": "top", "pad": {"t": 8, "l": 4}},
        "height": height,
        "margin": {"l": 8, "r": 12, "t": (40 if title else 8) + (26 if legend else 0), "b": 8},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "title": {"text": ""}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"align": "left", "namelength": -1},
    }


def finish(figure: go.Figure, title: str, height: int, *, legend: bool = False) -> go.Figure:
    """Give a figure its frame. Of the legend it keeps the order alone; overwriting takes a third of merging's time."""
    look = frame(title, height, legend)
    look["legend"] = {**look["legend"], "traceorder": figure.layout.legend.traceorder}  # pyright: ignore
    figure.update_layout(look, overwrite=True)
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
