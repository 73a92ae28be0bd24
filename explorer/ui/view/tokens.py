"""The tokens of one photo, or of the whole gallery run in batches, with the sheet of photos they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures, runtime
from explorer.card import ModelCard
from explorer.inputs.gallery import gallery
from explorer.inputs.image import prepare_photo
from explorer.trace import Array, Knobs, Prepared, Trace, patch_grid, read_only
from explorer.ui.components.cloud import Sheet
from explorer.ui.state import caches
from explorer.ui.view.photo import View

MAX_TOKENS = 22_000
"""Tokens that the browser draws and turns without a pause: 28 photos of 28 × 28 patches."""
BATCH = 4
SHEET_COLUMNS = 6
TILE_SIDE = 128
"""Pixels that a photo of the gallery has at least on the sheet."""


@dataclass(frozen=True)
class TokenSet:
    """Tokens of photos that share a grid. projections: (B,K,N,p), read-only. pictures: B of them, as on the sheet.

    key: names model, weights, photos, stride and layer, for caches. note: a sentence for the user, or empty.
    """

    projections: Array
    pictures: tuple[Array, ...]
    sheet: Sheet
    key: str
    note: str = ""


def photo_tokens(view: View, layer: int, control: bool) -> TokenSet:
    """The tokens of the photo in view, with the overlap of patches that the sidebar sets."""
    trace = view.control_trace() if control else view.trace
    patch, stride = view.scale * view.card.patch, view.scale * trace.stride
    sheet = Sheet(
        caches.once(view.key, figures.jpeg_bytes, view.picture), 1, _size(view.picture), trace.grid, patch, stride,
        (view.photo.name,), f"{view.prepared.digest}|{trace.grid}|{stride}|{len(view.card.prefix)}", view.card.prefix,
    )  # fmt: skip
    return TokenSet(trace.projections(layer)[None], (view.picture,), sheet, f"{view.key}|{control}|{layer}")


def gallery_tokens(view: View, layer: int, control: bool) -> TokenSet:
    """The tokens of the sample photos, cropped as in training and with patches side by side, at the size in view."""
    card, side = view.card, min(view.prepared.height, view.prepared.width)
    grid = patch_grid(side, side, card.patch, card.patch)
    tokens, available = len(card.prefix) + grid[0] * grid[1], len(gallery())
    count = max(1, min(available, MAX_TOKENS // tokens))
    photos = _photos(card, side, count)
    key = f"{card.sha256}|{runtime.provider()[0]}|{control}|gallery|{side}|{count}|{layer}"
    name = f"{card.traits.looks[-1]}.{layer}"
    size_bytes = 4 * count * tokens * card.heads * card.head_dim
    trace = caches.gathered(key, size_bytes, lambda: _run(card, photos.prepared, name, control))
    patch = photos.scale * card.patch
    sheet = Sheet(
        photos.jpeg, SHEET_COLUMNS, _size(photos.pictures[0]), grid, patch, patch, photos.names,
        f"gallery|{side}|{count}|{card.patch}|{len(card.prefix)}", card.prefix,
    )  # fmt: skip
    few = f"; {available - count} photos are left out, for at most {MAX_TOKENS:,} points" if count < available else ""
    total = f"{count} photos × {tokens} tokens = {count * tokens:,} points"
    note = f"{total}, patches of {card.patch} px side by side, whatever the stride{few}."
    return TokenSet(trace.points[name], photos.pictures, sheet, key, note)


@dataclass(frozen=True)
class _Photos:
    prepared: tuple[Prepared, ...]
    pictures: tuple[Array, ...]
    names: tuple[str, ...]
    jpeg: bytes
    scale: int


def _photos(card: ModelCard, side: int, count: int) -> _Photos:
    return caches.once(card.sha256, _prepare, card, side=side, count=count)


def _prepare(card: ModelCard, side: int, count: int) -> _Photos:
    scale, chosen = max(1, -(-TILE_SIDE // side)), gallery()[:count]

    def at(size: int) -> tuple[Prepared, ...]:
        return tuple(
            prepare_photo(photo.path.read_bytes(), card.preprocessing, card.patch, size, "crop", photo.name)
            for photo in chosen
        )

    pictures = tuple(photo.picture for photo in at(side * scale) if photo.picture is not None)
    jpeg = figures.jpeg_bytes(figures.contact_sheet(pictures, SHEET_COLUMNS), quality=85)
    return _Photos(at(side), pictures, tuple(photo.name.replace("_", " ") for photo in chosen), jpeg, scale)


def _run(card: ModelCard, prepared: tuple[Prepared, ...], name: str, control: bool) -> Trace:
    """One trace of all photos that has this point alone, run in batches so that no run is large."""
    model, done = caches.open_model(card, control), []
    progress: Callable[..., object] = (bar := st.progress(0.0, "Running the gallery…")).progress
    for start in range(0, len(prepared), BATCH):
        data = np.concatenate([photo.data for photo in prepared[start : start + BATCH]])
        trace = runtime.run(model, Prepared(data, None, ""), [name], Knobs(stride=card.patch))
        done.append(trace.points[name])
        progress((start + len(data)) / len(prepared), "Running the gallery…")
    bar.empty()
    return Trace(card, {name: read_only(np.concatenate(done))}, trace.grid, trace.stride)


def _size(picture: Array) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]
