"""How much a head matters: what its silence changes in the prediction and in the mask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from explorer.measures.patches.segmentation import iou
from explorer.measures.prediction import log_probabilities, probabilities
from explorer.trace import Array


@dataclass(frozen=True)
class HeadEffect:
    """What gain 0 of one head changes; layer and head from 1.

    divergence: KL(trained ‖ ablated) of the predicted probabilities, in nats, ≥ 0. top_change: change of the
    probability of the class that is the most probable as trained, in [−1,1]. top: the most probable class without the
    head. mask_change: 1 − IoU of the masks, in [0,1].
    """

    layer: int
    head: int
    divergence: float
    top_change: float
    top: int
    mask_change: float


def kl_divergence(logits: Array, other: Array) -> Array:
    """KL(p ‖ q) = Σ p (log p − log q) in nats, over the last axis; p, q: softmax of logits and other.

    logits, other: (…,C), shapes that broadcast. 0 where both predict the same, never below.
    Raises ValueError if the number of classes differs.
    """
    if logits.shape[-1:] != other.shape[-1:]:
        raise ValueError(f"both need the same classes, got {logits.shape} and {other.shape}")
    p, q = log_probabilities(logits), log_probabilities(other)
    return np.maximum(np.sum(np.exp(p) * (p - q), axis=-1), 0.0)


def head_effects(
    layer: int, heads: Iterable[int], trained: Array, ablated: Array, mask: Array, masks: Array
) -> list[HeadEffect]:
    """The effect of each ablated head of a layer.

    heads: their numbers, from 1, one for each row of ablated and masks. trained: (C,) logits, ablated: (B,C).
    mask: bool (rows,cols) as trained, masks: (B,rows,cols). Raises ValueError if the numbers of rows differ.
    """
    heads = list(heads)
    if not len(heads) == len(ablated) == len(masks):
        raise ValueError(f"{len(heads)} heads do not fit {len(ablated)} predictions and {len(masks)} masks")
    divergences, best = kl_divergence(trained, ablated), int(np.argmax(trained))
    changes = probabilities(ablated)[:, best] - probabilities(trained)[best]
    return [
        HeadEffect(layer, head, float(kl), float(change), int(np.argmax(logits)), _difference(mask, other))
        for head, kl, change, logits, other in zip(heads, divergences, changes, ablated, masks, strict=True)
    ]


def ranked(effects: Iterable[HeadEffect]) -> list[HeadEffect]:
    """The heads whose silence changes the prediction most first; ties by layer and head."""
    return sorted(effects, key=lambda effect: (-effect.divergence, effect.layer, effect.head))


def _difference(mask: Array, other: Array) -> float:
    """1 − IoU; two empty masks are equal."""
    return 1.0 - iou(mask, other) if mask.any() or other.any() else 0.0
