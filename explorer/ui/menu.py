"""The menu: every page, and whether it is about pictures or about text."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.ui.remembered import PAGE

PICTURES, TEXT = "pictures", "text"
"""The two groups of pages."""


@dataclass(frozen=True)
class MenuEntry:
    """A page in the menu. group: whose pages it belongs to, empty for all; entrance: whether the other group shows it,
    too; reads: whether the sidebar offers it something to read, a photo or a text."""

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
    "subspaces": MenuEntry("Subspaces", "scatter_plot", PICTURES),
    "ledger": MenuEntry("Ledger", "balance", PICTURES),
    "compare": MenuEntry("Compare", "compare", PICTURES),
    "text": MenuEntry("Text", "notes", TEXT, entrance=True),
    "generate": MenuEntry("Generate", "edit_note", TEXT),
    "features": MenuEntry("Features", "manage_search", TEXT),
    "embeddings": MenuEntry("Embeddings", "hub", TEXT, reads=False),
    "experiment": MenuEntry("Experiment", "science"),
    "models": MenuEntry("Models", "deployed_code"),
}
"""Every page by its address, in the order of the menu."""
GROUP = "menu"
"""Session state: whose pages the menu shows, PICTURES or "text"."""


def entry_in_view() -> MenuEntry:
    """The entry of the page that is being drawn."""
    return PAGES[st.session_state.get(PAGE) or "start"]


def navigation() -> StreamlitPage:
    """The menu; returns the page to run. It shows the pages of what one is at, pictures or text, with the way to the
    other, so that the settings below it stay in view."""
    group = st.session_state.get(GROUP, PICTURES)
    page = st.navigation([_page(address, group) for address in PAGES], expanded=True)
    own = PAGES[page.url_path or "start"].group
    if own and own != group:
        st.session_state[GROUP] = own
        st.rerun()  # the menu was drawn for the other; nothing else has been
    st.session_state[PAGE] = page.url_path
    if page.url_path:  # the first page draws no Plotly chart; Plotly would read a pandas that another thread imports
        importlib.import_module("pandas")
    return page


def _page(address: str, group: str) -> StreamlitPage:
    entry = PAGES[address]
    shown = entry.entrance or entry.group in ("", group)
    return st.Page(
        f"pages/{address}.py", title=entry.title, icon=f":material/{entry.icon}:", default=address == "start",
        visibility="visible" if shown else "hidden",
    )  # fmt: skip
