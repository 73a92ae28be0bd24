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
from explorer.ui.components.text_link import KEPT, PACKED, PLAIN, Mark, from_link, to_link
from explorer.ui.components.web import sources

KEY = "text_box"
TEXT = "typed"
"""Session state: the text that was typed or chosen last, kept when the page changes."""
WANTED, MISSING = "text_wanted", "text_missing"
"""Session state: the mark of a text that the link could not carry, while the browser looks for it and once it has not
found it."""
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
    """The box with examples below it; returns what stands in it. Ends the run while the browser looks for a text that
    the link could not carry."""
    state = st.session_state
    if TEXT not in state:
        _begin()
    text: str = state[TEXT]
    parameter, value = to_link(text)
    kept = parameter == KEPT
    settings = {
        "text": text, "at": _said().get("at", 0), "examples": EXAMPLES, "most": MAX_CHARACTERS,
        "wanted": str(state.get(WANTED, "")), "keep": value if kept else "",
        "notes": _notes(len(text)) if kept else [],
    }  # fmt: skip
    _component()(key=KEY, data=[settings], on_typed_change=_take)
    if WANTED in state:
        st.caption("Looking for the text of this link in this tab…")
        st.stop()
    if MISSING in state:
        st.query_params[KEPT] = str(state[MISSING])
        st.warning(
            f"This link was made with a text of {state[MISSING].length:,} characters, which a link cannot carry: "
            "paste it here, or choose an example.", icon=":material/link_off:",
        )  # fmt: skip
        return text
    for name in (PLAIN, PACKED, KEPT):
        if name != parameter or text == next(iter(EXAMPLES.values())):
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
    return text


def _begin() -> None:
    """The text that the link has, an example without one; or the mark of a text that the browser may have kept."""
    state, first = st.session_state, next(iter(EXAMPLES.values()))
    try:
        linked = from_link(st.query_params)
    except ValueError:
        st.toast("The text in this link is damaged: an example is shown.", icon=":material/link_off:")
        linked = None
    state[TEXT] = "" if isinstance(linked, Mark) else linked or first
    if isinstance(linked, Mark):
        state[WANTED] = linked


def _notes(length: int) -> list[str]:
    """What the box says below a text that no link can carry: where the browser keeps it, and where it does not."""
    long = f"This text of {length:,} characters is too long for a link."
    return [
        f"{long} It stays in this tab, also when the page is loaded again, until the tab is closed.",
        f"{long} This browser does not keep it either: loading the page again loses it.",
    ]


def set_text(text: str) -> None:
    """Put a text into the box before it is drawn again."""
    st.session_state[TEXT] = text


def _take() -> None:
    """What was typed; or what the browser had kept, if that is the text of the link."""
    state, text = st.session_state, _said().get("text", st.session_state.get(TEXT, ""))
    state.pop(MISSING, None)
    wanted: Mark | None = state.pop(WANTED, None)
    if wanted and _said().get("kept") and not wanted.fits(text):
        state[MISSING], text = wanted, ""
    state[TEXT] = text


def _said() -> dict[str, Any]:
    """What the browser sent last; empty if that is not what the box sends."""
    state = st.session_state.get(KEY)
    said = state.get("typed") if state else None
    if not isinstance(said, dict) or not isinstance(said.get("text"), str) or type(said.get("at")) is not int:
        return {}
    return {"text": said["text"][:MAX_CHARACTERS], "at": said["at"], "kept": said.get("kept") is True}


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    html = '<div class="textbox"></div>'
    return component("crate_textbox", html=html, css=sources("textbox.css"), js=asset("dom.js") + sources("textbox.js"))
