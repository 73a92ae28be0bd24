"""A text whose tokens can be pointed at, for what might have stood in their place, and clicked: a browser component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer.lens import asset
from explorer.ui.components.web import sources


@dataclass(frozen=True)
class DrawnPiece:
    """A token's characters, its background (CSS), what is said of it in one line, and its alternatives: name and
    probability, the token itself marked."""

    piece: str
    colour: str
    said: str
    others: Sequence[tuple[str, float, bool]]


def drawn_text(before: str, pieces: Sequence[DrawnPiece], key: str) -> int:
    """The text, before in plain and then the pieces; returns which piece is marked, from 1, 0 for none: a click marks
    it, a second one takes the mark away. key: of this text."""
    rows = [[one.piece, one.colour, one.said, [list(other) for other in one.others]] for one in pieces]
    state = st.session_state.get(key)
    said = state.get("chosen") if state else None
    number = said.get("number") if isinstance(said, dict) else None
    chosen = number if type(number) is int and 0 <= number <= len(pieces) else 0
    _component()(key=key, data=[{"before": before, "pieces": rows, "chosen": chosen}], on_chosen_change=lambda: None)
    return chosen


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    html = '<div class="drawn" role="group" aria-label="The text; each token can be opened"></div>'
    js = asset("dom.js") + sources("drawn_text.js")
    return component("crate_drawn_text", html=html, css=sources("drawn_text.css"), js=js)
