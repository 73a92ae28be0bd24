"""Bars: the heads of one layer, and the classes that a model predicts."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.figures import quantities, style
from explorer.figures.checks import alike, finite
from explorer.trace import Array

LONGEST_LABEL = 30


def head_bars(
    per_head: Array,
    control: Array | None = None,
    *,
    label: str = quantities.RATE_LABEL,
    title: str = "",
    total: str | None = "R<sup>c</sup>",
) -> go.Figure:
    """One bar per head in its colour, the random-init control as a dash at each, and the sum as text.

    per_head, control: (K,), entry 0 is head 1. total: symbol of the sum, None where a sum means nothing.
    Raises ValueError for NaN or shapes that differ.
    """
    per_head = finite(per_head, 1, "per_head")
    control = alike(control, per_head, "control")
    look, heads = style.look_of(label), np.arange(1, len(per_head) + 1)
    figure = go.Figure(
        go.Bar(
            x=heads,
            y=per_head,
            name="trained",
            showlegend=False,
            marker={"color": [style.head_color(head) for head in range(len(heads))], "line": {"width": 0}},
            hovertemplate=f"head %{{x}}: {style.hover('y', look)}<extra></extra>",
        )
    )
    if control is not None:
        figure.add_scatter(
            x=heads,
            y=control,
            name=style.CONTROL_NAME,
            mode="lines+markers",
            line={"color": style.CONTROL_COLOR, "dash": "dash", "width": 1.5},
            marker={"symbol": "diamond", "size": 7, "color": style.CONTROL_COLOR},
            hovertemplate=f"head %{{x}}: {style.hover('y', look)}<extra>{style.CONTROL_NAME}</extra>",
        )
    figure.update_xaxes(title=quantities.HEAD_LABEL, tick0=1, dtick=1, range=[0.4, len(heads) + 0.6], showgrid=False)
    figure.update_yaxes(title=label, rangemode="tozero", tickformat=style.tick_format(look))
    figure.update_layout(bargap=0.3)
    style.finish(figure, title, style.CURVE_HEIGHT, legend=control is not None)
    if total is not None:
        text = f"Σ = {total} = {per_head.sum():,.1f} {look.unit}".rstrip()
        figure.add_annotation(
            text=text, x=1, y=1, xref="paper", yref="paper", xanchor="right", yanchor="bottom", showarrow=False
        )
        figure.update_layout(margin_t=style.title_room(title) + 26)
    return figure


def prediction_bars(
    labels: Sequence[str], probabilities: Array, deltas: Array | None = None, *, title: str = ""
) -> go.Figure:
    """The classes with the highest probability, the first on top, on a scale from 0 to 1 that no turned knob changes.

    probabilities: (k,), in [0,1]. deltas: (k,), change against the run as trained, shown in percentage points.
    Raises ValueError for NaN, values outside [0,1] or lengths that differ.
    """
    probabilities = finite(probabilities, 1, "probabilities")
    deltas = alike(deltas, probabilities, "deltas")
    if len(labels) != len(probabilities):
        raise ValueError(f"{len(labels)} labels do not fit {len(probabilities)} probabilities")
    if probabilities.min() < 0 or probabilities.max() > 1 + 1e-6:
        raise ValueError("probabilities must be in [0, 1]")
    texts = [f"{p:.1%}" for p in probabilities]
    if deltas is not None:
        points = np.round(100 * deltas, 1) + 0.0  # + 0.0 turns −0.0 into 0.0
        texts = [f"{text} ({d:+.1f} pp)".replace("-", "−") for text, d in zip(texts, points, strict=True)]
    rows = np.arange(len(labels))
    figure = go.Figure(
        go.Bar(
            x=probabilities,
            y=rows,
            orientation="h",
            text=texts,
            textposition="outside",
            cliponaxis=False,
            customdata=[_shown(label) for label in labels],
            marker={"color": quantities.QUANTITIES[quantities.RATE_LABEL].color, "line": {"width": 0}},
            hovertemplate="%{customdata}: %{x:.2%}<extra></extra>",
        )
    )
    room = 1.45 if deltas is not None else 1.2  # for the text beside a bar of 100 %
    figure.update_xaxes(range=[0, room], visible=False)
    figure.update_yaxes(
        tickvals=rows,
        ticktext=[_shown(label, LONGEST_LABEL) for label in labels],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        ticks="",
    )
    figure.update_layout(bargap=0.35)
    return style.finish(figure, title, 40 + 34 * len(labels) + (32 if title else 0))


def value_histogram(counts: Array, width: float, *, label: str = quantities.CODE_LABEL, title: str = "") -> go.Figure:
    """How often values fall into bins of one width from 0 on, counts (B,), on a logarithmic scale; behind the last bin
    that holds any the axis ends. Raises ValueError for counts below 0 or a width that is not above 0."""
    counts = finite(np.asarray(counts, np.float64), 1, "counts")
    if counts.min() < 0 or width <= 0:
        raise ValueError(f"counts of 0 or more in bins of a width above 0 were expected, got width {width}")
    used = int(np.flatnonzero(counts).max(initial=0)) + 1
    look, low = style.look_of(label), np.arange(used) * width
    figure = go.Figure(
        go.Bar(
            x=low + width / 2, y=counts[:used], width=width, customdata=np.stack([low, low + width], axis=1),
            marker={"color": look.color, "line": {"width": 0}},
            hovertemplate=f"{style.hover('customdata[0]', look)} to {style.hover('customdata[1]', look)}: "
            "%{y:,} tokens<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title=label, range=[0, used * width])
    figure.update_yaxes(title="tokens", type="log", dtick=1)
    figure.update_layout(bargap=0)
    return style.finish(figure, title, 220)


def ranked_bars(names: Sequence[str], values: Array, *, label: str, title: str = "") -> go.Figure:
    """One quantity of several things, the first on top: horizontal bars, to the left where it is below 0.

    values: (n,). label: of quantities. Raises ValueError for NaN or lengths that differ.
    """
    values = finite(values, 1, "values")
    if len(names) != len(values):
        raise ValueError(f"{len(names)} names do not fit {len(values)} values")
    look, rows = style.look_of(label), np.arange(len(names))
    figure = go.Figure(
        go.Bar(
            x=values,
            y=rows,
            orientation="h",
            customdata=[_shown(name) for name in names],
            marker={"color": look.color, "line": {"width": 0}},
            hovertemplate=f"%{{customdata}}: {style.hover('x', look)}<extra></extra>",
        )
    )
    figure.update_xaxes(title=label, rangemode="tozero", tickformat=style.tick_format(look))
    figure.update_yaxes(
        tickvals=rows,
        ticktext=[_shown(name) for name in names],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        ticks="",
    )
    figure.update_layout(bargap=0.3)
    return style.finish(figure, title, 70 + 26 * len(names) + (32 if title else 0))


def _shown(name: str, longest: int | None = None) -> str:
    """A name as it is: Plotly takes <b> for markup. longest: characters, of which the last may stand for more."""
    cut = name if longest is None or len(name) <= longest else f"{name[: longest - 1]}…"
    return html.escape(cut, quote=False)
