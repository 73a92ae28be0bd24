"""One curve for each head: spectra, and sorted distances against those of a Gaussian sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from explorer.figures import style
from explorer.figures.checks import finite
from explorer.trace import Array

MAX_QUANTILES = 120
BAND_NAME = f"{style.CONTROL_NAME.replace(' ', '<br>', 1)}"
"""In two lines: a narrow legend leaves room for the curves."""


def head_curves(
    values: Array, control: Array | None = None, *, label: str, across: str, title: str = "", color: str | None = None
) -> go.Figure:
    """One curve for each head in its colour, and the range of the control's heads as a grey band.

    values: (K,m), control: (K',m); entry [0,0] is head 1 at 1. across: label of the horizontal axis, 1 … m.
    Raises ValueError for NaN or if the lengths differ.
    """
    values = finite(values, 2, "values")
    at, look = np.arange(1, values.shape[1] + 1), style.look_of(label)
    figure = go.Figure()
    if control is not None:
        control = finite(control, 2, "control")
        if control.shape[1] != len(at):
            raise ValueError(f"control must have {len(at)} values for each head, got shape {control.shape}")
        _band(figure, at, control.min(axis=0), control.max(axis=0), BAND_NAME)
    for head, curve in enumerate(values):
        figure.add_scatter(
            x=at,
            y=curve,
            name=f"head {head + 1}",
            mode="lines",
            line={"color": color or style.head_color(head), "width": 2},
            hovertemplate=f"head {head + 1}, %{{x}}: {style.hover('y', look)}<extra></extra>",
        )
    figure.update_xaxes(title=across, showgrid=False)
    figure.update_yaxes(title=label, rangemode="tozero", tickformat=style.tick_format(look))
    return _side_legend(figure, title)


def rank_curves(values: Mapping[str, Array], *, label: str, across: str, title: str = "") -> go.Figure:
    """Values of several models by name, each sorted by itself, the largest first, over the share of them from 0 to 1.

    values: name → (n,); the control is drawn grey and dashed. At most 240 values of each are drawn, evenly spaced,
    both ends among them. Raises ValueError for NaN.
    """
    figure, look = go.Figure(), style.look_of(label)
    for number, (name, some) in enumerate(values.items()):
        ordered = -np.sort(-finite(some, 1, name))
        kept = np.unique(np.linspace(0, len(ordered) - 1, min(2 * MAX_QUANTILES, len(ordered))).round().astype(int))
        figure.add_scatter(
            x=kept / max(len(ordered) - 1, 1),
            y=ordered[kept],
            name=name,
            mode="lines",
            line={
                "color": style.CONTROL_COLOR if name == style.CONTROL_NAME else style.head_color(number),
                "width": 2,
                "dash": "dash" if name == style.CONTROL_NAME else "solid",
            },
            hovertemplate=f"{style.hover('y', look)}<extra>{name}</extra>",
        )
    figure.update_xaxes(title=across, tickformat=".0%", showgrid=False)
    figure.update_yaxes(title=label, rangemode="tozero", tickformat=style.tick_format(look))
    return style.finish(figure, title, style.CURVE_HEIGHT, legend=True)


def quantile_plot(
    observed: Array, expected: Array, control: Array | None = None, *, label: str, across: str, title: str = ""
) -> go.Figure:
    """Sorted values of every head against those expected: on the diagonal where the expected law holds.

    observed: (K,N) ascending, expected: (N,) ascending, control: (K',N) ascending, its heads drawn as a grey band.
    At most 120 of the quantiles are drawn, evenly spaced, the largest among them.
    Raises ValueError for NaN or if the lengths differ.
    """
    observed, expected = finite(observed, 2, "observed"), finite(expected, 1, "expected")
    if observed.shape[1] != len(expected):
        raise ValueError(f"{observed.shape[1]} values cannot be compared with {len(expected)} expected ones")
    kept = np.unique(np.linspace(0, len(expected) - 1, min(MAX_QUANTILES, len(expected))).round().astype(int))
    figure, look = go.Figure(), style.look_of(label)
    if control is not None:
        control = finite(control, 2, "control")[:, kept]
        _band(figure, expected[kept], control.min(axis=0), control.max(axis=0), BAND_NAME)
    ends = expected[[kept[0], kept[-1]]]
    figure.add_scatter(
        x=ends, y=ends, name="Gaussian", mode="lines", line={"color": style.CONTROL_COLOR, "dash": "dot", "width": 2},
        hoverinfo="skip",
    )  # fmt: skip
    for head, curve in enumerate(observed):
        figure.add_scatter(
            x=expected[kept],
            y=curve[kept],
            name=f"head {head + 1}",
            mode="lines",
            line={"color": style.head_color(head), "width": 2},
            hovertemplate=(
                f"head {head + 1}: {style.hover('y', look)}, Gaussian {style.hover('x', look)}<extra></extra>"
            ),
        )
    figure.update_xaxes(title=across, showgrid=False)
    figure.update_yaxes(title=label)
    return _side_legend(figure, title)


def reference_line(figure: go.Figure, at: float, name: str, span: int, dash: str = "dot") -> go.Figure:
    """The figure of 1 … span layers or heads with a horizontal line for comparison, named in its legend."""
    figure.add_scatter(
        x=[0.4, span + 0.6],
        y=[at, at],
        name=name,
        mode="lines",
        line={"color": style.CONTROL_COLOR, "dash": dash, "width": 1.5},
        hovertemplate=f"%{{y:.4~g}}<extra>{name}</extra>",
    )
    return figure


def _band(figure: go.Figure, at: Array, low: Array, high: Array, name: str) -> None:
    figure.add_scatter(
        x=np.concatenate([at, at[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor=style.rgba(style.CONTROL_COLOR, 0.4),
        line={"width": 0},
        mode="lines",
        name=name,
        hoverinfo="skip",
    )


def _side_legend(figure: go.Figure, title: str) -> go.Figure:
    style.finish(figure, title, style.CURVE_HEIGHT + 20, legend=True)
    return figure.update_layout(
        legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"}, margin_t=style.title_room(title)
    )
