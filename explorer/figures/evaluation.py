"""Measured results: means with their intervals side by side, and how a quantity falls along a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explorer.figures import style
from explorer.figures.checks import alike, finite
from explorer.trace import Array

ROW_HEIGHT = 26
CAP = 4
SHIFT = 0.26
"""Between the dots of one row, in rows."""
PER_LINE, LINE_HEIGHT = 2, 20
"""Names in one line of a legend above a chart of half a page, and its pixels."""
MAX_ACROSS = 3
"""Names that a legend above a chart of half a page holds; more stand beside it."""
MAX_TICKS = 14
EPOCH_SCALE: style.Scale = [[0.0, "#e1b02d"], [0.5, "#d2459b"], [1.0, "#2d5ac3"]]


@dataclass(frozen=True)
class Dots:
    """Results in one colour. rows: where they stand, one name each. values, low, high: (n,). listed: in the legend."""

    name: str
    rows: Sequence[str]
    values: Array
    low: Array
    high: Array
    color: str
    symbol: str = "circle"
    listed: bool = True


@dataclass(frozen=True)
class Series:
    """One curve. x, y: (n,). low, high: (n,) the ends of its band, or None."""

    name: str
    x: Array
    y: Array
    color: str
    low: Array | None = None
    high: Array | None = None
    dash: str = "solid"


def interval_dots(groups: Sequence[Dots], *, label: str, title: str = "", zero: bool = False) -> go.Figure:
    """A dot for each result with its 95 % interval, rows from top to bottom as they first come.

    label: of quantities. zero: values are differences, of which zero is marked. Where an interval is unknown its ends
    equal the value. Raises ValueError for NaN, lengths that differ, or no rows.
    """
    rows = list(dict.fromkeys(row for group in groups for row in group.rows))
    if not rows:
        raise ValueError("no results to draw")
    look, figure, heights = style.look_of(label), go.Figure(), _heights(groups, rows)
    for group, at in zip(groups, heights, strict=True):
        values = finite(group.values, 1, group.name)
        low, high = alike(group.low, values, "low"), alike(group.high, values, "high")
        if len(group.rows) != len(values) or low is None or high is None:
            raise ValueError(f"{len(group.rows)} rows do not fit {len(values)} values")
        figure.add_scatter(
            x=values, y=at, name=group.name, mode="markers", showlegend=group.listed,
            error_x={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low,
                     "thickness": 1.8, "width": CAP, "color": group.color},
            marker={"color": group.color, "size": 9, "symbol": group.symbol}, cliponaxis=False,
            customdata=[[row, *ends] for row, *ends in zip(group.rows, low.tolist(), high.tolist(), strict=True)],
            hovertemplate=f"%{{customdata[0]}}: {style.hover('x', look)}<br>{style.hover('customdata[1]', look)} to "
            f"{style.hover('customdata[2]', look)}<extra>{group.name}</extra>",
        )  # fmt: skip
    if zero:
        figure.add_vline(x=0, line={"width": 1.2, "color": style.CONTROL_COLOR}, layer="below")
    figure.update_xaxes(title=label, rangemode="normal" if zero else "tozero", tickformat=style.tick_format(look))
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=rows, range=[len(rows) - 0.4, -0.6], zeroline=False, ticks=""
    )
    sharing = max(sum(row in group.rows for group in groups) for row in rows)
    lines = -(-sum(group.listed for group in groups) // PER_LINE) if len(groups) > 1 else 0
    room = ROW_HEIGHT * len(rows) * (1 + SHIFT * (sharing - 1)) + LINE_HEIGHT * lines
    style.finish(figure, title, round(80 + room + (32 if title else 0)), legend=lines > 0)
    return figure.update_layout(margin_t=figure.layout.margin.t + LINE_HEIGHT * max(lines - 1, 0))  # pyright: ignore[reportAttributeAccessIssue]


def _heights(groups: Sequence[Dots], rows: Sequence[str]) -> list[list[float]]:
    """Where the dots stand: row numbers from the top, groups that share a row one below the other."""
    sharing = {row: [i for i, group in enumerate(groups) if row in group.rows] for row in rows}
    return [
        [rows.index(row) + SHIFT * (sharing[row].index(i) - (len(sharing[row]) - 1) / 2) for row in group.rows]
        for i, group in enumerate(groups)
    ]


def epoch_color(index: int, count: int) -> str:
    """Colour of the index-th of `count` epochs: from pale to strong, readable on light and dark."""
    red, green, blue = style.lookup(EPOCH_SCALE)[round(255 * index / max(count - 1, 1))]
    return f"#{red:02x}{green:02x}{blue:02x}"


def scale_curves(series: Sequence[Series], *, label: str, across: str, title: str = "") -> go.Figure:
    """Curves along a scale with their bands. label: of quantities. across: the horizontal axis.

    Raises ValueError for NaN, lengths that differ, or no curve.
    """
    if not series:
        raise ValueError("no curves to draw")
    look, figure = style.look_of(label), go.Figure()
    for one in series:
        x, y = finite(one.x, 1, "x"), alike(one.y, finite(one.x, 1, "x"), one.name)
        low, high = alike(one.low, x, "low"), alike(one.high, x, "high")
        if low is not None and high is not None:
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="lines",
                fillcolor=style.rgba(one.color, 0.14), line={"width": 0}, hoverinfo="skip", showlegend=False,
                name=f"{one.name}, interval",
            )  # fmt: skip
        figure.add_scatter(
            x=x, y=y, name=one.name, mode="lines+markers", line={"color": one.color, "dash": one.dash, "width": 2.2},
            marker={"size": 6, "color": one.color},
            hovertemplate=f"{across} %{{x}}: {style.hover('y', look)}<extra>{one.name}</extra>",
        )  # fmt: skip
    places = sorted({float(x) for one in series for x in one.x})
    figure.update_xaxes(title=across, showgrid=False, tickvals=places if len(places) <= MAX_TICKS else None)
    figure.update_yaxes(title=label, tickformat=style.tick_format(look))
    style.finish(figure, title, style.CURVE_HEIGHT, legend=len(series) > 1)
    if len(series) <= MAX_ACROSS:
        return figure
    beside = {"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"}
    return figure.update_layout(legend=beside, margin_t=style.title_room(title))
