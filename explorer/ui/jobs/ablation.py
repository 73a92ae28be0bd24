"""Silencing every head in turn beside the app, and the effects that are known by now."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import streamlit as st

from explorer import runtime
from explorer.measures.pairs import HeadEffect
from explorer.studies.ablate import ablate
from explorer.trace import Prepared
from explorer.ui.jobs.job import Job, start_job

MAX_KEPT = 256
"""Layers whose effects are kept, over all photos and models."""
Kept = OrderedDict[tuple[str, int], list[HeadEffect]]
"""Key of a run as trained and layer → the effects of all its heads."""


def start_ablation(
    model: runtime.Model, prepared: Prepared, stride: int | None, layers: Sequence[int], key: str
) -> Job[HeadEffect]:
    """Ablate beside the app; returns at once. key: of the run as trained. A layer is kept once its heads are done."""
    heads = model.card.heads
    batches = ablate(model, prepared, stride, layers)
    return start_job(_keeping(batches, heads, key, _kept()), key, heads * len(layers))


def known_effects(key: str, layers: Sequence[int]) -> dict[int, list[HeadEffect]]:
    """The effects that are known for the run as trained of that key, by layer."""
    kept = _kept()
    return {layer: effects for layer in layers if (effects := kept.get((key, layer))) is not None}


@st.cache_resource(show_spinner=False)
def _kept() -> Kept:
    return OrderedDict()


def _keeping(batches: Iterator[list[HeadEffect]], heads: int, key: str, kept: Kept) -> Iterator[list[HeadEffect]]:
    """The same batches; a layer is kept with its last one, and then the oldest leave."""
    of_layer: list[HeadEffect] = []
    for effects in batches:
        of_layer += effects
        if len(of_layer) == heads:
            kept[key, effects[0].layer], of_layer = of_layer, []
            while len(kept) > MAX_KEPT:
                kept.popitem(last=False)
        yield effects
