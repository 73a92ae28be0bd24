"""The first page: one photo in four pictures and two curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer.card import first_stride
from explorer.inputs.photo import FIRST_PHOTO, sample
from explorer.lens import PANELS, LensLook, Section, walk_feed
from explorer.measures.patches import default_layer, segment_trace, trace_attention, walk_layer
from explorer.trace import Knobs
from explorer.ui.components.gallery import pick_photo, thumbnails
from explorer.ui.components.walk import play_walk
from explorer.ui.panels.headline import headline
from explorer.ui.panels.layers import rate_panel, sparsity_panel
from explorer.ui.panels.prediction import photo_panel
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next
from explorer.ui.view.photo import View, make_view
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, last_choice, lens_choice, usual_look, view_name
from explorer.words import NO_HEAD, whole_photo
from explorer.zoo import FIRST_MODEL


def prepare() -> None:
    """Compute the view that the app opens with, before anyone asks: see explorer.ui.launch."""
    card = next((card for card in caches.cards() if card.name == FIRST_MODEL), None)
    if card is None:
        return
    view = make_view(card, sample(FIRST_PHOTO), None, first_stride(card), "crop", Knobs())
    thumbnails()
    headline(view, "this photo")
    for method in ("maskcut", "pca"):
        layer = default_layer(card.layers, method)
        view.drawn(method=method, layer=layer, **LensLook().drawn(method))


def first_lens(view: View) -> Callable[[], None]:
    """Attention of the last layer, objects and parts of the one before it, and what the layers do.

    Returns what finds the objects and parts: call it when the rest of the page is drawn.
    """
    last, before = view.card.layers, default_layer(view.card.layers, "maskcut")
    panels = [
        photo_panel(view),
        replace(PANELS["attention"], layer=last, title="Its attention"),
        replace(PANELS["objects"], layer=before, title="Its objects", explanation="found without any mask in training"),
        replace(PANELS["parts"], layer=before, title="Its parts", explanation="three components as colours"),
    ]
    choice = replace(lens_choice(view), heads=())
    sections = [Section(panels), Section([rate_panel(view), sparsity_panel(view)], wide=True)]
    return draw_lens(PhotoLens(view, choice, sections, usual_look(), key="start_lens", toolbar=(), ahead=False))


def layer_walk(view: View) -> None:
    """A film of what the layer before the last does to one patch: the pinned one, or one of the first object."""
    layer = default_layer(view.card.layers, "maskcut")
    token = last_choice(view).token or _striking_patch(view, layer)
    play_walk(caches.once(view.key, _walk_feed, view, layer=layer, token=token), key="walk")


def _striking_patch(view: View, layer: int) -> int:
    """The token of the first object, or of the photo if none was found, that CLS attends to most in the last layer."""
    objects = view.measured(segment_trace, method="maskcut", layer=layer, head=None, **LensLook().options("maskcut"))
    within = objects.labels == 1 if (objects.labels == 1).any() else True
    return 1 + int(np.argmax(np.where(within, trace_attention(view.trace, view.card.layers), 0)))


def _walk_feed(view: View, layer: int, token: int) -> bytes:
    walk = walk_layer(view.trace, view.layer_weights()[layer - 1], layer, token)
    return walk_feed(f"{view_name(view)}.{layer}.{token}", walk, view.trace, view.picture, view.scale)


def how_to_look(view: View) -> str:
    """Whose attention the pictures show, and that a model without a head predicts nothing."""
    classified = " and is classified" if view.card.has_head else ""
    whole = (
        f"that of CLS, the token that stands for the whole photo{classified}"
        if view.card.has_class_token
        else f"that of {whole_photo(view.card.prefix)}: this model has no class token"
    )
    return (
        "**Move over a picture**: the attention of the patch under the pointer follows at once. "
        f"Otherwise it is {whole}.{'' if view.card.has_head else ' ' + NO_HEAD}"
    )


def choose_photo(page: str) -> None:
    """The gallery; a click puts the photo into view and opens a page with it."""
    chosen = pick_photo(st.session_state.get("photo"), key="gallery_grid")
    if chosen:
        set_next("photo", chosen)
        set_next("source", "gallery")
        st.switch_page(page)
