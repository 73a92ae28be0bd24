"""A run in view, of a picture or of a text: its trace, its control, and what is measured once for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from explorer.card import ModelCard
from explorer.knobs import turned_weights, turns_of
from explorer.measures.rates import LayerMeasures, measure_curves, measure_layers
from explorer.trace import Array, Knobs, LayerWeights, Prepared, Trace
from explorer.ui.state import caches

MAX_STEM = 60
"""Characters of an input's name in the names of files."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RunView:
    """One run: the model, its input and what that is called, the knobs, the trace, and the key of them all."""

    card: ModelCard
    name: str
    prepared: Prepared
    knobs: Knobs
    trace: Trace
    key: str

    def __repr__(self) -> str:
        """Its key, so that a view can be an option of what is computed once (caches.once)."""
        return f"{type(self).__name__}({self.key})"

    @property
    def file_stem(self) -> str:
        """How files that are taken away from this view begin: input, model, and whether knobs are turned."""
        words = re.sub(r"[^\w-]+", "_", self.name.rsplit(".", 1)[0]).strip("_")[:MAX_STEM] or "input"
        return f"{words}_{self.card.name}_turned" if self.turned else f"{words}_{self.card.name}"

    @property
    def turned(self) -> bool:
        """Whether any knob but the stride is not as trained."""
        return bool(turns_of(self.knobs, self.card))

    @property
    def trained(self) -> Self:
        """The same input and model as trained; this very view where nothing is turned."""
        return self.under(Knobs())

    def under(self, knobs: Knobs) -> Self:
        """The same input and model under other knobs; this very view if they are its own."""
        knobs = replace(knobs, stride=self.knobs.stride)
        key = caches.trace_key(self.card, self.prepared, knobs)
        if key == self.key:
            return self
        return replace(self, knobs=knobs, trace=caches.trace(self.card, self.prepared, knobs), key=key)

    def measured(self, function: Callable[..., Any], **options: Any) -> Any:
        """function(trace, **options), computed once for this trace and these options."""
        return caches.once(self.key, function, self.trace, **options)

    def ready(self, function: Callable[..., Any], **options: Any) -> Any:
        """What measured would return, if it has been computed; else None."""
        return caches.ready(self.key, function, **options)

    def layer_measures(self, control: bool = False) -> list[LayerMeasures]:
        """Every layer's numbers of this run, or of the random-init control on the same input."""
        weights = self.layer_weights(control)
        trace = self.control_trace() if control else self.trace
        return caches.once(f"{self.key}|{control}", measure_layers, trace, weights)

    def curves(self, control: bool = False) -> tuple[Array, Array]:
        """R^c as the official code measures it and the share of non-zeros of every layer: quick, see measure_curves."""
        trace = self.control_trace() if control else self.trace
        return caches.once(f"{self.key}|{control}", measure_curves, trace)

    def layer_weights(self, control: bool = False) -> tuple[LayerWeights, ...]:
        """The measured weights of every layer, with η and λ as they are turned."""
        return turned_weights(caches.layer_weights(self.card, control), self.knobs, self.card)

    def control_trace(self) -> Trace:
        """The same input through the same architecture with freshly drawn weights, under the same knobs."""
        return caches.trace(self.card, self.prepared, self.knobs, control=True)
