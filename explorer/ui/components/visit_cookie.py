"""The browser's side of a visit: a component that shows nothing and holds the visit's key in a session cookie."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer.ui.components.web import sources
from explorer.ui.state.visit import COOKIE, adopt_key, is_visit_key, visit_key

KEY = "visit_cookie"
"""The name of the component and of the container around it, which the page's style hides."""


def hold_visit() -> bool:
    """Have the browser hold the key of this visit; False once it has said that it takes no cookie."""
    path = "/" + (st.get_option("server.baseUrlPath") or "").strip("/")
    with st.container(key=f"{KEY}_place"):
        data = [{"name": COOKIE, "visit": visit_key(), "path": path}]
        _component()(key=KEY, data=data, on_held_change=_take)
    return _held() != ""


def _take() -> None:
    held = _held()
    if held and is_visit_key(held):
        adopt_key(held)


def _held() -> str | None:
    """The key that the browser says it holds instead of this visit's; empty: none, None: it has said nothing."""
    state = st.session_state.get(KEY)
    held = state.get("held") if state else None
    return held if isinstance(held, str) else None


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    return component("crate_visit_cookie", js=sources("visit_cookie.js"))
