"""What is in view: one model, one photo, one resolution, shared by all pages and restored from the URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from explorer.errors import ExplorerError
from explorer.inputs.image import prepare_photo
from explorer.measures import LayerMeasures, measure_layers
from explorer.trace import Array, Knobs, ModelCard, Prepared, Trace
from explorer.ui import caches, sidebar

MAX_PREPARED = 48
DISPLAY_SIDE = 448
"""Pixels that the shorter side of a shown photo has at least."""


@dataclass(frozen=True)
class View:
    """One run in view. picture: the photo as shown, `scale` times as large as what the model sees."""

    card: ModelCard
    photo: sidebar.Photo
    prepared: Prepared
    knobs: Knobs
    trace: Trace
    key: str
    picture: Array
    scale: int
    framing: str

    @property
    def file_stem(self) -> str:
        """How files that are taken away from this view begin: photo and model."""
        return f"{self.photo.name.rsplit('.', 1)[0].replace(' ', '_')}_{self.card.name}"

    def measured(self, function: Callable[..., Any], **options: Any) -> Any:
        """function(trace, **options), computed once for this trace and these options."""
        return caches.once(self.key, function, self.trace, **options)

    def layer_measures(self, control: bool = False) -> list[LayerMeasures]:
        """Every layer's numbers of this run, or of the random-init control on the same photo."""
        weights = caches.layer_weights(self.card, control)
        trace = self.control_trace() if control else self.trace
        return caches.once(f"{self.key}|{control}", measure_layers, trace, weights)

    def control_trace(self) -> Trace:
        """The same photo through the same architecture with freshly drawn weights."""
        return caches.trace(self.card, self.prepared, self.knobs, control=True)

    def top_classes(self, count: int = 5) -> tuple[list[str], Array]:
        """The classes of highest probability and their probabilities, softmax of the logits."""
        logits = self.trace.logits[0].astype(np.float64)
        probabilities = np.exp(logits - logits.max())
        probabilities /= probabilities.sum()
        best = np.argsort(-probabilities, kind="stable")[:count]
        names = self.card.classes or tuple(f"class {i}" for i in range(len(logits)))
        return [names[i] for i in best], probabilities[best]


def current_view() -> View:
    """The view that the sidebar set up, traced. Raises ExplorerError for a photo or a setting that does not fit."""
    choice = sidebar.choice()
    if choice.card is None:
        raise ExplorerError("The zoo is empty: import a checkpoint on the Models page.")
    if choice.photo is None:
        st.info("There is no photo yet: upload one or take one in the sidebar, or choose from the gallery.")
        st.stop()
    card, photo, knobs = choice.card, choice.photo, Knobs(stride=choice.stride)
    prepared = _prepare(photo, card, choice.size, choice.framing)
    with st.spinner("Running the model…", show_time=True):
        trace = caches.trace(card, prepared, knobs)
    scale = max(1, -(-DISPLAY_SIDE // min(prepared.height, prepared.width)))
    shown = _prepare(photo, card, (choice.size or card.preprocessing.crop) * scale, choice.framing)
    picture = shown.picture
    if picture is None or picture.shape[:2] != (prepared.height * scale, prepared.width * scale):
        picture = _enlarge(prepared.picture, scale)  # a whole photo's longer side may be rounded otherwise
    key = caches.trace_key(card, prepared, knobs)
    return View(card, photo, prepared, knobs, trace, key, picture, scale, choice.framing)


def _prepare(photo: sidebar.Photo, card: ModelCard, size: int | None, framing: str) -> Prepared:
    return _prepared(f"{photo.sha256}|{card.sha256}|{size}|{framing}", photo, card, size, framing)


@st.cache_resource(max_entries=MAX_PREPARED, show_spinner=False)
def _prepared(key: str, _photo: sidebar.Photo, _card: ModelCard, _size: int | None, _framing: str) -> Prepared:
    del key
    return prepare_photo(_photo.data, _card.preprocessing, _card.patch, _size, _framing, _photo.name)


def _enlarge(picture: Array | None, scale: int) -> Array:
    assert picture is not None  # photos always have one
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
