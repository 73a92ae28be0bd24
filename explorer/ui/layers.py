"""Widgets of the Layers page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, measures, summary
from explorer.measures import LayerMeasures
from explorer.trace import Array, ModelCard
from explorer.ui import caches
from explorer.ui.common import PLOT_CONFIG, download, layer_slider
from explorer.ui.remembered import remembered
from explorer.ui.view import View

SECONDS_PER_LAYER = 1.2
TOKENS_SHOWN, DIMENSIONS_SHOWN = 48, 96


@dataclass(frozen=True)
class RatePosition:
    """Which R^c is shown: at the input of MSSA or after it, with or without the official scaling of tokens."""

    key: str
    name: str
    explanation: str

    def per_head(self, row: LayerMeasures) -> Array:
        return getattr(row, self.key)

    def curve(self, rows: list[LayerMeasures]) -> Array:
        return np.array([self.per_head(row).sum() for row in rows])


_SCALED = "Every token is scaled to length 1 within each head, as in the official code; ε² = 0.01."
_PLAIN = "Tokens as they are, so longer tokens cost more; ε² = 0.01."
_BEFORE = r"$R^c$ of $U_k^\top \mathrm{LN}(Z^\ell)$, the tokens that MSSA reads."
_AFTER = r"$R^c$ of $U_k^\top \mathrm{LN}(Z^{\ell+1/2})$, the same subspaces after the compression step."
POSITIONS = (
    RatePosition("per_head_official", "Official, ℓ", f"{_BEFORE} {_SCALED}"),
    RatePosition("per_head_half_official", "Official, ℓ+½", f"{_AFTER} {_SCALED}"),
    RatePosition("per_head", "Plain, ℓ", f"{_BEFORE} {_PLAIN}"),
    RatePosition("per_head_half", "Plain, ℓ+½", f"{_AFTER} {_PLAIN}"),
)


RATE_QUESTION = "Which $R^c$: official (tokens scaled to length 1) or plain; before (ℓ) or after compression (ℓ+½)"


def rate_position() -> RatePosition:
    """Which of the four R^c the page shows."""
    names = [position.name for position in POSITIONS]
    chosen = remembered(
        st.segmented_control, RATE_QUESTION, names, key="rate_kind", default=names[0], valid=names,
        required=True,
    )  # fmt: skip
    return POSITIONS[names.index(chosen)]


def layer_player(view: View) -> int:
    """The layer slider, and a button that plays through the layers."""
    slider, button = st.columns([6, 1], vertical_alignment="bottom")
    with slider:
        layer = layer_slider(view)
    playing = button.toggle("Play", key="playing", help="Step through the layers, one after the other.")
    _tick(view.card.layers, run_every=SECONDS_PER_LAYER if playing else None)
    return layer


def _tick(layers: int, run_every: float | None) -> None:
    @st.fragment(run_every=run_every)
    def step() -> None:
        """On a timer's run, and only then, move to the next layer; the first run belongs to the page."""
        if run_every is None or not st.session_state.get("playing"):
            return
        if not st.session_state.pop("tick_armed", False):
            st.session_state["tick_armed"] = True
            return
        st.session_state["layer"] = st.session_state.get("layer", 0) % layers + 1
        st.rerun()

    step()


def equations(view: View, row: LayerMeasures) -> None:
    """The layer's equations with the measured numbers under their symbols."""
    card, layer = view.card, row.layer
    before, after = row.subspace_coding_rate_official, row.subspace_coding_rate_half_official
    first = (
        rf"\mathrm{{MSSA}}\big(\mathrm{{LN}}\,Z^{{{layer}}} \mid "
        rf"\underbrace{{U_{{[{card.heads}]}}}}_{{{card.heads} \times {card.head_dim}}}\big)"
        if card.has_subspaces
        else rf"\mathrm{{MHSA}}\big(\mathrm{{LN}}\,Z^{{{layer}}}\big)"
    )
    names = ("Compress" if card.has_subspaces else "Attend", "Sparsify" if card.has_ista else "Transform")
    formulas = (
        rf"\underbrace{{Z^{{{layer}+\frac12}}}}_{{R^c = {after:.1f}}} = "
        rf"\underbrace{{Z^{{{layer}}}}}_{{R^c = {before:.1f}}} + {first}",
        _second_half(card, row),
    )
    with st.container(border=True):
        for name, formula in zip(names, formulas, strict=True):
            label, equation = st.columns([1, 6], vertical_alignment="center")
            label.markdown(f"**{name}**")
            equation.latex(formula)
        st.caption(rf"Effective rank of $Z^{{{layer}}}$: {row.effective_rank:.1f} of {card.dim} directions.")


def _second_half(card: ModelCard, row: LayerMeasures) -> str:
    layer, share = row.layer, f"{row.nonzero_fraction:.3f}"
    if not card.has_ista:
        return (
            rf"Z^{{{layer + 1}}} = Z^{{{layer}+\frac12}} + \mathrm{{MLP}}\big(\mathrm{{LN}}\,Z^{{{layer}+\frac12}}\big)"
        )
    eta, lam = card.eta[layer - 1], card.lam[layer - 1]
    left, where = (
        rf"\underbrace{{Z^{{{layer + 1}}}}}_{{\text{{non-zeros }}{share}}}",
        rf"X = \mathrm{{LN}}\,Z^{{{layer}+\frac12}}",
    )
    steps = rf"\underbrace{{\eta}}_{{{eta:g}}}", rf"\eta\underbrace{{\lambda}}_{{{lam:g}}}"
    if not card.codes_dim:
        return rf"{left} = \mathrm{{ReLU}}\big(X + {steps[0]} D^\top (X - D X) - {steps[1]}\big),\quad {where}"
    codes = rf"\underbrace{{A_2}}_{{\text{{non-zeros }}{share}}}"
    return (
        rf"Z^{{{layer + 1}}} = Z^{{{layer}+\frac12}} + D_1 {codes},\quad "
        rf"A_{{i+1}} = \mathrm{{ReLU}}\big(A_i - {steps[0]} D^\top (D A_i - X) - {steps[1]}\big)"
    )


