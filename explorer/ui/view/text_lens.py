"""The lens on text on a page: its settings live in the URL, its pictures in the browser (explorer/lens)."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer import lens
from explorer.inputs import token_name
from explorer.lens import Colour, TextLensChoice
from explorer.ui.state import caches
from explorer.ui.state.settings import last_value, looked_at, no_widget, url_setting
from explorer.ui.view.layer import (
    HEADS,
    LAYER,
    heads_in_lens,
    keep_ways,
    last_layer_and_heads,
    last_ways,
    layer_in_lens,
    ways_in_lens,
)
from explorer.ui.view.photo_lens import FEEDS
from explorer.ui.view.text import TextView

KEY = "text_lens"
COLOUR, PLACE = "text_colour", "place"
ATTENTION = "none"
"""The colour that is no number: the attention of the token that is looked at."""


def text_lens(view: TextView) -> TextLensChoice:
    """Tokens, attention, what is predicted in every layer; returns what is looked at."""
    colours = caches.once(view.key, lens.token_colours, view.trace, view.lens())
    choice = _choice(view, colours)
    name = lens.view_id(view.key)
    with st.container(key=f"{FEEDS}_{KEY}"):
        _feed()(key=f"{KEY}.{name}", data=caches.once(view.key, _packed, view, name=name))
    at, count = _said().get("at", 0), len(view.tokens)
    data = lens.text_settings(name, view.card, choice, count, colours, at, view.file_stem)
    _component()(key=KEY, data=[data], on_chosen_change=_keep)
    if choice.ways.cells != lens.PICTURES:
        with st.container(key=f"{FEEDS}_{KEY}_heads"):
            _feed()(key=f"{KEY}.{name}.heads", data=caches.once(view.key, _packed_heads, view, name=name))
    return choice


def _choice(view: TextView, colours: list[Colour]) -> TextLensChoice:
    names = [ATTENTION, *(colour.name for colour in colours)]
    layer, heads = layer_in_lens(view.card), heads_in_lens(view.card)
    token = url_setting(no_widget, "Token", key=PLACE, default=0, valid=range(len(view.tokens) + 1))
    colour = url_setting(no_widget, "Colour", key=COLOUR, default=ATTENTION, valid=names, formerly="colour")
    choice = looked_at()["text"] = TextLensChoice(layer, heads, token, colour, ways_in_lens(view.card))
    return choice


def last_text_choice(view: TextView) -> TextLensChoice:
    """What the lens was last set to; nothing of it is drawn or put into the URL."""
    token, colour = last_value(PLACE, 0), last_value(COLOUR, ATTENTION)
    token = token if token <= len(view.tokens) else 0
    return TextLensChoice(*last_layer_and_heads(view.card), token, colour, last_ways(view.card))


def _packed(view: TextView, name: str) -> bytes:
    return lens.text_feed(name, view.trace, view.tokens, view.pieces, view.lens(), partial(token_name, view.card))


def _packed_heads(view: TextView, name: str) -> bytes:
    return lens.heads_feed(name, view.head_numbers())


def _said() -> dict[str, Any]:
    """What the browser last sent; empty if that is not what the lens sends."""
    state = st.session_state.get(KEY)
    said = state.get("chosen") if state else None
    if not isinstance(said, dict):
        return {}
    whole = all(type(said.get(name)) is int for name in ("layer", "token", "at"))
    heads = said.get("heads")
    fits = whole and isinstance(heads, list) and all(type(head) is int for head in heads)
    return said if fits and isinstance(said.get("colour"), str) else {}


def _keep() -> None:
    """Put what was chosen in the browser where the URL and the other pages find it."""
    if said := _said():
        heads = ",".join(map(str, said["heads"]))
        chosen = {LAYER: said["layer"], HEADS: heads, PLACE: said["token"], COLOUR: said["colour"]}
        st.session_state.update(chosen)
        keep_ways(said)


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    js = lens.asset(*lens.TEXT_SCRIPTS, "text_streamlit.js")
    label = "Tokens of the text and what the model makes of them"
    html = f'<div class="text-lens" role="application" aria-label="{label}"></div>'
    return component("crate_text_lens", html=html, css=lens.asset("lens.css", "text.css"), js=js)


@cache
def _feed() -> Any:
    return component("crate_text_feed", js=lens.asset("bytes.js", "attention.js", "text_store.js", "text_feed.js"))


def place_in_view(view: TextView) -> int:
    """The token that token_place would show, from 0, without its slider."""
    place, count = st.session_state.get(PLACE, st.query_params.get(PLACE, 0)), len(view.tokens)
    return (int(place) if str(place).isdigit() and 0 < int(place) <= count else count) - 1


def token_place(view: TextView, label: str = "Token") -> int:
    """A token of the text, from 0, shared with the lens and by all pages; at first the last."""
    count = len(view.tokens)
    if count == 1:
        return 0
    names = [f"{i}: {piece.label}" for i, piece in enumerate(view.pieces, start=1)]
    if st.session_state.get(PLACE) == count:
        st.session_state[PLACE] = 0  # so is the last one called
    place = url_setting(
        st.select_slider, label, [*range(1, count), 0], key=PLACE, default=0, valid=range(count),
        format_func=lambda i: names[i - 1], help="Choose it here, or on the page Text.",
    )  # fmt: skip
    return (place or count) - 1
