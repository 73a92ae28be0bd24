"""Turned knobs as text that fits into a link, and back: g3:2=0,l*=0.2,e4=0.05.

g3:2=0 sets the gain of layer 3, head 2, to 0; l is λ and e is η. A star stands for every head of the layer, or every
layer. What is not named is as trained. Values are kept to six significant digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from explorer.card import ModelCard
from explorer.trace import Array, Knobs, LayerWeights

MAX_GAIN = 2.0
MAX_STEP_FACTOR = 10.0
"""η and λ may be at most this many times as large as trained."""
SMALLEST_STEP = 0.1
"""What stands for a trained η or λ of 0 when its range is chosen."""
_SYMBOLS = {"g": "gain", "l": "λ", "e": "η"}
_FIELDS = {"g": "mssa_gain", "l": "ista_lambda", "e": "ista_eta"}
_NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"
_PATTERN = re.compile(r"(?:(g)(\d{1,4}):(\d{1,4}|\*)|([le])(\d{1,4}|\*))=" + _NUMBER, re.ASCII)


@dataclass(frozen=True)
class Turn:
    """One turned knob. kind: g, l or e. layer, head: from 1; None = every layer, every head (of a gain)."""

    kind: str
    layer: int | None
    head: int | None
    value: float

    def __str__(self) -> str:
        place = f"{self.layer}:{self.head or '*'}" if self.kind == "g" else str(self.layer or "*")
        return f"{self.kind}{place}={self.value:.6g}"


def words_of(turns: Iterable[Turn]) -> list[str]:
    """Turns for people, heads of one layer with the same gain together: "layer 3, heads 1, 2: gain 0"."""
    heads: dict[tuple[str, int | None, float], list[int | None]] = {}
    for turn in turns:
        heads.setdefault((turn.kind, turn.layer, turn.value), []).append(turn.head)
    return [
        f"{f'layer {layer}' if layer else 'all layers'}{_head_words(found) if kind == 'g' else ''}: "
        f"{_SYMBOLS[kind]} {value:.3g}"
        for (kind, layer, value), found in heads.items()
    ]


def _head_words(heads: list[int | None]) -> str:
    if None in heads:
        return ", all heads"
    return f", head{'s' if len(heads) > 1 else ''} {', '.join(map(str, heads))}"


def read_knobs(text: str, card: ModelCard) -> tuple[Knobs, list[str]]:
    """Text → the knobs as this model takes them, and the parts that it does not have or that cannot be read.

    Later parts win over earlier ones. The stride is not part of the text.
    """
    turns, refused = [], []
    for part in filter(None, (part.strip() for part in text.split(","))):
        turn = _read_turn(part)
        if turn is not None and _fits(turn, card):
            turns.append(turn)
        else:
            refused.append(part)
    return turn_knobs(Knobs(), card, turns), refused


def write_knobs(knobs: Knobs, card: ModelCard) -> str:
    """The shortest text of what differs from the trained values; empty if nothing does."""
    return ",".join(map(str, turns_of(knobs, card)))


def turn_knobs(knobs: Knobs, card: ModelCard, turns: Iterable[Turn]) -> Knobs:
    """The knobs after some more turns; a knob with every value as trained becomes None again."""
    arrays = {kind: values_of(knobs, card, kind).copy() for kind in _kinds(card)}
    for turn in turns:
        rows = slice(None) if turn.layer is None else turn.layer - 1
        place = rows if turn.kind != "g" else (rows, slice(None) if turn.head is None else turn.head - 1)
        arrays[turn.kind][place] = float(f"{turn.value:.6g}")
    return replace(knobs, **{_FIELDS[kind]: _or_trained(values, card, kind) for kind, values in arrays.items()})


def turns_of(knobs: Knobs, card: ModelCard) -> list[Turn]:
    """What is turned, as few turns as a star allows: gains by layer, then λ, then η."""
    turns = [turn for kind in _kinds(card) if kind != "g" for turn in _step_turns(knobs, card, kind)]
    gains = values_of(knobs, card, "g")
    found = []
    for layer, row in enumerate(gains, start=1):
        if len(set(row)) == 1 and row[0] != 1 and len(row) > 1:
            found.append(Turn("g", layer, None, float(row[0])))
        else:
            found += [Turn("g", layer, head, float(v)) for head, v in enumerate(row, start=1) if v != 1]
    return found + turns


def values_of(knobs: Knobs, card: ModelCard, kind: str) -> Array:
    """The value of every knob of a kind: g (L,K), l or e (L,); as trained where nothing is turned. float64."""
    turned = getattr(knobs, _FIELDS[kind])
    return trained_values(card, kind) if turned is None else np.asarray(turned, np.float64)


def turned_weights(weights: tuple[LayerWeights, ...], knobs: Knobs, card: ModelCard) -> tuple[LayerWeights, ...]:
    """The weights of every layer with η and λ as they are turned."""
    if knobs.ista_lambda is None and knobs.ista_eta is None:
        return weights
    steps = zip(values_of(knobs, card, "e"), values_of(knobs, card, "l"), strict=True)
    return tuple(replace(one, eta=float(eta), lam=float(lam)) for one, (eta, lam) in zip(weights, steps, strict=True))


def trained_values(card: ModelCard, kind: str) -> Array:
    """The trained values of a kind of knob: ones (L,K) for g, the card's λ or η (L,) for l and e."""
    if kind == "g":
        return np.ones((card.layers, card.heads))
    return np.array(card.lam if kind == "l" else card.eta, np.float64)


def largest(card: ModelCard, kind: str, layer: int | None = None) -> float:
    """The largest value that a knob may take, in one layer or (None) in all of them at once."""
    if kind == "g":
        return MAX_GAIN
    trained = trained_values(card, kind)
    return MAX_STEP_FACTOR * (float(trained.max() if layer is None else trained[layer - 1]) or SMALLEST_STEP)


def _or_trained(values: Array, card: ModelCard, kind: str) -> Array | None:
    """values, None if all are as trained; what equals the trained value in six digits is the trained value."""
    trained = trained_values(card, kind)
    values = np.where(np.isclose(values, trained, rtol=5e-6, atol=0), trained, values)
    return values if (values != trained).any() else None


def _step_turns(knobs: Knobs, card: ModelCard, kind: str) -> list[Turn]:
    values, trained = values_of(knobs, card, kind), trained_values(card, kind)
    different = values != trained
    if different.any() and len(set(values)) == 1 and len(values) > 1:
        return [Turn(kind, None, None, float(values[0]))]
    return [Turn(kind, layer, None, float(v)) for layer, v in enumerate(values, start=1) if different[layer - 1]]


def _kinds(card: ModelCard) -> tuple[str, ...]:
    return ("g", "l", "e") if card.has_ista else ("g",)


def _read_turn(part: str) -> Turn | None:
    found = _PATTERN.fullmatch(part)
    if found is None:
        return None
    gain, gain_layer, head, step, step_layer, value = found.groups()
    layer = gain_layer or step_layer
    return Turn(gain or step, _number(layer), _number(head), float(value))


def _number(text: str | None) -> int | None:
    return None if text is None or text == "*" else int(text)


def _fits(turn: Turn, card: ModelCard) -> bool:
    layer_fits = turn.layer is None or 1 <= turn.layer <= card.layers
    head_fits = turn.head is None or 1 <= turn.head <= card.heads
    if turn.kind not in _kinds(card) or not layer_fits or not head_fits:
        return False
    return turn.value <= largest(card, turn.kind, turn.layer) * (1 + 1e-6)
