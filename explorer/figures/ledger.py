"""Curves of the Ledger page: balances at half steps, cosines of the steps with their derivation, ε² as the axis."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.figures import quantities, style
from explorer.figures.checks import alike, finite
from explorer.figures.curves import layer_curve
from explorer.trace import Array

POSITIONS = ("enters", "after compression", "after sparsification")
EPS_LABEL = "ε² (squared distortion)"


def ledger_curve(
    values: Array,
    control: Array | None = None,
    *,
    label: str,
    title: str = "",
    worse: Array | None = None,
) -> go.Figure:
    """A balance at ℓ, ℓ+½ and ℓ+1 of every layer, each layer a line of its own.

    values, control: (L,3), entry [0,0] is Z¹ in the books of layer 1, [0,2] Z² in the same books; [1,0] is Z² in those
    of layer 2, and a dotted line joins the two. label: of quantities. worse: bool (L,), layers that get a cross at
    their end. Raises ValueError for NaN or other shapes.
    """
    values = finite(values, 2, "values")
    control = alike(control, values, "control")
    if values.shape[1] != len(POSITIONS):
        raise ValueError(f"values must be (L,3), got {values.shape}")
    if worse is not None and np.shape(worse) != (len(values),):
        raise ValueError(f"worse must have the shape {(len(values),)}, got {np.shape(worse)}")
    look, figure = style.look_of(label), go.Figure()
    if control is not None:
        _books(figure, control, look, style.CONTROL_NAME, style.CONTROL_COLOR, "dash")
    _books(figure, values, look, "trained", look.color, "solid")
    if worse is not None:
        _crosses(figure, values, np.asarray(worse, bool), look)
    layers = np.arange(1, len(values) + 2)
    figure.update_xaxes(
        title="at ℓ: what enters layer ℓ; halfway to the next: after its compression",
        tickvals=layers, range=[0.7, len(values) + 1.3], showgrid=False,
    )  # fmt: skip
    figure.update_yaxes(title=label, tickformat=style.tick_format(look))
    figure.update_layout(legend_traceorder="reversed")
    return style.finish(figure, title, style.CURVE_HEIGHT + 40, legend=True)


def _books(figure: go.Figure, values: Array, look: quantities.Quantity, name: str, color: str, dash: str) -> None:
    """One line for each layer with gaps between, and thin dotted lines where the books change hands."""
    layers = np.arange(1, len(values) + 1)
    at = np.stack([layers, layers + 0.5, layers + 1], axis=1)
    trained = dash == "solid"
    where = [f"Z<sup>{text}</sup> in the books of layer {i}" for i in layers for text in (i, f"{i}+½", i + 1)]
    figure.add_scatter(
        x=_with_gaps(at[:-1, 2:], at[1:, :1]), y=_with_gaps(values[:-1, 2:], values[1:, :1]), mode="lines",
        line={"color": color, "dash": "dot", "width": 1.2}, showlegend=False, hoverinfo="skip", name=f"{name}, next",
    )  # fmt: skip
    figure.add_scatter(
        x=_with_gaps(at), y=_with_gaps(values), name=name, mode="lines+markers", connectgaps=False,
        line={"color": color, "dash": dash, "width": 2.5 if trained else 1.8},
        marker={
            "color": color, "size": 8 if trained else 5,
            "symbol": ["circle", "diamond-open" if trained else "diamond", "circle", "circle"] * len(values),
        },
        customdata=[*np.array([[*where[3 * i : 3 * i + 3], ""] for i in range(len(values))]).ravel()],
        hovertemplate=f"%{{customdata}}: {style.hover('y', look)}<extra>{name}</extra>",
    )  # fmt: skip


def _with_gaps(*columns: Array) -> list[float | None]:
    """Rows of numbers one after the other, with None behind each row, where a line stops."""
    rows = np.concatenate(columns, axis=1).tolist()
    return [number for row in rows for number in (*row, None)]


def _crosses(figure: go.Figure, values: Array, worse: Array, look: quantities.Quantity) -> None:
    layer = np.flatnonzero(worse)
    figure.add_scatter(
        x=layer + 2, y=values[layer, -1], mode="markers", name="made it worse",
        marker={"symbol": "x-thin", "size": 13, "line": {"color": style.WORSE_COLOR, "width": 3}},
        customdata=[f"layer {i + 1}" for i in layer],
        hovertemplate=f"%{{customdata}} made it worse: {style.hover('y', look)}<extra></extra>",
        showlegend=bool(len(layer)),
    )  # fmt: skip


def cosine_curve(
    values: Array,
    control: Array | None = None,
    *,
    label: str = quantities.COSINE_LABEL,
    title: str = "",
    reference: tuple[str, Array] | None = None,
) -> go.Figure:
    """How near each layer's step is to its derivation: layer_curve with a line at 0, and at least −0.1 … 0.5 in view.

    values, control: (L,). reference: a third curve and its name, dotted. Raises ValueError as layer_curve does.
    """
    figure = layer_curve(values, control, label=label, title=title)
    drawn = [values, *([] if control is None else [control])]
    if reference is not None:
        name, other = reference
        drawn.append(finite(other, 1, name))
        look = style.look_of(label)
        figure.add_scatter(
            x=np.arange(1, len(other) + 1), y=other, name=name, mode="lines+markers",
            line={"color": style.HEAD_COLORS[2], "dash": "dot", "width": 2}, marker={"symbol": "square", "size": 5},
            hovertemplate=f"layer %{{x}}: {style.hover('y', look)}<extra>{name}</extra>",
        )  # fmt: skip
    everything = np.concatenate(drawn)
    low, high = min(-0.1, float(everything.min()) - 0.05), max(0.5, float(everything.max()) + 0.05)
    figure.update_yaxes(range=[low, high])
    figure.add_hline(y=0, line={"width": 1.2, "color": style.CONTROL_COLOR}, layer="below")
    return style.finish(figure, title, style.CURVE_HEIGHT - 40, legend=True)


def distortion_curve(
    eps_squared: Array,
    values: Array,
    control: Array | None = None,
    *,
    label: str,
    title: str = "",
    chosen: float | None = None,
) -> go.Figure:
    """A quantity against ε² on a logarithmic axis. eps_squared, values, control: (E,). chosen: an ε² that is marked.

    Raises ValueError for NaN, shapes that differ, or ε² that are not positive.
    """
    eps_squared = finite(eps_squared, 1, "eps_squared")
    values, control = finite(values, 1, "values"), alike(control, eps_squared, "control")
    if values.shape != eps_squared.shape or (eps_squared <= 0).any():
        raise ValueError(f"values must be given at positive eps_squared, got {values.shape} at {eps_squared.shape}")
    look, figure = style.look_of(label), go.Figure()
    curves = [(control, style.CONTROL_NAME, style.CONTROL_COLOR, "dash"), (values, "trained", look.color, "solid")]
    for curve, name, color, dash in curves:
        if curve is not None:
            figure.add_scatter(
                x=eps_squared, y=curve, name=name, mode="lines", line={"color": color, "dash": dash, "width": 2.5},
                hovertemplate=f"ε² = %{{x:.2~g}}: {style.hover('y', look)}<extra>{name}</extra>",
            )  # fmt: skip
    if chosen is not None:
        figure.add_vline(x=chosen, line={"dash": "dot", "width": 1.5, "color": style.SELECTED_COLOR}, layer="below")
    figure.update_xaxes(title=EPS_LABEL, type="log", dtick=2, exponentformat="power", showgrid=False)
    figure.update_yaxes(title=label, rangemode="tozero", tickformat=style.tick_format(look))
    figure.update_layout(legend_traceorder="reversed")
    return style.finish(figure, title, style.CURVE_HEIGHT - 40, legend=control is not None)
