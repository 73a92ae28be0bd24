"""How much a head matters: what its silence changes in the prediction, or in the features, and in the mask."""

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
    head. mask_change: 1 − IoU of the masks, in [0,1]. Of a network that predicts nothing those of the prediction are
    None, and feature_change is 1 − cos of the features as trained and without the head, in [0,2].
    """

    layer: int
    head: int
    divergence: float | None
    top_change: float | None
    top: int | None
    mask_change: float
    feature_change: float | None = None

    @property
    def size(self) -> float:
        """What the heads are ranked by."""
        return (self.feature_change if self.divergence is None else self.divergence) or 0.0


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


def feature_effects(
    layer: int, heads: Iterable[int], trained: Array, ablated: Array, mask: Array, masks: Array
) -> list[HeadEffect]:
    """head_effects of a network without a classifier: trained (d,), ablated (B,d), its features."""
    heads = list(heads)
    if not len(heads) == len(ablated) == len(masks):
        raise ValueError(f"{len(heads)} heads do not fit {len(ablated)} features and {len(masks)} masks")
    one, others = trained.astype(np.float64), ablated.astype(np.float64)
    lengths = np.linalg.norm(one) * np.linalg.norm(others, axis=1)
    cosines = np.clip(others @ one / np.where(lengths > 0, lengths, 1.0), -1.0, 1.0)
    return [
        HeadEffect(layer, head, None, None, None, _difference(mask, other), float(1 - cosine))
        for head, cosine, other in zip(heads, cosines, masks, strict=True)
    ]


def ranked(effects: Iterable[HeadEffect]) -> list[HeadEffect]:
    """The heads whose silence changes the prediction, or the features, most first; ties by layer and head."""
    return sorted(effects, key=lambda effect: (-effect.size, effect.layer, effect.head))


def _difference(mask: Array, other: Array) -> float:
    """1 − IoU; two empty masks are equal."""
    return 1.0 - iou(mask, other) if mask.any() or other.any() else 0.0
