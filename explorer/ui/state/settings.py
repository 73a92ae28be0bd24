"""Settings that the URL shows and that every page shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

PAGE = "page"
"""Session state: the address of the page in view."""

LOOKED = "looked_at"
"""Session state: what the lenses of the page show, by what the model reads; new with every run of the whole page."""


def looked_at() -> dict[str, Any]:
    """What the lenses of this page show, "image" → LensChoice, "look" → LensLook, "text" → TextLensChoice.

    A lens in a fragment writes to it without the rest of the page; what reads it later, such as a download, has it."""
    return st.session_state.setdefault(LOOKED, {})


def url_setting(
    widget: Callable[..., Any],
    label: str,
    *arguments: Any,
    key: str,
    default: Any,
    valid: Sequence[Any] | Callable[[str], bool],
    formerly: str | None = None,
    **options: Any,
) -> Any:
    """A widget whose value the URL shows (as the query parameter `key`) and that outlives a change of page.

    Streamlit's own bind="query-params" loses the value, or the parameter, when two pages draw the same widget; so the
    value is kept here. valid: what it may be now, or for a text a test of it; anything else, from the URL or from
    another model, becomes default.
    A value equal to the default is left out of the URL. formerly: its name in addresses of earlier versions.
    """
    fits = valid if callable(valid) else valid.__contains__
    state, kept, page = st.session_state, f"kept.{key}", st.session_state.get(PAGE)
    if kept in state and (state[kept][1] != page or key not in state):
        state[key] = state[kept][0]
    elif key not in state:
        text = st.query_params.get(key, st.query_params.get(formerly or key))
        asked = [text or ""] if callable(valid) else [value for value in valid if str(value) == text]
        state[key] = next((value for value in asked if fits(value)), default) if text is not None else default
        if text is not None and str(state[key]) != text:
            st.toast(f"The link asks for a {key} that is not here: showing {state[key]}.", icon=":material/link_off:")
    followed = state.get(f"default.{key}", default)
    if not fits(state[key]) or (state[key] == followed != default):
        state[key] = default  # a setting that was left alone follows its default to another model
    state[f"default.{key}"] = default
    value = widget(label, *arguments, key=key, **options, **_first_value(widget, arguments, state[key]))
    state[kept] = (value, page)
    if formerly:
        st.query_params.pop(formerly, None)
    if value == default:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != str(value):
        st.query_params[key] = str(value)
    return value


def _first_value(widget: Callable[..., Any], arguments: Sequence[Any], value: Any) -> dict[str, Any]:
    """The widget's own first value, as what the session says.

    A widget that was away for a run is told its value in one message. If that run is overtaken by the next, as while
    somebody types, the browser never gets it and builds the widget from its first value, which without this would be
    the least one, and send that back.
    """
    match getattr(widget, "__name__", ""):
        case "selectbox":
            return {"index": list(arguments[0]).index(value)}
        case "segmented_control":
            return {"default": value}
        case "slider" | "select_slider" | "number_input" | "toggle" | "text_input":
            return {"value": value}
        case _:
            return {}


def last_value(key: str, default: Any) -> Any:
    """What a setting was last, on whichever page; nothing is drawn or put into the URL."""
    state = st.session_state
    return state[key] if key in state else state.get(f"kept.{key}", (default,))[0]


def set_next(key: str, value: Any) -> None:
    """Give a setting a value before its widget is drawn again: for buttons that open another page."""
    st.session_state[f"kept.{key}"] = (value, None)


def url_choice(label: str, names: Mapping[Any, str], key: str, explanation: str | None = None) -> Any:
    """A remembered choice between a few named values, side by side; the first is the default."""
    values = list(names)
    return url_setting(
        st.segmented_control, label, values, key=key, default=values[0], valid=values, required=True,
        format_func=names.__getitem__, help=explanation,
    )  # fmt: skip


def no_widget(label: str, key: str) -> Any:
    """In the place of a widget: the value that the lens left in the state."""
    del label
    return st.session_state[key]
