"""What a run predicts, by name."""

from __future__ import annotations

import numpy as np

from explorer.inputs import token_name
from explorer.measures.prediction import probabilities, top_classes
from explorer.trace import Trace


def likeliest(trace: Trace, count: int = 5, image: int = 0) -> list[tuple[str, float]]:
    """The most probable classes of a picture, or the tokens that may follow a text, each with its probability (softmax
    of the logits, of a text of its last place), falling; of equals the first in the model's order comes first."""
    if not trace.card.reads_text:
        names, shares = top_classes(trace, count, image)
        return list(zip(names, map(float, shares), strict=True))
    shares = probabilities(trace.logits[image, -1])
    best = np.argsort(-shares, kind="stable")[:count]
    return [(token_name(trace.card, int(token)), float(shares[token])) for token in best]
