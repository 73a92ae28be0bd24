"""What the lens on text gets: the projections of every layer, numbers of every token, and what is predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer.card import ModelCard
from explorer.lens.feeds import HALF_MAX
from explorer.lens.heads import AS_USUAL, Ways, ways_settings
from explorer.lens.packing import pack_arrays
from explorer.lens.panels import look_up_colors
from explorer.measures.rates import subspace_token_rates
from explorer.measures.texts import NextTokens
from explorer.trace import Array, Piece, Trace
from explorer.words import meaning

LEVELS = 63
MAX_HALVES = 8_000_000
"""Bytes of projections in half precision; beyond, they are sent as integers from −LEVELS to LEVELS."""


@dataclass(frozen=True)
class TextLensChoice:
    """What the lens shows. heads: from 1, empty = all. token: pinned, from 1; 0 = the last. colour: one's name."""

    layer: int
    heads: tuple[int, ...]
    token: int
    colour: str
    ways: Ways = AS_USUAL


@dataclass(frozen=True)
class Colour:
    """Numbers (L,N) of every token in every layer that can be seen as its colour; NaN where there is none.

    scale: a tint of web/text_draw.js, heat or rate. unit: behind a number. explanation: one sentence.
    """

    name: str
    values: Array
    scale: str = "heat"
    unit: str = ""
    explanation: str = ""


def token_colours(trace: Trace, lens: Sequence[NextTokens]) -> list[Colour]:
    """The numbers that tokens can be coloured by. lens: what Z¹ … Z^{L+1} predict."""
    card, layers = trace.card, range(1, trace.card.layers + 1)
    surprise = np.array([np.r_[np.nan, one.surprise] for one in lens])  # nothing predicts the first token
    return [
        Colour(
            "surprise of the model", np.repeat(surprise[-1:], len(layers), axis=0), unit="nats",
            explanation="How little the model expected each token: −log of its probability. The first has none.",
        ),
        Colour(
            "surprise in this layer", surprise[:-1], unit="nats",
            explanation="How little each token was expected by what enters this layer, read out at once.",
        ),
        Colour(
            "still to change", np.array([one.divergence for one in lens[:-1]]), unit="nats",
            explanation="How far what enters this layer is from the model's output: KL divergence of the next token.",
        ),
        Colour(
            "what it adds to Rᶜ",
            np.array([subspace_token_rates(trace.projections(n)).sum(axis=0) for n in layers]), "rate", "nats",
            f"{meaning('rate of a token')} Of this layer, ε² = 0.01, tokens as they are.",
        ),
        Colour(
            "non-zeros", np.array([(trace.codes(n) != 0).mean(axis=1) for n in layers]), "rate",
            explanation="The share of the token's entries that this layer leaves non-zero"
            + (", of its codes." if card.codes_dim else "."),
        ),
        Colour(
            "length", np.array([np.linalg.norm(trace.z(n), axis=1) for n in layers]), "rate",
            explanation="The norm of the token that enters this layer.",
        ),
    ]  # fmt: skip


def text_feed(
    view: str,
    trace: Trace,
    text: Array,
    pieces: Sequence[Piece],
    lens: Sequence[NextTokens],
    name: Callable[[int], str],
) -> bytes:
    """Everything that the lens draws from a text, as bytes.

    text: its tokens (N,), pieces: what each stands for. lens: what Z¹ … Z^{L+1} predict. name: how a token that is
    predicted is written.
    """
    layers = range(1, trace.card.layers + 1)
    arrays: dict[str, Array] = {}
    tokens = trace.grid[1]
    small = 2 * len(layers) * tokens * trace.card.heads * trace.card.head_dim <= MAX_HALVES
    for layer in layers:
        query, key = trace.query_key(layer)
        arrays |= _packed(f"query.{layer}", query, small)
        if key is not query:
            arrays |= _packed(f"key.{layer}", key, small)
    numbers = [int(number) for number in np.unique(np.stack([one.top for one in lens]))]
    arrays["top"] = np.searchsorted(numbers, np.stack([one.top for one in lens])).astype(np.int32)
    arrays["shares"] = np.stack([one.shares for one in lens]).astype(np.float32)
    arrays["rank"] = np.stack([np.r_[0, one.rank] for one in lens]).astype(np.int32)
    arrays["surprise"] = np.stack([np.r_[0, one.surprise] for one in lens]).astype(np.float32)
    arrays |= {f"colour.{one.name}": one.values.astype(np.float32) for one in token_colours(trace, lens)}
    header = {
        "view": view, "words": [name(number) for number in numbers], "numbers": numbers,
        "names": [piece.name for piece in pieces], "boxes": [piece.box for piece in pieces],
        "parts": [piece.part for piece in pieces], "tokens": [int(token) for token in text],
    }  # fmt: skip
    return pack_arrays(header, arrays)


def _packed(name: str, array: Array, small: bool) -> dict[str, Array]:
    if small:
        return {name: np.clip(array, -HALF_MAX, HALF_MAX).astype(np.float16)}
    largest = np.abs(array).max(axis=-1, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / LEVELS
    return {name: np.rint(array / scale).astype(np.int8), f"{name}.scale": scale[..., 0].astype(np.float32)}


def text_settings(
    view: str, card: ModelCard, choice: TextLensChoice, tokens: int, colours: Sequence[Colour], at: int, file: str
) -> dict[str, Any]:
    """What web/text.js's update takes. tokens: how many. at: number of the choice that this answers, as on photos."""
    return {
        "view": view, "layers": card.layers, "headCount": card.heads, "layer": choice.layer,
        "heads": list(choice.heads), "token": choice.token, "colour": choice.colour, "at": at, "file": file,
        "look": look_up_colors(),
        "colours": [
            {"name": one.name, "scale": one.scale, "unit": one.unit, "explanation": one.explanation} for one in colours
        ],
    } | ways_settings(choice.ways, True, tokens)  # fmt: skip
