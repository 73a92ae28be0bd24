"""Settings that the URL shows and that every page shares."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import streamlit as st

PAGE = "page"
"""Session state: the address of the page in view."""


def remembered(
    widget: Callable[..., Any],
    label: str,
    *arguments: Any,
    key: str,
    valid: Container[Any] | None = None,
    **options: Any,
) -> Any:
    """A widget bound to the query parameter of its key, whose value outlives a change of page.

    Streamlit drops a bound widget's value when the page that drew it is left, even if the next page draws one of the
    same key; so it is kept beside. valid: what the value may be now (another model has other layers); a remembered
    value outside it is forgotten.
    """
    kept, page = f"kept.{key}", st.session_state.get(PAGE)
    if kept in st.session_state and st.session_state[kept][1] != page:
        st.session_state[key] = st.session_state[kept][0]
    if valid is not None and key in st.session_state and st.session_state[key] not in valid:
        del st.session_state[key]
    value = widget(label, *arguments, key=key, bind="query-params", persist_state="session", **options)
    st.session_state[kept] = (value, page)
    return value
