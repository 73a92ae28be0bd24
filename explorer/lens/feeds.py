"""What the browser gets, as bytes: the photo once, each layer's projections, the segmentations that were asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from explorer.figures import jpeg_bytes
from explorer.lens.packing import pack_arrays, runs_of
from explorer.measures.patches import Segments, mean_attention
from explorer.trace import Array, Trace

HALF_MAX = float(np.finfo(np.float16).max)


def view_id(key: str) -> str:
    """A short name of a view, under which the browser keeps its feeds. key: all that the view depends on."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def photo_feed(photo: str, picture: Array) -> bytes:
    """A photo as a JPEG, for all views whose grid names it. photo: its name. picture: uint8 (H,W,3)."""
    data = np.frombuffer(jpeg_bytes(picture), np.uint8)
    return pack_arrays({"photo": photo, "what": "photo"}, {"jpeg": data})


def attention_feed(view: str, trace: Trace, layer: int, *, levels: int | None = None) -> bytes:
    """What attention in a layer is computed from: query and key (K,N,p), one array where they are the same.

    Half precision by default: 2·K·N·p bytes. levels: integers from −levels to levels (at most 127) instead, and one
    float32 scale for each head and token: the error of an entry is at most 1/(2·levels) of its token's largest.
    Of a picture without a class token also whole (K,N), the mean attention of its patches.
    """
    query, key = trace.query_key(layer)
    arrays = {"query": query} if query is key else {"query": query, "key": key}
    packed: dict[str, Array] = {}
    for name, array in arrays.items():
        packed |= _integers(name, array, levels) if levels else {name: _halves(array)}
    if not trace.card.reads_text and not trace.card.has_class_token:
        packed["whole"] = mean_attention(query, key, trace.front).astype(np.float32)
    return pack_arrays({"view": view, "what": "attention", "layer": layer}, packed)


def _halves(array: Array) -> Array:
    return np.clip(array, -HALF_MAX, HALF_MAX).astype(np.float16)


def _integers(name: str, array: Array, levels: int) -> dict[str, Array]:
    largest = np.abs(array).max(axis=-1, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / levels
    return {name: np.rint(array / scale).astype(np.int8), f"{name}.scale": scale[..., 0].astype(np.float32)}


def segments_feed(view: str, found: Mapping[str, Segments], maps: Mapping[str, Array] | None = None) -> bytes:
    """Segmentations by name: labels uint8 (rows,cols) on the patch grid, and name.colours uint8 (rows,cols,3).

    Labels with the photo's edges, (H,W) on its pixels, go as runs (packing.runs_of), and the header's "runs" tells
    their height and width: some kilobytes instead of hundreds.
    maps: numbers by name, (rows,cols) on the patch grid or any (n,m) for a panel of kind matrix; sent as float32.
    """
    arrays: dict[str, Array] = {}
    sharp = {name: list(segments.labels.shape) for name, segments in found.items() if segments.edges == "photo"}
    for name, segments in found.items():
        arrays[name] = runs_of(segments.labels) if name in sharp else segments.labels.astype(np.uint8)
        if segments.colours is not None:
            arrays[f"{name}.colours"] = np.rint(255 * segments.colours).astype(np.uint8)
    arrays |= {name: values.astype(np.float32) for name, values in (maps or {}).items()}
    return pack_arrays({"view": view, "what": "segments", "runs": sharp}, arrays)