def rate_figure(view: View, layer: int | None = None, position: RatePosition = POSITIONS[0]) -> go.Figure:
    """R^c against the layer, beside the random-init control."""
    rows, control = view.layer_measures(), view.layer_measures(control=True)
    return figures.layer_curve(
        position.curve(rows), position.curve(control), label=figures.RATE_LABEL,
        title="Compression: R<sup>c</sup> of the tokens in the subspaces", selected=layer,
    )  # fmt: skip


def sparsity_figure(view: View, layer: int | None = None) -> go.Figure:
    """The share of non-zeros after each layer, beside the random-init control."""
    rows, control = (np.array([r.nonzero_fraction for r in view.layer_measures(control)]) for control in (False, True))
    return figures.layer_curve(
        rows, control, label=figures.NONZERO_LABEL, title="Sparsity: share of non-zero entries", selected=layer
    )


def sparsity_caption(card: ModelCard) -> str:
    what = "the codes $A_2$" if card.codes_dim else r"$Z^{\ell+1}$"
    return (
        f"Exact non-zeros of {what} over its size, CLS included. A random network gets sparser at first, too: only "
        "what goes beyond the control was learned."
    )


def threshold_histogram(view: View, layer: int) -> None:
    """Entries before and after the layer's threshold."""
    if not view.card.has_ista:
        st.info("A ViT has no threshold: its second half is an MLP with a residual, so no entry becomes exactly zero.")
        return
    figure = caches.once(view.key, _histogram, view, layer=layer)
    st.plotly_chart(figure, key="histogram", config=PLOT_CONFIG)
    st.caption(
        "Before: what the ReLU of the sparsifying step sees. What lies left of the threshold $\\eta\\lambda$ becomes "
        "exactly zero."
    )


def _histogram(view: View, layer: int) -> go.Figure:
    weights = caches.layer_weights(view.card)[layer - 1]
    before, threshold = measures.before_threshold(view.trace.z_half(layer), weights)
    title = f"Threshold of layer {layer}: entries before and after"
    return figures.histogram_before_after(before.ravel(), view.trace.codes(layer).ravel(), threshold, title=title)


def token_figure(view: View, layer: int, half: bool) -> go.Figure:
    """A sample of the layer's tokens as a heatmap: evenly spaced tokens by the first dimensions."""
    return caches.once(view.key, _tokens, view, layer=layer, half=half)


def _tokens(view: View, layer: int, half: bool) -> go.Figure:
    z = view.trace.z_half(layer) if half else view.trace.codes(layer)
    rows = np.linspace(0, len(z) - 1, min(TOKENS_SHOWN, len(z))).astype(int)
    sample = z[rows, :DIMENSIONS_SHOWN]
    what = f"Z<sup>{layer}+½</sup>, compressed" if half else f"Z<sup>{layer + 1}</sup>, sparsified"
    limit = float(np.percentile(np.abs(z), 99.5)) or 1.0
    return figures.token_heatmap(sample, zmax=limit, title=what)


def token_rate_figure(view: View, layer: int) -> go.Figure:
    """Exact rate of every patch token, summed over the subspaces, on the patch grid."""
    return caches.once(view.key, _token_rates, view, layer=layer)


def _token_rates(view: View, layer: int) -> go.Figure:
    rates = measures.subspace_token_rates(view.trace.projections(layer)).sum(axis=0)[1:]
    title = f"Rate of each token in U<sub>[{view.card.heads}]</sub>"
    return figures.patch_map(rates.reshape(view.trace.grid), title=title, picture=_under_grid(view))


def _under_grid(view: View) -> Array:
    """The part of the shown picture that the patch grid tiles: a cell as wide as the stride around each centre."""
    rows, cols = view.trace.grid
    cell = view.scale * view.trace.stride
    edge = (view.scale * view.card.patch - cell) // 2
    return view.picture[edge : edge + rows * cell, edge : edge + cols * cell]


def token_norm_figure(view: View, layer: int) -> go.Figure:
    """Euclidean length of every patch token of Z^{ℓ+1}."""
    norms = np.linalg.norm(view.trace.z(layer + 1)[1:], axis=1)
    return figures.patch_map(
        norms.reshape(view.trace.grid),
        title=f"Length of each token of Z<sup>{layer + 1}</sup>",
        label=figures.NORM_LABEL,
        picture=_under_grid(view),
    )


def layer_downloads(view: View) -> None:
    """Every number of every layer, model and control, as CSV."""

    def numbers() -> str:
        return summary.csv_text(summary.layer_rows(view.layer_measures(), view.layer_measures(control=True)))

    download("All layers (CSV)", numbers, f"{view.file_stem}_layers.csv")
