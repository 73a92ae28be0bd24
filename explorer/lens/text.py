"""What the lens on text gets: the projections of every layer, numbers of every token, and what is foretold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer.card import ModelCard
from explorer.figures.style import HEAD_COLORS
from explorer.lens.feeds import HALF_MAX
from explorer.lens.packing import pack_arrays
from explorer.measures import Foretold
from explorer.trace import Array, Trace

LEVELS = 63
MAX_HALVES = 8_000_000
"""Bytes of projections in half precision; beyond, they are sent as integers from −LEVELS to LEVELS."""


@dataclass(frozen=True)
class TextChoice:
    """What the lens shows. heads: from 1, empty = all. token: pinned, from 1; 0 = the last. colour: one's name."""

    layer: int
    heads: tuple[int, ...]
    token: int
    colour: str


@dataclass(frozen=True)
class Colour:
    """Numbers (L,N) of every token in every layer that can be seen as its colour; NaN where there is none.

    scale: a tint of web/text.js, heat or rate. unit: behind a number. explanation: one sentence.
    """

    name: str
    values: Array
    scale: str = "heat"
    unit: str = ""
    explanation: str = ""


def text_feed(
    view: str,
    trace: Trace,
    text: Array,
    pieces: Sequence[str],
    lens: Sequence[Foretold],
    colours: Sequence[Colour],
    words: Mapping[int, str],
) -> bytes:
    """Everything that the lens draws from a text, as bytes.

    text: its tokens (N,), pieces: the characters of each.
    lens: what Z¹ … Z^{L+1} foretell. words: how each token that is foretold is written.
    """
    layers = range(1, trace.card.layers + 1)
    arrays: dict[str, Array] = {}
    tokens = trace.grid[1]
    small = 2 * len(layers) * tokens * trace.card.heads * trace.card.head_dim <= MAX_HALVES
    for layer in layers:
        query, key = trace.query_key(layer)
        for name, array in {"query": query, "key": key}.items():
            if name == "key" and key is query:
                continue
            arrays |= _packed(f"{name}.{layer}", array, small)
    numbers = sorted(words)
    place = {number: i for i, number in enumerate(numbers)}
    arrays["top"] = np.array([[[place[int(n)] for n in row] for row in one.top] for one in lens], np.int32)
    arrays["shares"] = np.stack([one.shares for one in lens]).astype(np.float32)
    arrays["rank"] = np.stack([np.r_[0, one.rank] for one in lens]).astype(np.int32)
    arrays["surprise"] = np.stack([np.r_[0, one.surprise] for one in lens]).astype(np.float32)
    arrays |= {f"colour.{colour.name}": colour.values.astype(np.float32) for colour in colours}
    header = {
        "view": view, "pieces": list(pieces), "words": [words[number] for number in numbers], "numbers": numbers,
        "tokens": [int(token) for token in text],
    }  # fmt: skip
    return pack_arrays(header, arrays)


def _packed(name: str, array: Array, small: bool) -> dict[str, Array]:
    if small:
        return {name: np.clip(array, -HALF_MAX, HALF_MAX).astype(np.float16)}
    largest = np.abs(array).max(axis=-1, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / LEVELS
    return {name: np.rint(array / scale).astype(np.int8), f"{name}.scale": scale[..., 0].astype(np.float32)}


def text_settings(
    view: str, card: ModelCard, choice: TextChoice, colours: Sequence[Colour], at: int, file: str
) -> dict[str, Any]:
    """What web/text.js's update takes. at: number of the choice that this answers, as of the lens on photos."""
    return {
        "view": view, "layers": card.layers, "headCount": card.heads, "layer": choice.layer,
        "heads": list(choice.heads), "token": choice.token, "colour": choice.colour, "at": at, "file": file,
        "headColors": list(HEAD_COLORS),
        "colours": [
            {"name": one.name, "scale": one.scale, "unit": one.unit, "explanation": one.explanation} for one in colours
        ],
    }  # fmt: skip
