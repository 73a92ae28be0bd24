"""Models compared on a photo as one row of a table: what each says, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from explorer import runtime
from explorer.card import ModelCard
from explorer.inputs.image import prepare_photo
from explorer.inputs.photo import Photo
from explorer.measures.pairs import linear_cka
from explorer.measures.prediction import top_classes
from explorer.measures.rates import measure_curves
from explorer.studies.compare import (
    ComparedRun,
    attention_change,
    carried,
    headless,
    mask_overlap,
    own_tokens,
    predictions,
)
from explorer.trace import Knobs, LayerWeights, layer_on

PHOTO_KEYS = ("kl_nats", "attention_js_bits", "mask_iou", "cka")
"""The differences that are told for each photo (words.SCALES)."""


@dataclass(frozen=True)
class PhotoPlan:
    """How one of those that are compared runs on every photo."""

    letter: str
    model: runtime.Model
    weights: tuple[LayerWeights, ...]
    knobs: Knobs
    size: int | None
    framing: str
    control: bool

    @property
    def card(self) -> ModelCard:
        return self.model.card


def photo_row(photo: Photo, plans: Sequence[PhotoPlan], layer: int, by_depth: bool) -> dict[str, Any]:
    """One photo: what each of the compared says and how it compresses, and how far each is from the first."""
    row: dict[str, Any] = {"photo": photo.name}
    runs = [_run(photo, plan) for plan in plans]
    for plan, run in zip(plans, runs, strict=True):
        if plan.card.has_head:
            (name,), (share,) = top_classes(run.trace, 1)
            row |= {f"{plan.letter} class": name, f"{plan.letter} probability": float(share)}
    for plan, run in zip(plans[1:], runs[1:], strict=True):
        other = layer_on(layer, runs[0].card.layers, run.card.layers, by_depth)
        values = photo_differences(runs[0], run, layer, other)
        row |= {f"A → {plan.letter} {key}": value for key, value in zip(PHOTO_KEYS, values, strict=True)}
    for plan, run in zip(plans, runs, strict=True):
        rates, nonzeros = measure_curves(run.trace)
        row |= {f"{plan.letter} R^c": float(rates[-1]), f"{plan.letter} non-zeros": float(nonzeros[-1])}
    return row


def photo_differences(a: ComparedRun, b: ComparedRun, layer: int, other: int) -> tuple[float | None, ...]:
    """The values of PHOTO_KEYS, for the mean of the heads."""
    alike = linear_cka(own_tokens(a, b, layer), carried(a, b, other))
    attention = attention_change(a, b, layer, other)
    divergence = None if headless(a, b) else predictions(a, b).divergence
    return divergence, attention.mean, mask_overlap(a, b, layer, other), alike


def _run(photo: Photo, plan: PhotoPlan) -> ComparedRun:
    card = plan.card
    prepared = prepare_photo(photo.data, card.preprocessing, card.patch, plan.size, plan.framing, photo.name)
    trace = runtime.run(plan.model, prepared, None, plan.knobs)
    return ComparedRun(card, prepared, trace, plan.weights, plan.control)
