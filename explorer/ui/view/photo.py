"""What is in view: one model, one photo, one resolution, shared by all pages and restored from the URL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.image import prepare_photo
from explorer.inputs.photo import Photo
from explorer.inputs.shown import shown_picture
from explorer.lens import LensLook, photo_heads
from explorer.measures.patches import (
    Heads,
    Segments,
    carried,
    coloured_pixels,
    on_pixels,
    segment_trace,
    upsample_smooth,
)
from explorer.measures.prediction import top_classes
from explorer.trace import Array, Knobs, Prepared
from explorer.ui.frame import sidebar
from explorer.ui.frame.widgets import say_where_it_ran
from explorer.ui.state import caches
from explorer.ui.view.run import RunView

MAX_PREPARED = 48
PHOTO = "photo"
"""The edges that are not those of the patches."""


@dataclass(frozen=True, kw_only=True, repr=False)
class View(RunView):
    """The run of a photo. picture: the photo as shown, `scale` times as large as what the model sees."""

    photo: Photo
    picture: Array
    scale: int
    framing: str

    def head_numbers(self) -> dict[str, Array]:
        """Numbers of every head of every layer, of the run and of its control."""
        return caches.once(self.key, photo_heads, self.trace, self.control_trace())

    def drawn(self, **options: Any) -> Segments:
        """drawn_segments(self, **options), computed once for these options."""
        return caches.once(self.key, drawn_segments, self, **options)

    def drawn_before(self, **options: Any) -> Segments | None:
        """What drawn would return, if it has been computed; else None."""
        return caches.ready(self.key, drawn_segments, **options)

    def top_classes(self, count: int = 5) -> tuple[list[str], Array]:
        """The classes of highest probability and their probabilities, softmax of the logits; none without a head."""
        return top_classes(self.trace, count)


def current_view() -> View:
    """The view that the sidebar set up, traced. Raises ExplorerError for a photo or a setting that does not fit."""
    choice, card, photo = model_and_photo()
    with st.spinner("Running the model…", show_time=True):
        view = make_view(card, photo, choice.size, choice.stride, choice.framing, choice.knobs)
    say_where_it_ran(view.trace.note)
    return view


def model_and_photo() -> tuple[sidebar.Choice, ModelCard, Photo]:
    """What the sidebar says, with its model and its photo; the page ends with a word where there is no photo yet."""
    choice = sidebar.choice()
    if choice.card is None:
        raise ExplorerError("The zoo is empty: import a checkpoint on the Models page.")
    if choice.photo is None:
        st.info("There is no photo yet: upload one or take one in the sidebar, or choose from the gallery.")
        st.stop()
    if choice.photo.notice:
        st.warning(choice.photo.notice, icon=":material/link_off:")
    return choice, choice.card, choice.photo


def make_view(card: ModelCard, photo: Photo, size: int | None, stride: int | None, framing: str, knobs: Knobs) -> View:
    """A view with its run, from the caches where they have it. Raises ExplorerError as current_view does."""
    knobs = replace(knobs, stride=stride)
    prepared = _prepare(photo, card, size, framing)
    trace = caches.trace(card, prepared, knobs)
    picture, scale = caches.once(prepared.digest, shown_picture, photo.data, card, prepared, size, framing)
    key = caches.trace_key(card, prepared, knobs)
    return View(
        card=card, name=photo.name, prepared=prepared, knobs=knobs, trace=trace, key=key, photo=photo,
        picture=picture, scale=scale, framing=framing,
    )  # fmt: skip


def _prepare(photo: Photo, card: ModelCard, size: int | None, framing: str) -> Prepared:
    return _prepared(f"{photo.sha256}|{card.sha256}|{size}|{framing}", photo, card, size, framing)


@st.cache_resource(max_entries=MAX_PREPARED, show_spinner=False)
def _prepared(key: str, _photo: Photo, _card: ModelCard, _size: int | None, _framing: str) -> Prepared:
    del key
    return prepare_photo(_photo.data, _card.preprocessing, _card.patch, _size, _framing, _photo.name)


def enlarge_map(view: View, grid_map: Array) -> Array:
    """A value for each patch → a smooth map on the shown picture's pixels."""
    card, scale = view.card, view.scale
    height, width = view.picture.shape[:2]
    return upsample_smooth(grid_map, height, width, scale * card.patch, scale * view.trace.stride)


def carry(view: View, found: Segments, edges: str, parts: bool = False) -> Segments:
    """A segmentation of patches as the lens draws it: with the edges of the patches or of the photo, and objects split
    into their connected parts where these are asked for."""
    guide = caches.guide(view.prepared.digest, view.picture, view.scale * view.card.patch) if edges == PHOTO else None
    return carried(found, guide, view.scale * view.card.patch, view.scale * view.trace.stride, parts)


def drawn_segments(view: View, *, method: str, layer: int, edges: str, parts: bool, **options: Any) -> Segments:
    """A segmentation of a layer as the lens draws it: carry; all heads."""
    found = view.measured(segment_trace, method=method, layer=layer, head=None, **options)
    return found if edges != PHOTO and not parts else carry(view, found, edges, parts)


def segments(view: View, look: LensLook, method: str, layer: int, head: Heads = None, **options: Any) -> Segments:
    """A segmentation on the shown picture's pixels, as the look has it; its patches are computed once. Attention keeps
    the edges of the patches, of which its rule takes a share."""
    found = view.measured(segment_trace, method=method, layer=layer, head=head, **look.options(method), **options)
    if method != "attention":
        found = carry(view, found, look.edges, look.parts and method == "maskcut")
    if found.edges == PHOTO:
        return coloured_pixels(found, view.scale * view.card.patch, view.scale * view.trace.stride)
    return on_pixels(found, view.trace, view.prepared.height, view.prepared.width, view.scale)
