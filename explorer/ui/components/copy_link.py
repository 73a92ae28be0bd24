"""A button that copies the address of the page."""

from __future__ import annotations

from functools import cache
from typing import Any

from streamlit.components.v2 import component

from explorer.ui.components.web import sources


def copy_link() -> None:
    """Put the page's address, as the browser shows it, on the clipboard; nothing runs on the server."""
    _component()(key="copy_link")


@cache
def _component() -> Any:
    html = '<button type="button">Copy link</button>'
    return component("crate_copy_link", html=html, css=sources("copy_link.css"), js=sources("copy_link.js"))
