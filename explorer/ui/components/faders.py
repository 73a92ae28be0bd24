"""The gains of a layer's heads as faders: a browser component that follows a fader while it moves.

Streamlit's own sliders, one for each head with its buttons, would be two dozen widgets to draw at every turn.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer.card import ModelCard
from explorer.figures import style
from explorer.knobs import MAX_GAIN, Turn, values_of
from explorer.lens import asset
from explorer.trace import Knobs
from explorer.ui.components.web import sources
from explorer.ui.state.knobs import turn

KEY = "faders"
STEP = 0.05


def gain_faders(card: ModelCard, knobs: Knobs, layer: int) -> None:
    """A fader for each head of a layer, with mute, solo and reset; a turned fader runs the fragment around it again."""
    settings = {  # sent in a list, as the lens is
        "layer": layer, "gains": values_of(knobs, card, "g")[layer - 1].tolist(), "max": MAX_GAIN, "step": STEP,
        "colors": list(style.HEAD_COLORS), "at": _number(_said().get("at")),
    }  # fmt: skip
    _component()(key=KEY, data=[settings], on_turned_change=lambda: _turn(card))


def _turn(card: ModelCard) -> None:
    turn(card, turns_said(_said(), card), moving=_said().get("moving") is True)


def turns_said(said: dict[str, Any], card: ModelCard) -> list[Turn]:
    """What the browser sent as turns of all heads of its layer; none if it is not what the faders sends."""
    layer, gains = said.get("layer"), said.get("gains")
    if type(layer) is not int or not 1 <= layer <= card.layers or not isinstance(gains, list):
        return []
    fits = len(gains) == card.heads and all(_is_gain(gain) for gain in gains)
    return [Turn("g", layer, head, float(gain)) for head, gain in enumerate(gains, start=1)] if fits else []


def _is_gain(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= MAX_GAIN  # NaN is not


def _said() -> dict[str, Any]:
    state = st.session_state.get(KEY)
    said = state.get("turned") if state else None
    return said if isinstance(said, dict) else {}


def _number(value: object) -> int:
    """The number of the turn that this rerun answers; the browser keeps its own gains until its last is answered."""
    return value if type(value) is int else 0


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    html = '<div class="faders" role="group" aria-label="Head gains"></div>'
    return component("crate_faders", html=html, css=sources("faders.css"), js=asset("dom.js") + sources("faders.js"))
