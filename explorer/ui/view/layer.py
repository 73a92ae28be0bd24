"""Which layer and which heads are looked at: shared by all pages and lenses."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer.ui.state.settings import url_setting
from explorer.ui.view.run import RunView


def layer_slider(view: RunView, label: str = "Layer ℓ") -> int:
    """The layer in view, shared by all pages and the URL; it starts at the one before the last."""
    layers = view.card.layers
    if layers == 1:
        return 1
    return url_setting(
        st.slider, label, 1, layers, key="layer", default=layers - 1, valid=range(1, layers + 1),
        help="Layers count from 1, as in the papers.",
    )  # fmt: skip


def follow_layer(view: RunView, layer: int) -> None:
    """In a fragment with a lens: run the whole page again if a key in the lens chose another layer than the page's.

    Before the fragment writes to the URL: what it has sent by then is dropped.
    """
    if view.card.layers > 1 and st.session_state.get("layer", layer) != layer:
        st.rerun()


def fits_heads(count: int, text: Any) -> bool:
    """Whether heads_of can read it."""
    return heads_of(text, count) is not None


def heads_of(text: Any, count: int) -> tuple[int, ...] | None:
    """ "1,3" → (1, 3); None for what is not an ascending list of heads."""
    if text == "":
        return ()
    parts = str(text).split(",")
    heads = tuple(int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 4)
    fits = len(heads) == len(parts) and list(heads) == sorted(set(heads)) and all(1 <= head <= count for head in heads)
    return heads if fits else None
