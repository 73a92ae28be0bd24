"""Quantities over layers."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.figures import quantities, style
from explorer.figures.checks import alike, finite
from explorer.trace import Array


def layer_curve(
    values: Array,
    control: Array | None = None,
    *,
    label: str,
    title: str = "",
    color: str | None = None,
    selected: int | None = None,
    spread: Array | None = None,
    control_spread: Array | None = None,
    bounds: tuple[float, float] | None = None,
    name: str = "trained",
    control_name: str = style.CONTROL_NAME,
    axis: str = quantities.LAYER_LABEL,
    first: int = 1,
    ghost: Array | None = None,
) -> go.Figure:
    """A quantity at every layer, trained against the random-init control.

    values, control: (L,), entry 0 is layer 1. label: axis label with the unit, of quantities; it chooses the colour
    unless color is given. selected: layer, from 1, marked by a line and a larger marker. spread, control_spread:
    (L,), half the height of the bands. bounds: (floor, ceiling) of the quantity, drawn as dotted lines.
    axis, first: for steps that are not layers, what they are called and the number of the first one. ghost: (L,), the
    values as trained where `values` are of turned knobs, drawn thin and dotted behind them.
    Raises ValueError for NaN, for shapes that differ, or if selected is no layer.
    """
    values = finite(values, 1, "values")
    control, spread = alike(control, values, "control"), alike(spread, values, "spread")
    control_spread, ghost = alike(control_spread, values, "control_spread"), alike(ghost, values, "ghost")
    steps = np.arange(first, first + len(values))
    if selected is not None and selected not in steps:
        raise ValueError(f"selected must be a {axis} in {steps[0]} … {steps[-1]}, got {selected}")
    look = style.look_of(label)
    color = color or look.color
    figure = go.Figure()
    _band(figure, steps, control, control_spread, style.CONTROL_COLOR)
    _band(figure, steps, values, spread, color)
    if control is not None:
        figure.add_trace(_curve(steps, control, look, control_name, style.CONTROL_COLOR, "dash", None, axis))
    if ghost is not None:
        old = _curve(steps, ghost, look, style.GHOST_NAME, color, "dot", None, axis)
        figure.add_trace(old.update(opacity=style.GHOST_OPACITY))
    figure.add_trace(_curve(steps, values, look, name, color, "solid", selected, axis))
    for edge, text in zip(bounds or (), ("floor", "ceiling"), strict=False):
        figure.add_hline(y=edge, line={"dash": "dot", "width": 1.2, "color": style.CONTROL_COLOR})
        figure.add_annotation(
            text=text, x=1, xref="paper", y=edge, showarrow=False, xanchor="right", yanchor=_inside(text), opacity=0.75
        )
    _layer_axis(figure, steps, selected, axis)
    figure.update_yaxes(title=label, tickformat=style.tick_format(look))
    figure.update_layout(legend_traceorder="reversed")  # the trained curve is drawn last, on top, and named first
    return style.finish(figure, title, style.CURVE_HEIGHT, legend=control is not None or ghost is not None)


def mark_boundary(figure: go.Figure, boundary: float, axis: str) -> go.Figure:
    """Split the steps of a layer_curve in two: a thin line at x = boundary; axis says what lies on its sides."""
    figure.add_vline(x=boundary, line={"width": 1, "color": style.CONTROL_COLOR}, opacity=0.6)
    return figure.update_xaxes(title=axis)


def stacked_heads(per_head: Array, *, label: str = quantities.RATE_LABEL, title: str = "") -> go.Figure:
    """What each head adds to the sum at every layer. per_head: (L,K), not negative; entry [0,0] is layer 1, head 1.

    Raises ValueError for NaN, negative entries or other shapes.
    """
    per_head = finite(per_head, 2, "per_head")
    if (per_head < 0).any():
        raise ValueError("shares of a stack must not be negative")
    look, layers = style.look_of(label), np.arange(1, len(per_head) + 1)
    figure = go.Figure()
    for head, column in enumerate(per_head.T):
        figure.add_bar(
            x=layers,
            y=column,
            name=f"head {head + 1}",
            marker={"color": style.head_color(head), "line": {"width": 0}},
            hovertemplate=f"layer %{{x}}, head {head + 1}: {style.hover('y', look)}<extra></extra>",
        )
    figure.add_scatter(
        x=layers,
        y=per_head.sum(axis=1),
        name="sum of all heads",
        mode="markers",
        marker={"symbol": "line-ew", "size": 14, "line": {"width": 2, "color": style.CONTROL_COLOR}},
        hovertemplate=f"layer %{{x}}, all heads: {style.hover('y', look)}<extra></extra>",
    )
    _layer_axis(figure, layers, None)
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_yaxes(title=label, rangemode="tozero", tickformat=style.tick_format(look))
    style.finish(figure, title, style.CURVE_HEIGHT, legend=True)
    return figure.update_layout(
        legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"}, margin_t=style.title_room(title)
    )


def _curve(
    steps: Array,
    values: Array,
    look: quantities.Quantity,
    name: str,
    color: str,
    dash: str,
    selected: int | None,
    axis: str,
) -> go.Scatter:
    return go.Scatter(
        x=steps,
        y=values,
        name=name,
        mode="lines+markers",
        line={"color": color, "dash": dash, "width": 2.5 if dash == "solid" else 2},
        marker={"color": color, "opacity": 1.0, "size": np.where(steps == selected, 13, 7 if dash == "solid" else 5)},
        hovertemplate=f"{axis} %{{x}}: {style.hover('y', look)}<extra>{name}</extra>",
    )


def _band(figure: go.Figure, steps: Array, values: Array | None, spread: Array | None, color: str) -> None:
    if values is None or spread is None:
        return
    figure.add_scatter(
        x=np.concatenate([steps, steps[::-1]]),
        y=np.concatenate([values + spread, (values - spread)[::-1]]),
        fill="toself",
        fillcolor=style.rgba(color, 0.18),
        line={"width": 0},
        mode="lines",
        name="± spread",
        hoverinfo="skip",
        showlegend=False,
    )


def _layer_axis(figure: go.Figure, steps: Array, selected: int | None, axis: str = quantities.LAYER_LABEL) -> None:
    first, last = int(steps[0]), int(steps[-1])
    every = 1 if len(steps) <= 14 else 2 if len(steps) <= 28 else 4
    figure.update_xaxes(title=axis, tick0=first, dtick=every, range=[first - 0.6, last + 0.6], showgrid=False)
    if selected is not None:
        figure.add_vline(
            x=selected, line={"dash": "dot", "width": 1.5, "color": style.SELECTED_COLOR}, layer="below", opacity=0.8
        )


def _inside(edge: str) -> str:
    """Where a bound's name stands, so that it lies between the two lines."""
    return "bottom" if edge == "floor" else "top"
