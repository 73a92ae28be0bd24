"""What every page has around its sections: title, style, provider, glossary."""

from __future__ import annotations

import runpy
from pathlib import Path

import streamlit as st

from explorer import runtime
from explorer.ui.frame import sidebar
from explorer.ui.frame.menu import reads_text
from explorer.words import GLOSSARY, PHOTO_GLOSSARY, TEXT_GLOSSARY

ICON = str(Path(__file__).with_name("icon.png"))
MAIN_SCRIPT = Path(__file__).parents[3] / "streamlit_app.py"
_STYLE = """
<style>
.block-container { padding-top: 3.2rem; padding-bottom: 3rem; max-width: 1720px; }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
[data-testid="stMain"] h1 { padding-top: 0; }
[class*="st-key-lens_feeds"], .st-key-history, .st-key-visit_cookie_place { display: none; }
[class*="st-key-verdict_"] p {
  padding-left: 0.55rem; border-left: 3px solid color-mix(in srgb, currentColor 35%, transparent);
  font-size: 0.92rem; line-height: 1.35; font-weight: 600;
}
/* Columns go below each other, and choices onto a second line, before anything in them is cut. */
[data-testid="stColumn"]:has(.stCheckbox, .stButton) { min-width: min(100%, 7rem); }
[data-testid="stColumn"]:has(.stSlider, .stNumberInput, .stTextInput, .stButtonGroup) { min-width: min(100%, 9.5rem); }
[data-testid="stColumn"]:has(.stDownloadButton, .stMetric) { min-width: min(100%, 11.5rem); }
[data-testid="stColumn"]:has(.stSelectbox, .stMultiSelect) { min-width: min(100%, 12rem); }
[data-testid="stColumn"]:has(.stPlotlyChart, .stDataFrame) { min-width: min(100%, 16rem); }
[data-testid="stColumn"]:has(.katex-display) { min-width: min(100%, 28rem); }
[data-testid="stColumn"]:has(+ * .katex-display) { min-width: 5.5rem; }
.katex-display { overflow: auto hidden; }
[data-testid="stColumn"]:has(.stBidiComponent) { min-width: min(100%, 19rem); }
.stButtonGroup > :has(> button) { flex-wrap: wrap; overflow: visible; }
.stButtonGroup [data-selected] + button:not([data-hovered]) {
  border-left-color: color-mix(in srgb, currentColor 20%, transparent) !important; /* Streamlit hides it */
}
/* The room for a chart's buttons, above its title, reaches into the gap above the chart. */
[data-testid="stElementContainer"]:has(> * > .stPlotlyChart) { margin-top: -1rem; }
</style>
"""
_HISTORY = f"<script>{Path(__file__).with_name('history.js').read_text(encoding='utf-8')}</script>"


def style() -> None:
    """On every page: tighter margins than Streamlit's, and a history of pages, not of settings (history.js)."""
    st.html(_STYLE)
    with st.container(key="history"):
        st.html(_HISTORY, unsafe_allow_javascript=True)


def title(text: str) -> None:
    """A page's title.

    The very first visitor of a server may come by a page's own address. Streamlit then runs that page as an old-style
    page, without streamlit_app.py, until st.navigation has been called once: then run the app in the page's place.
    """
    if not sidebar.was_drawn():
        runpy.run_path(str(MAIN_SCRIPT))
        st.stop()
    st.title(text, anchor=False)


def provider_line() -> None:
    """Where the models run and why."""
    provider, reason = runtime.provider()
    icon = ":material/bolt:" if provider == runtime.CUDA else ":material/memory:"
    st.markdown(f"{icon} Models run on **{reason}**.")


def glossary() -> None:
    """Every symbol in plain words."""
    words = GLOSSARY | (TEXT_GLOSSARY if reads_text() else PHOTO_GLOSSARY)
    with st.expander("The letters and words on these pages", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- {symbol}: {meaning}" for symbol, meaning in words.items()))
