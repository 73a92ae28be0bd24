"""One door to every way of segmenting a photo from a trace."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from explorer.errors import ExplorerError
from explorer.measures.patches.attention import (
    attention_rows,
    mean_attention,
    threshold_entries,
    threshold_mass,
)
from explorer.measures.patches.maskcut import object_labels
from explorer.measures.patches.projection import kmeans_segments, pca_rgb, strongest_subspace
from explorer.measures.patches.segmentation import upsample
from explorer.trace import Array, Trace

METHODS = ("attention", "maskcut", "pca", "kmeans", "subspace")
Heads = int | tuple[int, ...] | None
"""One head, several, or all (None); counted from 1."""
RULES = {"entries": threshold_entries, "mass": threshold_mass}


@dataclass(frozen=True)
class Segments:
    """A segmentation, of patches or, enlarged, of pixels.

    labels: int (H,W), 0 = background, 1, 2, … = objects or segments. colours: float (H,W,3) in [0,1] for PCA-RGB, black
    in the background, else None. layer, head: where it was read. edges: "patches", or "photo" where the labels lie on
    the pixels of the photo and have its edges (measures.patches.edges).
    """

    method: str
    layer: int
    head: Heads
    labels: Array
    colours: Array | None = None
    edges: str = "patches"


def default_layer(layers: int, method: str) -> int:
    """The last layer for attention, as the papers show it; the one before it for what reads the projections."""
    return layers if method == "attention" else max(layers - 1, 1)


def segment_trace(
    trace: Trace,
    method: str,
    layer: int | None = None,
    head: Heads = None,
    rule: str = "mass",
    keep: float = 0.6,
    objects: int = 3,
    token: int = 0,
    swap: bool = False,
) -> Segments:
    """Segment the patches of a trace's first image: labels (rows,cols).

    layer and head count from 1; several heads, or None for all, give the mean of their attention and their features
    side by side.
    rule, keep: how attention is thresholded. objects: MaskCut's most. token: whose attention, as place_attention has
    it. Foreground is one thing for objects and parts: the side of the first component that holds more of MaskCut's
    first object is coloured. swap: the other side of that first cut. Patches of mere padding are left out of everything
    and are background.
    Raises ExplorerError for a method, rule, layer, head or share that there is not.
    """
    layer = default_layer(trace.card.layers, method) if layer is None else layer
    _check(trace, method, layer, head, rule, keep)
    seen = _Seen(trace)
    if method == "pca":
        features = seen.tokens(_features(trace, layer, head))
        rgb = pca_rgb(features, seen.grid, lead=object_labels(features, seen.grid, 1, swap) > 0)
        colours = rgb.rgb * rgb.foreground[..., None]
        return Segments(method, layer, head, seen.laid(rgb.foreground.astype(np.uint8)), seen.laid(colours))
    if method == "attention":
        labels = RULES[rule](seen.cells(trace_attention(trace, layer, head, token)), keep)
    elif method == "maskcut":
        labels = object_labels(seen.tokens(_features(trace, layer, head)), seen.grid, objects, swap)
    elif method == "kmeans":
        labels = 1 + kmeans_segments(seen.tokens(_features(trace, layer, head)), seen.grid)
    else:
        labels = 1 + strongest_subspace(seen.tokens(trace.projections(layer)), seen.grid)
    return Segments(method, layer, head, seen.laid(labels.astype(np.uint8)))


def on_pixels(segments: Segments, trace: Trace, height: int, width: int, scale: int = 1) -> Segments:
    """A segmentation of patches on the pixels of the model's input (height, width), enlarged scale times.

    A pixel takes the label of the patch whose centre is nearest.
    """
    place = (scale * height, scale * width, scale * trace.card.patch, scale * trace.stride)
    colours = segments.colours
    if colours is not None:
        colours = np.stack([upsample(colours[..., channel], *place) for channel in range(3)], axis=-1)
    return replace(segments, labels=upsample(segments.labels, *place), colours=colours)


def trace_attention(trace: Trace, layer: int, head: Heads = None, token: int = 0) -> Array:
    """place_attention (rows,cols) of one head, or the mean over several or all."""
    return place_attention(trace, layer, token)[head_indices(trace, head)].mean(axis=0)


def place_attention(trace: Trace, layer: int, token: int = 0, image: int = 0) -> Array:
    """What a place of the photo attends to, (K,rows,cols), as attention_map has it.

    token: 1 + i is patch i. 0 is the whole photo: CLS, or in a network without a class token the mean over the patches.
    """
    query, key = trace.query_key(layer, image)
    if not token and not trace.card.has_class_token:
        rows = mean_attention(query, key, trace.front)
    else:
        rows = attention_rows(query, key, trace.front + token - 1 if token else 0)
    return rows[:, trace.front :].reshape(-1, *trace.grid)


class _Seen:
    """The patches of a trace that hold some of the photo: a rectangle, of all where nothing is padded."""

    def __init__(self, trace: Trace) -> None:
        top, left, bottom, right = trace.seen or (0, 0, *trace.grid)
        self._whole, self._box, self._front = trace.grid, (slice(top, bottom), slice(left, right)), trace.front
        self.grid = (bottom - top, right - left)

    def cells(self, grid_map: Array) -> Array:
        """The part of a map (rows,cols)."""
        return grid_map[self._box]

    def tokens(self, projections: Array) -> Array:
        """What stands in front and these patches of projections (K,N,p)."""
        if self.grid == self._whole:
            return projections
        front, patches = projections[:, : self._front], projections[:, self._front :]
        patches = patches.reshape(len(projections), *self._whole, -1)[:, *self._box]
        return np.concatenate([front, patches.reshape(len(projections), -1, projections.shape[2])], axis=1)

    def laid(self, part: Array) -> Array:
        """A map of the part, or colours of it, on the whole grid, 0 in the padding."""
        whole = np.zeros((*self._whole, *part.shape[2:]), part.dtype)
        whole[self._box] = part
        return whole


def _features(trace: Trace, layer: int, head: Heads) -> Array:
    return trace.projections(layer)[head_indices(trace, head)]


def head_indices(trace: Trace, head: Heads) -> list[int]:
    """The chosen heads, counted from 0. Raises ExplorerError for none, or for one that there is not."""
    chosen = range(1, trace.card.heads + 1) if head is None else [head] if isinstance(head, int) else head
    if not chosen:
        raise ExplorerError("No head was chosen: name at least one, or None for all.")
    for k in chosen:
        if not 1 <= k <= trace.card.heads:
            raise ExplorerError(f"{trace.card.name} has no head {k}: choose 1 to {trace.card.heads}.")
    return [k - 1 for k in chosen]


def _check(trace: Trace, method: str, layer: int, head: Heads, rule: str, keep: float) -> None:
    card = trace.card
    if method not in METHODS:
        raise ExplorerError(f"There is no method {method}: choose {', '.join(METHODS)}.")
    if rule not in RULES:
        raise ExplorerError(f"There is no rule {rule}: choose {' or '.join(RULES)}.")
    if not 1 <= layer <= card.layers:
        raise ExplorerError(f"{card.name} has no layer {layer}: choose 1 to {card.layers}.")
    head_indices(trace, head)
    if not 0 < keep < 1:
        raise ExplorerError(f"The share to keep should lie between 0 and 1, but is {keep}.")
