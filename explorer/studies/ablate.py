"""Which heads matter on one photo: each head of a layer silenced in turn, a whole layer as one batch.

A knob may have one setting for each image of a batch, so B copies of the photo with B settings of mssa_gain are B
ablations in one run. All of them start from the network as trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from explorer import runtime
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.measures.pairs import HeadEffect, feature_effects, head_effects, ranked
from explorer.measures.patches import segment_trace
from explorer.trace import Array, Knobs, Prepared, Trace
from explorer.words import EFFECTS

BATCH_S = 4.0
"""Seconds that one batch should take at most, so that a run can be stopped between two."""
MASK_KEEP = 0.6
"""The mask that is compared: the patches that hold this share of the attention of CLS, or of the mean patch."""


def ablate(
    model: runtime.Model, prepared: Prepared, stride: int | None, layers: Sequence[int]
) -> Iterator[list[HeadEffect]]:
    """The effect of silencing every head of some layers (from 1): the effects of one batch after the other.

    The mask is where most attention of CLS (without one, of the mean patch) goes in the last layer, mean of its heads:
    60 % of the attention. The heads of the last layer do not change it, for attention is read before they act.
    Raises ExplorerError for more than one image, for a layer that there is not, or as runtime.run does.
    """
    card = model.card
    if len(prepared.data) != 1:
        raise ExplorerError(f"Heads are compared on one picture, but {prepared.label} holds {len(prepared.data)}.")
    if missing := [layer for layer in layers if not 1 <= layer <= card.layers]:
        raise ExplorerError(f"{card.name} has no layer {missing[0]}: choose 1 to {card.layers}.")
    want = mask_points(card)
    trained = runtime.run(model, prepared, want, Knobs(stride=stride))
    mask, size = _mask(trained, 0), batch_size(card, prepared, trained.stride)
    effects, before = (head_effects if card.has_head else feature_effects), trained.points[card.answer][0]
    for layer in layers:
        for heads in batches(card.heads, size):
            knobs = Knobs(mssa_gain=silenced(card, layer, heads), stride=stride)
            run = runtime.run(model, replace(prepared, data=_copies(prepared, len(heads))), want, knobs)
            masks = np.stack([_mask(run, image) for image in range(len(heads))])
            yield effects(layer, heads, before, run.points[card.answer], mask, masks)


def ablation(model: runtime.Model, prepared: Prepared, stride: int | None, layer: int | None) -> dict[str, Any]:
    """The heads of a layer (None: of all), those that matter most first, as plain values. Raises as ablate does."""
    layers = range(1, model.card.layers + 1) if layer is None else [layer]
    effects = [effect for batch in ablate(model, prepared, stride, layers) for effect in batch]
    return {
        "model": model.card.name,
        "input": prepared.label,
        "unit": "nats",
        "measures": {key: f"{EFFECTS[key][0]}: {EFFECTS[key][1]}" for key in effect_keys(model.card)},
        "heads": effect_rows(model.card, ranked(effects)),
    }


def silenced(card: ModelCard, layer: int, heads: Sequence[int]) -> Array:
    """The gains that silence each of the heads of a layer in an image of its own: (B·L,K), 1 but for one 0 each."""
    gains = np.ones((len(heads), card.layers, card.heads), np.float32)
    gains[np.arange(len(heads)), layer - 1, np.array(heads) - 1] = 0
    return gains.reshape(-1, card.heads)


def batches(heads: int, size: int) -> list[range]:
    """The numbers of the heads, from 1, in ranges of at most `size`."""
    return [range(start, min(start + size, heads + 1)) for start in range(1, heads + 1, size)]


def batch_size(card: ModelCard, prepared: Prepared, stride: int) -> int:
    """How many ablations run at once: at most all heads, what fits into the limits, and about BATCH_S seconds."""
    provider = runtime.provider()[0]
    for size in range(card.heads, 1, -1):
        cost = runtime.estimate(card, size, prepared.height, prepared.width, stride)
        if runtime.fits(cost) and cost.seconds(provider) <= BATCH_S:
            return size
    return 1


def mask_points(card: ModelCard) -> list[str]:
    """The trace points from which the attention of the last layer is computed."""
    return [f"{name}.{card.layers}" for name in card.traits.looks]


def effect_keys(card: ModelCard) -> list[str]:
    """Which of EFFECTS a model has."""
    of_features = ("feature_change", "mask_change")
    return [key for key in EFFECTS if (key in of_features if not card.has_head else key != "feature_change")]


def effect_rows(card: ModelCard, effects: Sequence[HeadEffect]) -> list[dict[str, object]]:
    """Effects as plain values, for tables, JSON and CSV."""
    keys = effect_keys(card)

    def values(effect: HeadEffect) -> dict[str, object]:
        return {
            "kl_nats": effect.divergence,
            "top1_change": effect.top_change,
            "feature_change": effect.feature_change,
            "mask_change": effect.mask_change,
            "top1_without": None if effect.top is None else card.class_name(effect.top),
        }

    return [
        {"layer": effect.layer, "head": effect.head} | {key: values(effect)[key] for key in keys} for effect in effects
    ]


def _mask(trace: Trace, image: int) -> Array:
    """Where most attention of the whole photo goes, (rows,cols) of one image of a batch."""
    alone = replace(trace, points={name: trace.points[name][image : image + 1] for name in mask_points(trace.card)})
    return segment_trace(alone, "attention", keep=MASK_KEEP).labels > 0


def _copies(prepared: Prepared, count: int) -> Array:
    return np.repeat(prepared.data, count, axis=0)
