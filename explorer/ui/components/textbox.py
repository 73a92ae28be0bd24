"""The box in which a text is typed: a browser component that sends it while it is typed, after a short rest.

Streamlit's own text area sends what was typed when the box is left.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer.inputs.text import MAX_CHARACTERS
from explorer.lens import asset
from explorer.ui.components.web import sources

KEY = "text_box"
TEXT = "typed"
"""Session state: the text that was typed or chosen last, kept when the page changes."""
PARAMETER = "text"
MAX_IN_URL = 600
"""Characters of a text that the URL shows; longer ones stay in the session."""
EXAMPLES = {
    "Ishmael": "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, "
    "and nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of "
    "the world.",
    "Best of times": "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age "
    "of foolishness, it was the epoch of belief, it was the epoch of incredulity.",
    "Truth": "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in "
    "want of a wife.",
    "Repetition": "The cat saw the dog. The dog saw the cat. The cat saw the dog. The dog saw the",
}
"""Melville 1851, Dickens 1859, Austen 1813, all public domain, and a text that repeats itself."""


def text_box() -> str:
    """The box with examples below it; returns what stands in it."""
    if TEXT not in st.session_state:
        st.session_state[TEXT] = st.query_params.get(PARAMETER) or next(iter(EXAMPLES.values()))
    text: str = st.session_state[TEXT]
    settings = {"text": text, "at": _said().get("at", 0), "examples": EXAMPLES, "most": MAX_CHARACTERS}
    _component()(key=KEY, data=[settings], on_typed_change=_take)
    if len(text) > MAX_IN_URL or text == next(iter(EXAMPLES.values())):
        st.query_params.pop(PARAMETER, None)
    elif st.query_params.get(PARAMETER) != text:
        st.query_params[PARAMETER] = text
    return text


def set_text(text: str) -> None:
    """Put a text into the box before it is drawn again."""
    st.session_state[TEXT] = text


def _take() -> None:
    st.session_state[TEXT] = _said().get("text", st.session_state.get(TEXT, ""))


def _said() -> dict[str, Any]:
    """What the browser sent last; empty if that is not what the box sends."""
    state = st.session_state.get(KEY)
    said = state.get("typed") if state else None
    if not isinstance(said, dict) or not isinstance(said.get("text"), str) or type(said.get("at")) is not int:
        return {}
    return {"text": said["text"][:MAX_CHARACTERS], "at": said["at"]}


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    html = '<div class="textbox"></div>'
    return component("crate_textbox", html=html, css=sources("textbox.css"), js=asset("dom.js") + sources("textbox.js"))
