"""The look, in one place: colours, scales, numbers in hover texts, and the frame of every figure.

Text and grid colours are left to the page's theme, so that the figures read in light and dark. The fixed colours
keep a contrast of at least 1.7 to white and 3 to the dark background, and stay apart for colour-blind readers.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.colors import diverging, sequential

from explorer.figures.quantities import QUANTITIES, Quantity
from explorer.trace import Array

CONTROL_NAME = "random-init control"
GHOST_NAME = "as trained"
GHOST_OPACITY = 0.65
CONTROL_COLOR = "#8a8f99"
SELECTED_COLOR = "#d2459b"
WORSE_COLOR = "#c33c00"
"""Where a step did the opposite of its task; always with a mark or a word beside the colour."""

CURVE_HEIGHT = 340
MAP_HEIGHT = 360
BUTTONS_HEIGHT = 24
"""Above the title of every figure, for the buttons that a page shows with it."""
ANGLE_STEP = 30
"""Degrees between the ticks of a colour bar: Plotly's own round steps, 20 or 50, miss the right angle."""

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


def look_of(label: str) -> Quantity:
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
    """The colour bar of a quantity: its label with unit along the side, and few, round steps."""
    return {
        "title": {"text": look.label, "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickformat": tick_format(look),
        **({"dtick": ANGLE_STEP} if look.unit == "degrees" else {"nticks": 6}),
    }


def tick_format(look: Quantity) -> str | None:
    """Shares are ticked in per cent; for the rest Plotly's own choice is best."""
    return ".3~p" if look.number.endswith("%") else None


def title_room(title: str) -> int:
    """The margin above a figure for its buttons and its title, in pixels; a legend comes on top."""
    return BUTTONS_HEIGHT + (40 if title else 8)


def frame(title: str, height: int, legend: bool) -> dict[str, object]:
    """Title, margins, legend and transparent background, the same for every figure: part of a layout.

    height: without the room for the buttons.
    """
    pad = {"t": BUTTONS_HEIGHT + 8, "l": 4}
    return {
        "title": {"text": title, "x": 0, "xref": "container", "y": 1, "yanchor": "top", "pad": pad},
        "height": height + BUTTONS_HEIGHT,
        "margin": {"l": 8, "r": 12, "t": title_room(title) + (26 if legend else 0), "b": 8},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "title": {"text": ""}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": CONTROL_COLOR, "activecolor": SELECTED_COLOR},
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
