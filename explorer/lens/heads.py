"""How attention is coloured, and what the overview of every head of every layer can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from explorer.figures import quantities, style
from explorer.lens.packing import pack_arrays
from explorer.measures.patches import MAX_QUERIES, Segments, photo_head_numbers, share_on, text_head_numbers
from explorer.trace import Array, Trace
from explorer.words import PHOTO_HEADS, TEXT_HEADS

AGAINST = {"range": "own range", "even": "× even"}
"""What attention's colours are relative to → its name: each picture's own range, or even attention."""
PICTURES = "pictures"
NETWORKS = {"own": "this run", "control": style.CONTROL_NAME, "difference": f"this run − {style.CONTROL_NAME}"}
"""Whose numbers the overview shows → how they are called."""
OBJECTS = "objects"
OF_CLS = ("cls_evenness", OBJECTS)
"""Numbers of one token alone: no means."""


@dataclass(frozen=True)
class Ways:
    """How attention is shown. against: a key of AGAINST. cells: what a cell of the overview is, PICTURES or the name of
    a number. network: a key of NETWORKS, of the numbers."""

    against: str = "range"
    cells: str = PICTURES
    network: str = "own"


AS_USUAL = Ways()


def cells_of(reads_text: bool) -> list[str]:
    """What a cell of the overview can be."""
    return [PICTURES, *(TEXT_HEADS if reads_text else PHOTO_HEADS)]


def ways_settings(ways: Ways, reads_text: bool, tokens: int) -> dict[str, Any]:
    """What the browser is told of them: those chosen, those there are, and how the numbers of a run are written."""
    of = "tokens" if reads_text else "patches"
    about = f" The mean over {'all' if tokens <= MAX_QUERIES else f'{MAX_QUERIES} evenly spaced'} {of}."
    offered = []
    for key, (name, what) in (TEXT_HEADS if reads_text else PHOTO_HEADS).items():
        look = style.look_of(_label(key, reads_text))
        what += "" if key in OF_CLS else about
        offered.append(
            {"key": key, "name": name, "explanation": what, "unit": look.unit, "percent": look.number.endswith("%")}
        )
    return asdict(ways) | {"againsts": AGAINST, "networks": NETWORKS, "numbers": offered}


def _label(key: str, reads_text: bool) -> str:
    """The quantity that a number is."""
    if key == "distance":
        return quantities.TOKENS_LABEL if reads_text else quantities.PATCHES_LABEL
    return quantities.EVENNESS_LABEL if key in ("evenness", "cls_evenness") else quantities.ATTENTION_LABEL


def photo_heads(run: Trace, control: Trace) -> dict[str, Array]:
    """PHOTO_NUMBERS of every head of every layer as the browser reads them (see _arrays)."""
    side, tokens = run.stride / run.card.patch, run.front + run.grid[0] * run.grid[1]
    has_cls = run.card.has_class_token
    return _arrays(run, control, tokens, lambda query, key: photo_head_numbers(query, key, run.grid, side, has_cls))


def object_heads(run: Trace, control: Trace, objects: Segments) -> dict[str, Array]:
    """The share of CLS's attention that lies on objects, given on the patch grid, as photo_heads; without a class token
    there is none, NaN."""
    inside = objects.labels > 0
    if not run.card.has_class_token:
        inside = np.zeros_like(inside)
    return _arrays(run, control, run.front + inside.size, lambda query, key: {OBJECTS: share_on(query, key, inside)})


def text_heads(run: Trace, control: Trace) -> dict[str, Array]:
    """TEXT_NUMBERS of every head of every layer as the browser reads them (see _arrays)."""
    return _arrays(run, control, run.grid[1], text_head_numbers)


def _arrays(run: Trace, control: Trace, tokens: int, measure: Callable[..., Mapping[str, Array]]) -> dict[str, Array]:
    """Each number of measure(query, key) under "heads." and its name, float32 (3,L,K): of the run, of its random-init
    control, and of even attention, which is that of zeros."""
    layers, zeros = range(1, run.card.layers + 1), np.zeros((1, tokens, 1), np.float32)
    own, random = ([measure(*trace.query_key(layer)) for layer in layers] for trace in (run, control))
    even = measure(zeros, zeros)
    stacked = {name: [np.array([of[name] for of in rows]) for rows in (own, random)] for name in even}
    return {
        f"heads.{name}": np.stack([*both, np.full_like(both[0], even[name][0])]).astype(np.float32)
        for name, both in stacked.items()
    }


def heads_feed(view: str, arrays: Mapping[str, Array]) -> bytes:
    """Those of a text as bytes; on a photo they travel with the segmentations."""
    return pack_arrays({"view": view, "what": "heads"}, arrays)
