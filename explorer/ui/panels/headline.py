"""Whether a layer's two steps do here what they are derived to do: beside every sentence that says that they do."""

from __future__ import annotations

import numpy as np

from explorer import figures, measures, verdicts
from explorer.ui.state import caches
from explorer.ui.view.run import RunView


def headline(view: RunView, subject: str) -> str:
    """In how many layers the first step lowered R^c, and what share the second left non-zero. subject: this photo, …"""
    card = view.card
    ours, random = (_lowered(view, control) for control in (False, True))
    shares = (view.curves()[1], view.curves(control=True)[1]) if card.has_ista else None
    operators = [operator for _, operator in card.traits.steps]
    return verdicts.as_derived(operators, (ours, random), card.layers, shares, subject, codes=bool(card.codes_dim))


def _lowered(view: RunView, control: bool) -> int:
    """Layers whose first half step lowers R^c, by more than is shown as 0."""
    trace = view.control_trace() if control else view.trace
    changes = caches.once(
        f"{view.key}|{control}", measures.rates.compression_changes, trace, view.layer_weights(control)
    )
    return int(verdicts.losses(changes, verdicts.HIGHER, figures.RATE_LABEL).sum())


def codes_line(view: RunView, layer: int) -> str:
    """How many codes of a layer the tokens in view use, beside the control's; of a GPT its neurons."""
    ours, random = (np.count_nonzero(trace.codes(layer) > 0, axis=1) for trace in (view.trace, view.control_trace()))
    return verdicts.used_codes(ours, view.card.codes_dim, random, "Codes" if view.card.has_ista else "Neurons")
