"""The menu: every page, and whether it is about pictures or about text."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.ui.state.settings import LOOKED, PAGE

PICTURES, TEXT, EITHER = "pictures", "text", "either"
"""The groups of pages: of photos, of texts, and of whichever of the two one is at."""


@dataclass(frozen=True)
class MenuEntry:
    """A page in the menu. group: whose pages it belongs to, empty for those that read nothing; entrance: whether the
    other group shows it, too; reads: whether the sidebar offers it something to read, a photo or a text."""

    title: str
    icon: str
    group: str = ""
    entrance: bool = False
    reads: bool = True


PAGES = {
    "start": MenuEntry("Start", "home"),
    "segment": MenuEntry("Segment", "category", PICTURES, entrance=True),
    "layers": MenuEntry("Layers", "layers", PICTURES),
    "knobs": MenuEntry("Knobs", "tune", PICTURES),
    "subspaces": MenuEntry("Subspaces", "scatter_plot", EITHER),
    "ledger": MenuEntry("Ledger", "balance", PICTURES),
    "compare": MenuEntry("Compare", "compare", EITHER),
    "text": MenuEntry("Text", "notes", TEXT, entrance=True),
    "generate": MenuEntry("Generate", "edit_note", TEXT),
    "features": MenuEntry("Features", "manage_search", TEXT),
    "embeddings": MenuEntry("Embeddings", "hub", TEXT, reads=False),
    "experiment": MenuEntry("Experiment", "science", reads=False),
    "models": MenuEntry("Models", "deployed_code", EITHER, reads=False),
}
"""Every page by its address, in the order of the menu."""
GROUP = "menu"
"""Session state: what one is at, PICTURES or TEXT."""
ON = "on"
"""The query parameter that says so on a page of EITHER."""


def entry_in_view() -> MenuEntry:
    """The entry of the page that is being drawn."""
    return PAGES[st.session_state.get(PAGE) or "start"]


def group_in_view() -> str:
    """What the page that is being drawn reads, PICTURES or TEXT."""
    return st.session_state.get(GROUP, PICTURES)


def reads_text() -> bool:
    """Whether the page that is being drawn reads a text."""
    return group_in_view() == TEXT


def navigation() -> StreamlitPage:
    """The menu; returns the page to run. It shows the pages of what one is at, pictures or text, with the way to the
    other, so that the settings below it stay in view."""
    asked = st.query_params.get(ON)
    group = st.session_state.setdefault(GROUP, TEXT if asked == TEXT else PICTURES)
    page = st.navigation([_page(address, group) for address in PAGES], expanded=True)
    own = PAGES[page.url_path or "start"].group
    if own in (PICTURES, TEXT) and own != group:
        st.session_state[GROUP] = own
        st.rerun()  # the menu was drawn for the other; nothing else has been
    st.session_state[PAGE], st.session_state[LOOKED] = page.url_path, {}
    _say_group(own == EITHER and group == TEXT)
    if page.url_path:  # the first page draws no Plotly chart; Plotly would read a pandas that another thread imports
        importlib.import_module("pandas")
    return page


def choose_group() -> None:
    """On a page of EITHER: whether it is about a photo or a text, or their models."""
    entry = entry_in_view()
    if entry.group != EITHER:
        return
    state, key = st.session_state, "look_at"
    names = {PICTURES: "A photo", TEXT: "A text"} if entry.reads else {PICTURES: "Photos", TEXT: "Texts"}
    state[key] = group_in_view()
    st.segmented_control(
        "Look at" if entry.reads else "Models of", list(names), key=key, required=True,
        format_func=names.__getitem__, width="stretch", on_change=lambda: state.update({GROUP: state[key]}),
    )  # fmt: skip


def _say_group(of_text: bool) -> None:
    if not of_text:
        st.query_params.pop(ON, None)
    elif st.query_params.get(ON) != TEXT:
        st.query_params[ON] = TEXT


def _page(address: str, group: str) -> StreamlitPage:
    entry = PAGES[address]
    shown = entry.entrance or entry.group in ("", EITHER, group)
    return st.Page(
        f"pages/{address}.py", title=entry.title, icon=f":material/{entry.icon}:", default=address == "start",
        visibility="visible" if shown else "hidden",
    )  # fmt: skip
