"""What is in view: one model, one photo, one resolution, shared by all pages and restored from the URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.image import prepare_photo
from explorer.inputs.shown import shown_picture
from explorer.knobs import turns_of, values_of
from explorer.measures import LayerMeasures, measure_curves, measure_layers, top_classes
from explorer.trace import Array, Knobs, LayerWeights, Prepared, Trace
from explorer.ui import caches, sidebar

MAX_PREPARED = 48


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

    def __repr__(self) -> str:
        """Its key, so that a view can be an option of what is computed once (caches.once)."""
        return f"View({self.key})"

    @property
    def file_stem(self) -> str:
        """How files that are taken away from this view begin: photo, model, and whether knobs are turned."""
        stem = f"{self.photo.name.rsplit('.', 1)[0].replace(' ', '_')}_{self.card.name}"
        return f"{stem}_turned" if self.turned else stem

    @property
    def turned(self) -> bool:
        """Whether any knob but the stride is not as trained."""
        return bool(turns_of(self.knobs, self.card))

    @property
    def trained(self) -> View:
        """The same photo, resolution and model as trained; this very view where nothing is turned."""
        return self.under(Knobs())

    def under(self, knobs: Knobs) -> View:
        """The same photo, resolution and model under other knobs; this very view if they are its own."""
        knobs = replace(knobs, stride=self.knobs.stride)
        key = caches.trace_key(self.card, self.prepared, knobs)
        if key == self.key:
            return self
        return replace(self, knobs=knobs, trace=caches.trace(self.card, self.prepared, knobs), key=key)

    def measured(self, function: Callable[..., Any], **options: Any) -> Any:
        """function(trace, **options), computed once for this trace and these options."""
        return caches.once(self.key, function, self.trace, **options)

    def ready(self, function: Callable[..., Any], **options: Any) -> Any:
        """What measured would return, if it has been computed; else None."""
        return caches.ready(self.key, function, **options)

    def layer_measures(self, control: bool = False) -> list[LayerMeasures]:
        """Every layer's numbers of this run, or of the random-init control on the same photo."""
        weights = self.layer_weights(control)
        trace = self.control_trace() if control else self.trace
        return caches.once(f"{self.key}|{control}", measure_layers, trace, weights)

    def curves(self, control: bool = False) -> tuple[Array, Array]:
        """R^c as the official code measures it and the share of non-zeros of every layer: quick, see measure_curves."""
        trace = self.control_trace() if control else self.trace
        return caches.once(f"{self.key}|{control}", measure_curves, trace)

    def layer_weights(self, control: bool = False) -> tuple[LayerWeights, ...]:
        """The measured weights of every layer, with η and λ as they are turned."""
        weights = caches.layer_weights(self.card, control)
        if not (self.card.has_ista and self.turned):
            return weights
        steps = zip(values_of(self.knobs, self.card, "e"), values_of(self.knobs, self.card, "l"), strict=True)
        return tuple(
            replace(one, eta=float(eta), lam=float(lam)) for one, (eta, lam) in zip(weights, steps, strict=True)
        )

    def control_trace(self) -> Trace:
        """The same photo through the same architecture with freshly drawn weights, under the same knobs."""
        return caches.trace(self.card, self.prepared, self.knobs, control=True)

    def top_classes(self, count: int = 5) -> tuple[list[str], Array]:
        """The classes of highest probability and their probabilities, softmax of the logits."""
        return top_classes(self.trace, count)


def current_view() -> View:
    """The view that the sidebar set up, traced. Raises ExplorerError for a photo or a setting that does not fit."""
    choice, card, photo = model_and_photo()
    with st.spinner("Running the model…", show_time=True):
        return make_view(card, photo, choice.size, choice.stride, choice.framing, choice.knobs)


def model_and_photo() -> tuple[sidebar.Choice, ModelCard, sidebar.Photo]:
    """What the sidebar says, with its model and its photo; the page ends with a word where there is no photo yet."""
    choice = sidebar.choice()
    if choice.card is None:
        raise ExplorerError("The zoo is empty: import a checkpoint on the Models page.")
    if choice.photo is None:
        st.info("There is no photo yet: upload one or take one in the sidebar, or choose from the gallery.")
        st.stop()
    return choice, choice.card, choice.photo


def make_view(
    card: ModelCard, photo: sidebar.Photo, size: int | None, stride: int | None, framing: str, knobs: Knobs
) -> View:
    """A view with its run, from the caches where they have it. Raises ExplorerError as current_view does."""
    knobs = replace(knobs, stride=stride)
    prepared = _prepare(photo, card, size, framing)
    trace = caches.trace(card, prepared, knobs)
    picture, scale = caches.once(prepared.digest, shown_picture, photo.data, card, prepared, size, framing)
    key = caches.trace_key(card, prepared, knobs)
    return View(card, photo, prepared, knobs, trace, key, picture, scale, framing)


def _prepare(photo: sidebar.Photo, card: ModelCard, size: int | None, framing: str) -> Prepared:
    return _prepared(f"{photo.sha256}|{card.sha256}|{size}|{framing}", photo, card, size, framing)


@st.cache_resource(max_entries=MAX_PREPARED, show_spinner=False)
def _prepared(key: str, _photo: sidebar.Photo, _card: ModelCard, _size: int | None, _framing: str) -> Prepared:
    del key
    return prepare_photo(_photo.data, _card.preprocessing, _card.patch, _size, _framing, _photo.name)
