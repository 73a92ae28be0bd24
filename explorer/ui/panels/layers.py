"""What a layer does, as several sections draw it: equations, curves, maps of its tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.card import ModelCard
from explorer.families import fill
from explorer.lens import Panel, curve_panel
from explorer.measures.rates import LayerMeasures
from explorer.tables import csv_text, layer_rows
from explorer.trace import Array, LayerWeights
from explorer.ui.frame.widgets import download
from explorer.ui.view.photo import View
from explorer.ui.view.run import RunView
from explorer.words import COMPRESSION, SPARSITY, meaning

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


_SCALED = meaning("official Rᶜ")
_PLAIN = "Tokens as they are, so longer tokens cost more; ε² = 0.01."
_BEFORE = r"$R^c$ of $U_k^\top \mathrm{LN}(Z^\ell)$, the tokens that MSSA reads."
_AFTER = r"$R^c$ of $U_k^\top \mathrm{LN}(Z^{\ell+1/2})$, the same subspaces after the compression step."
POSITIONS = (
    RatePosition("per_head_official", "Official, ℓ", f"{_BEFORE} {_SCALED}"),
    RatePosition("per_head_half_official", "Official, ℓ+½", f"{_AFTER} {_SCALED}"),
    RatePosition("per_head", "Plain, ℓ", f"{_BEFORE} {_PLAIN}"),
    RatePosition("per_head_half", "Plain, ℓ+½", f"{_AFTER} {_PLAIN}"),
)


def equations(view: RunView, row: LayerMeasures) -> None:
    """The layer's equations with the measured numbers under their symbols."""
    card, layer = view.card, row.layer
    before, after = row.subspace_coding_rate_official, row.subspace_coding_rate_half_official
    numbers = {"l": layer, "next": layer + 1, "K": card.heads, "p": card.head_dim}
    first = fill(card.traits.formulas.attention, **numbers)
    formulas = (
        rf"\underbrace{{Z^{{{layer}+\frac12}}}}_{{R^c = {after:.1f}}} = "
        rf"\underbrace{{Z^{{{layer}}}}}_{{R^c = {before:.1f}}} + {first}",
        _second_half(card, row, view.layer_weights()[layer - 1], numbers),
    )
    with st.container(border=True):
        for (name, _), formula in zip(card.traits.steps, formulas, strict=True):
            label, equation = st.columns([1, 6], vertical_alignment="center")
            label.markdown(f"**{name.capitalize()}**")
            equation.latex(formula)
        st.caption(rf"Effective rank of $Z^{{{layer}}}$: {row.effective_rank:.1f} of {card.dim} directions.")


def _second_half(card: ModelCard, row: LayerMeasures, weights: LayerWeights, numbers: dict[str, int]) -> str:
    formulas = card.traits.formulas
    formula = formulas.overcomplete if card.codes_dim else formulas.square
    if row.layer == card.layers:
        formula = formulas.last or formula
    share = f"{row.nonzero_fraction:.3f}"
    return fill(formula, **numbers, eta=f"{weights.eta:g}", lam=f"{weights.lam:g}", nonzeros=share)


def rate_panel(view: View, position: RatePosition = POSITIONS[0]) -> Panel:
    """R^c against the layer, beside the random-init control, and as trained where knobs are turned."""

    def rates(one: View, control: bool) -> Array:
        official = position is POSITIONS[0]  # the usual one, and quick
        return one.curves(control)[0] if official else position.curve(one.layer_measures(control))

    return _curve(view, rates, COMPRESSION, figures.RATE_LABEL)


def sparsity_panel(view: View) -> Panel:
    """The share of non-zeros after each layer, beside the control, and as trained where knobs are turned."""
    return _curve(view, lambda one, control: one.curves(control)[1], SPARSITY, figures.NONZERO_LABEL)


def _curve(view: View, of: Callable[[View, bool], Array], title: str, label: str) -> Panel:
    ghost = of(view.trained, False) if view.turned else None
    return curve_panel(title, label, of(view, False), of(view, True), ghost)


def layer_maps(view: View, layer: int) -> dict[str, Array]:
    """Exact rate (summed over the subspaces) and length of every patch, a sample of the tokens, and all entries."""
    grid, trace = view.trace.grid, view.trace
    maps = {
        "rate": measures.rates.subspace_token_rates(trace.projections(layer)).sum(axis=0)[trace.front :].reshape(grid),
        "norm": np.linalg.norm(trace.z(layer + 1)[trace.front :], axis=1).reshape(grid),
        "z_half": _sample(trace.z_half(layer)),
        "z_next": _sample(trace.codes(layer)),
    }
    if view.card.has_ista:
        before, threshold = measures.rates.before_threshold(trace.z_half(layer), view.layer_weights()[layer - 1])
        maps["threshold"] = measures.rates.threshold_histogram(before, trace.codes(layer), threshold)
    return maps


def _sample(z: Array) -> Array:
    """Evenly spaced tokens by the first dimensions."""
    return z[np.linspace(0, len(z) - 1, min(TOKENS_SHOWN, len(z))).astype(int), :DIMENSIONS_SHOWN]


def layer_downloads(view: RunView) -> None:
    """Every number of every layer, model and control, as CSV."""

    def numbers() -> str:
        return csv_text(layer_rows(view.layer_measures(), view.layer_measures(control=True)))

    download("All layers (CSV)", numbers, f"{view.file_stem}_layers.csv")


def ghost_note(view: View) -> None:
    """What the dotted curve and the grey one are, once knobs are turned."""
    if view.turned:
        st.caption("Dotted: the network as trained. The grey control has the same knobs turned.")
