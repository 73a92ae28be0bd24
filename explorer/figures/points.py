"""Named points in a plane, coloured by group or by a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.figures import style
from explorer.figures.checks import alike, finite
from explorer.trace import Array

POINTS_HEIGHT = 640


@dataclass(frozen=True)
class Points:
    """Points of one name. places: (n,2). names: (n), said under the pointer. color: #rrggbb, unless values (n,) colour
    them. ticks: value → its name on the colour bar. words: (n), drawn beside the points. numbers: (n), what a selected
    point is called, by default its place among these."""

    name: str
    places: Array
    names: Sequence[str]
    color: str = style.CONTROL_COLOR
    values: Array | None = None
    label: str = ""
    ticks: dict[float, str] | None = None
    symbol: str = "circle"
    size: float = 5
    words: Sequence[str] | None = None
    numbers: Array | None = None
    opacity: float = 0.75


def point_map(groups: Sequence[Points], *, axes: tuple[str, str], title: str = "") -> go.Figure:
    """Groups of points over one another, the last on top, with the name of the point under the pointer.

    axes: names of both. Raises ValueError for NaN, places that are not (n,2), or lengths that differ.
    """
    figure = go.Figure()
    for group in groups:
        places = finite(group.places, 2, "places")
        if places.shape != (len(group.names), 2):
            raise ValueError(f"places {places.shape} do not fit {len(group.names)} names in a plane")
        values = alike(group.values, places[:, 0], "values")
        numbers = alike(group.numbers, places[:, 0], "numbers")
        numbers = range(len(places)) if numbers is None else [int(number) for number in numbers]
        look = {"mode": "markers"} if group.words is None else {"mode": "markers+text", "text": list(group.words)}
        add = figure.add_scattergl if group.words is None else figure.add_scatter  # few enough for sharp letters
        add(
            x=places[:, 0], y=places[:, 1], name=group.name, customdata=list(zip(group.names, numbers, strict=True)),
            showlegend=values is None, marker=_marker(group, values), textposition="top center", **look,
            hovertemplate=f"%{{customdata[0]}}<extra>{group.name}</extra>",
        )  # fmt: skip
    ticks = {"showticklabels": False, "zeroline": False, "showgrid": False}
    figure.update_xaxes(title=axes[0], **ticks)
    figure.update_yaxes(title=axes[1], **ticks)
    named = any(group.values is None for group in groups)
    return style.finish(figure, title, POINTS_HEIGHT, legend=named).update_layout(legend_itemsizing="constant")


def _marker(group: Points, values: Array | None) -> dict[str, object]:
    look: dict[str, object] = {"size": group.size, "symbol": group.symbol, "opacity": group.opacity}
    look["line"] = {"width": 0}
    if values is None:
        return {**look, "color": group.color}
    look["line"] = {"width": 0.8, "color": style.CONTROL_COLOR}  # the ends of a scale are as dark or light as a page
    bar = style.colorbar(style.look_of(group.label))
    if group.ticks:
        bar |= {"tickvals": list(group.ticks), "ticktext": list(group.ticks.values())}
    return {**look, "color": np.asarray(values), "colorscale": style.RATE_SCALE, "colorbar": bar}
