"""Which layer and which heads are looked at: shared by all pages and lenses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from explorer.card import ModelCard
from explorer.lens import AGAINST, NETWORKS, Ways, cells_of
from explorer.ui.state.settings import last_value, no_widget, url_setting
from explorer.ui.view.run import RunView

LAYER, HEADS = "layer", "head"
"""The settings' names in the session and in the URL."""
WAYS = {"against": "against", "cells": "cells", "network": "whose"}
"""Those of how attention is shown, by their names in the lens."""


def layer_slider(view: RunView, label: str = "Layer ℓ") -> int:
    """The layer in view, shared by all pages and the URL; it starts at the one before the last."""
    layers = view.card.layers
    if layers == 1:
        return 1
    return _layer(
        st.slider,
        label,
        1,
        layers,
        card=view.card,
        key=LAYER,
        default=None,
        help="Layers count from 1, as in the papers.",
    )


def layer_in_lens(card: ModelCard, key: str = LAYER, default: int | None = None) -> int:
    """The layer that a lens was set to. key: its name in the URL; default: None for the one before the last."""
    return _layer(no_widget, "Layer", card=card, key=key, default=default)


def _layer(
    widget: Callable[..., Any], *arguments: Any, card: ModelCard, key: str, default: int | None, **options: Any
) -> int:
    first = default or max(card.layers - 1, 1)
    return url_setting(widget, *arguments, key=key, default=first, valid=range(1, card.layers + 1), **options)


def heads_in_lens(card: ModelCard) -> tuple[int, ...]:
    """The heads that a lens was set to, from 1; empty for all."""
    text = url_setting(no_widget, "Heads", key=HEADS, default="", valid=partial(fits_heads, card.heads))
    return heads_of(text, card.heads) or ()


def ways_in_lens(card: ModelCard) -> Ways:
    """How a lens was set to show attention and the overview of the heads."""
    cells, ways = cells_of(card.reads_text), Ways()
    return Ways(
        url_setting(no_widget, "Colours", key=WAYS["against"], default=ways.against, valid=list(AGAINST)),
        url_setting(no_widget, "Cells", key=WAYS["cells"], default=ways.cells, valid=cells),
        url_setting(no_widget, "Whose numbers", key=WAYS["network"], default=ways.network, valid=list(NETWORKS)),
    )


def last_ways(card: ModelCard) -> Ways:
    """How a lens last showed attention, on whichever page; nothing of it is drawn or put into the URL."""
    valid = {"against": AGAINST, "cells": cells_of(card.reads_text), "network": NETWORKS}
    kept = {name: last_value(key, "") for name, key in WAYS.items()}
    return Ways(**{name: value for name, value in kept.items() if value in valid[name]})


def keep_ways(chosen: Mapping[str, Any]) -> None:
    """Put how the browser shows attention where the URL and the other pages find it."""
    st.session_state.update({key: chosen[name] for name, key in WAYS.items() if isinstance(chosen.get(name), str)})


def last_layer_and_heads(card: ModelCard) -> tuple[int, tuple[int, ...]]:
    """What a lens was last set to, on whichever page; nothing of it is drawn or put into the URL."""
    layer = last_value(LAYER, max(card.layers - 1, 1))
    return min(layer, card.layers), heads_of(last_value(HEADS, ""), card.heads) or ()


def follow_layer(view: RunView, layer: int) -> None:
    """In a fragment with a lens: run the whole page again if a key in the lens chose another layer than the page's.

    Before the fragment writes to the URL: what it has sent by then is dropped.
    """
    if view.card.layers > 1 and st.session_state.get(LAYER, layer) != layer:
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
