"""One code of a language model multiplied: what becomes of the next token, beside the same turn of other codes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from explorer import runtime
from explorer.measures.prediction import log_probabilities
from explorer.trace import Array, Knobs, Prepared, read_only

OTHERS = 12
"""Codes that are turned for comparison."""


@dataclass(frozen=True)
class TurnedCode:
    """values: (N,) the code, as trained, at each token up to the one in view. before, after: (V,) probabilities of the
    next token there, float64. divergence: KL(before ‖ after) in nats. others: (n,) the same of other codes that fire
    at this token, each alone with the same gain."""

    values: Array
    before: Array
    after: Array
    divergence: float
    others: Array

    @property
    def fires(self) -> Array:
        """(N,), where the code is above 0."""
        return self.values > 0


def turn_code(
    model: runtime.Model, prepared: Prepared, knobs: Knobs, layer: int, code: int, gain: float, place: int
) -> TurnedCode:
    """Multiply a code (from 0) of a layer (from 1) by a gain at every token, and read the next token after `place`.

    model: one that was opened with code_gain. What comes after the place changes nothing there and is not run. The
    other codes are drawn by a fixed seed from those of the layer that fire at the place; fewer where the limits of a
    run ask for it, none where no other fires.
    """
    card, tokens = model.card, prepared.data[:1, : place + 1]
    point = f"codes.{layer}"
    trained = runtime.run(model, replace(prepared, data=read_only(tokens.copy())), [point], knobs)
    at_place = trained.points[point][0]
    firing = np.flatnonzero(at_place[-1] > 0)
    firing = firing[firing != code]
    turned = [code, *np.random.default_rng(0).permutation(firing)[:OTHERS]]
    while len(turned) > 1 and not runtime.fits(runtime.estimate_text(card, len(turned), tokens.shape[1])):
        turned = turned[: len(turned) // 2]
    gains = np.ones((len(turned), card.layers, card.codes_dim), np.float32)
    gains[np.arange(len(turned)), layer - 1, turned] = gain
    batch = replace(prepared, data=np.repeat(tokens, len(turned), axis=0))
    run = runtime.run(model, batch, [], replace(knobs, code_gain=gains.reshape(-1, card.codes_dim)))
    logs, before = log_probabilities(run.logits[:, -1]), log_probabilities(trained.logits[0, -1])
    kept = np.exp(before)
    divergences = np.maximum(((before - logs) * kept).sum(axis=-1), 0.0)
    return TurnedCode(at_place[:, code], kept, np.exp(logs[0]), float(divergences[0]), divergences[1:])
