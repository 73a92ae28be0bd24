"""What comes next, before and after something was turned."""

from __future__ import annotations

import numpy as np

from explorer import figures
from explorer.card import ModelCard
from explorer.inputs import token_name
from explorer.trace import Array
from explorer.ui.frame.widgets import plot

SHOWN = 8
"""Next tokens in the bars."""


def next_token_bars(card: ModelCard, now: Array, before: Array | None, key: str) -> None:
    """The most probable next tokens, now (V,), each with its change against before (V,); the first of before is added
    where it dropped out."""
    shown = list(np.argsort(-now, kind="stable")[:SHOWN])
    if before is not None and (first := int(np.argmax(before))) not in shown:
        shown.append(first)
    names = [token_name(card, int(token)) for token in shown]
    plot(figures.prediction_bars(names, now[shown], None if before is None else now[shown] - before[shown]), key)
