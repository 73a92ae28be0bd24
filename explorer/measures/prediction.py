"""What the network says: the probabilities of the classes."""

from __future__ import annotations

import numpy as np

from explorer.trace import Array, Trace


def log_probabilities(logits: Array) -> Array:
    """Logarithm of the softmax over the last axis, float64, stable for logits of any size."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def probabilities(logits: Array) -> Array:
    """Softmax over the last axis, float64."""
    return np.exp(log_probabilities(logits))


def top_classes(trace: Trace, count: int = 5, image: int = 0) -> tuple[list[str], Array]:
    """Names and probabilities of the most probable classes, the first in the order of the file winning a tie; none of a
    model without a head."""
    if not trace.card.has_head:
        return [], np.zeros(0)
    best = top_class_indices(trace, count, image)
    return [trace.card.class_name(i) for i in best], probabilities(trace.logits[image])[best]


def top_class_indices(trace: Trace, count: int = 5, image: int = 0) -> Array:
    """The most probable classes by their numbers, as top_classes names them; int (count,), none without a head."""
    if not trace.card.has_head:
        return np.zeros(0, int)
    return np.argsort(-probabilities(trace.logits[image]), kind="stable")[:count]
