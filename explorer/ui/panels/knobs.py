"""The knobs of a layer: faders for its heads, sliders for threshold and step."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer.card import ModelCard
from explorer.knobs import Turn, largest, trained_values, values_of
from explorer.ui.components.faders import gain_faders
from explorer.ui.frame.widgets import heading
from explorer.ui.state.knobs import reset_knobs, turn
from explorer.ui.state.settings import url_setting
from explorer.ui.view.run import RunView

STEP_FACTORS = (0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 7, 10)
"""Values that the sliders of η and λ offer, as multiples of the trained value: finer near 1, even on a log scale."""
STEP_NAMES = {"l": "Threshold weight λ", "e": "Step size η"}
STEP_HELP = {
    "l": "How high the threshold of the sparsifying step is. Higher: more entries become exactly zero.",
    "e": "How far the sparsifying step goes. It scales the threshold ηλ, too. Very large: the step overshoots.",
}
EVERY, ONE = "all layers", "this layer"


def gain_panel(view: RunView, layer: int) -> None:
    """A fader for every head of a layer, with mute, solo and reset."""
    words = "update" if view.card.has_subspaces else "output"
    heading(
        f"Heads of layer {layer}",
        f"The gain scales the head's {words}: 1 as trained, 0 silent, 2 twice as strong. Mute and Solo, clicked again, "
        "give back what was.",
    )
    gain_faders(view.card, view.knobs, layer)


def step_panel(view: RunView, layer: int) -> None:
    """λ and η of the layer or of all layers; and the way back to everything as trained."""
    card = view.card
    if not card.has_ista:
        none = f"A {card.family_label} has no sparsifying step: only its head gains can be turned."
        heading("Threshold and step", none)
        _resets(card, layer)
        return
    heading("Threshold and step of ISTA", _step_formula(card))
    chosen = url_setting(
        st.segmented_control, "They are turned for", [EVERY, ONE], key="scope", default=EVERY, valid=[EVERY, ONE],
        required=True,
    )  # fmt: skip
    for kind in "le":
        _step(view, kind, layer if chosen == ONE else None)
    _resets(card, layer)


def _step_formula(card: ModelCard) -> str:
    """The thresholding step of the family, and what it does."""
    formulas = card.traits.formulas
    return formulas.threshold_overcomplete if card.codes_dim else formulas.threshold


def _step(view: RunView, kind: str, layer: int | None) -> None:
    """The slider of λ or η; for all layers, it stands at the first layer's value while they differ."""
    card, key = view.card, f"step_{kind}_{layer or 'all'}"
    values, trained = values_of(view.knobs, card, kind), float(trained_values(card, kind)[(layer or 1) - 1])
    now = float(values[(layer or 1) - 1])
    mixed = layer is None and bool((values != values[0]).any())
    base = largest(card, kind, layer) / STEP_FACTORS[-1]
    options = sorted({*(float(f"{base * factor:.6g}") for factor in STEP_FACTORS), trained, now})
    _stand_at(key, now)
    st.select_slider(
        f"{STEP_NAMES[kind]} ({trained:.3g} as trained)" + (", differs by layer" if mixed else ""),
        options, key=key, format_func=lambda value: f"{value:.3g}", help=STEP_HELP[kind],
        on_change=lambda: turn(card, [Turn(kind, layer, None, st.session_state[key])]),
    )  # fmt: skip


def _stand_at(key: str, value: float) -> None:
    """Put a slider at a value, unless it stands there: setting it again would undo a key press under way."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def _resets(card: ModelCard, layer: int) -> None:
    names = ("g", "l", "e") if card.has_ista else ("g",)
    back = [
        Turn(kind, layer, head + 1 if kind == "g" else None, float(value))
        for kind in names
        for head, value in enumerate(np.atleast_1d(trained_values(card, kind)[layer - 1]))
    ]
    with st.container(horizontal=True):
        st.button("Reset this layer", key="reset_layer", on_click=turn, args=(card, back), icon=":material/undo:")
        st.button("Reset all", key="reset_all", on_click=reset_knobs, args=(card,), icon=":material/restart_alt:")
