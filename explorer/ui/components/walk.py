"""A layer as a short film of one token: a browser component that plays by itself and says each stage in words."""

from __future__ import annotations

from functools import cache
from typing import Any

from streamlit.components.v2 import component

from explorer.lens import asset
from explorer.ui.components.web import sources


def play_walk(feed: bytes, key: str) -> None:
    """Show a walk (lens.walk_feed); nothing comes back from it."""
    _component()(data=feed, key=key)


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    js = asset("bytes.js", "dom.js") + sources("walk_scene.js", "walk_draw.js", "walk.js")
    return component("crate_walk", html='<div class="walk"></div>', css=sources("walk.css"), js=js)
