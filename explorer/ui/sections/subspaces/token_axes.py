"""What the tokens use of the weights: directions in each subspace, and whether single coordinates mean something."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.card import ModelCard
from explorer.trace import Array, Trace
from explorer.ui.frame.widgets import heading, plot
from explorer.ui.state import caches
from explorer.ui.view.run import RunView


def token_axes(view: RunView, layer: int) -> None:
    """What the weights make of the tokens: how many directions each subspace holds, and whether axes mean something."""
    heading("What the tokens use of the weights", "The same weights with the tokens in view in them.")
    now, other = (_token_numbers(view, layer, control) for control in (False, True))
    ranks, alignment = st.columns(2)
    with ranks:
        title = f"Directions that the tokens use, layer {layer}"
        figure = figures.head_bars(now[0], other[0], label=figures.RANK_LABEL, title=title, total=None)
        said = verdicts.heads(now[0], other[0], label=figures.RANK_LABEL)
        plot(figure, "projected_ranks", verdict=said)
        st.caption(
            rf"Effective rank of $U_k^\top \mathrm{{LN}}(Z^{{{layer}}})$, at most {view.card.head_dim}. Low: the "
            rf"tokens "
            "in view are squeezed into a few of the head's directions. Compare with the control's diamonds."
        )
    with alignment:
        title = f"Axis alignment in each head, layer {layer}"
        figure = figures.head_bars(now[1], other[1], label=figures.ALIGNMENT_LABEL, title=title, total=None)
        said = verdicts.heads(now[1], other[1], label=figures.ALIGNMENT_LABEL)
        plot(figures.reference_line(figure, 1.0, "no alignment", view.card.heads), "alignment", verdict=said)
        st.caption(
            "Do single coordinates mean something, or only their mixtures? 1: no more than after a random rotation. "
            "Attention does not notice a rotation inside a head, so about 1 is expected here. For the layer's output "
            f"$Z^{{{layer + 1}}}$ it is **{now[2]:.2f}**, control {other[2]:.2f}. {_where_from(view.card)}"
        )


def _where_from(card: ModelCard) -> str:
    """Why the output of a layer may be aligned before anything was learned."""
    if not card.has_ista:
        return "A coordinate that is large in every token counts, too."
    if card.codes_dim:
        return (
            "The threshold acts on the codes, not on these coordinates; one that is large in every token counts, too."
        )
    return "The threshold zeroes coordinates one by one, and so aligns even a random network."


def token_axes_curves(view: RunView, layer: int) -> None:
    """Effective rank and axis alignment of every layer, beside the control's."""
    ranks, alignment = st.columns(2)
    with ranks:
        _token_curve(view, layer, 0, "all_ranks")
        st.caption(
            "Effective rank of the tokens in a subspace, mean of the heads. Falling: later layers squeeze harder."
        )
    with alignment:
        _token_curve(view, layer, 2, "all_alignment")
        st.caption(
            r"Axis alignment of $Z^{\ell+1}$. High: few coordinates carry each token. Only what differs from the "
            f"grey line was learned. {_where_from(view.card)}"
        )


def _token_numbers(view: RunView, layer: int, control: bool) -> tuple[Array, Array, float]:
    trace = view.control_trace() if control else view.trace
    return caches.once(f"{view.key}|{control}", _token_geometry, trace, layer=layer)


def _token_geometry(trace: Trace, layer: int) -> tuple[Array, Array, float]:
    """Effective rank and axis alignment of the tokens in each head, and the alignment of Z^{ℓ+1}."""
    projections = trace.projections(layer)
    alignment = np.array([measures.weights.axis_alignment(tokens) for tokens in projections])
    return measures.weights.projected_ranks(projections), alignment, measures.weights.axis_alignment(trace.z(layer + 1))


def _token_curve(view: RunView, layer: int, which: int, key: str) -> None:
    layers = range(1, view.card.layers + 1)
    values, control = (np.array([np.mean(_token_numbers(view, n, c)[which]) for n in layers]) for c in (False, True))
    label, title = (
        (figures.RANK_LABEL, "Directions that the tokens use of a subspace")
        if which == 0
        else (figures.ALIGNMENT_LABEL, "Axis alignment of the layer's output")
    )
    figure = figures.layer_curve(values, control, label=label, title=title, selected=layer)
    plot(figure, key, verdict=verdicts.curve(values, control, label=label))
