"""Silencing every head in turn beside the app: a thread with its progress, a way to stop it, and kept results."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.measures.pairs import HeadEffect
from explorer.studies.ablate import ablate
from explorer.trace import Prepared

MAX_KEPT = 256
"""Layers whose effects are kept, over all photos and models."""


@dataclass
class AblationJob:
    """Running or ended ablations of some layers. share: 0 to 1; found: the effects of the layers that are done."""

    key: str
    layers: tuple[int, ...]
    share: float = 0.0
    error: str | None = None
    running: bool = True
    found: dict[int, list[HeadEffect]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop after the batch that runs now; what is whole is kept."""
        self._stop.set()


def start_ablation(
    model: runtime.Model, prepared: Prepared, stride: int | None, layers: Sequence[int], key: str
) -> AblationJob:
    """Ablate in a thread of its own; returns at once. key: of the run as trained."""
    job = AblationJob(key, tuple(layers))
    threading.Thread(target=_follow, args=(job, model, prepared, stride), daemon=True).start()
    return job


def _follow(job: AblationJob, model: runtime.Model, prepared: Prepared, stride: int | None) -> None:
    heads, done = model.card.heads, []
    try:
        for effects in ablate(model, prepared, stride, job.layers):
            done += effects
            layer = effects[0].layer
            if effects[-1].head == heads:
                job.found[layer] = [effect for effect in done if effect.layer == layer]
            job.share = len(done) / (heads * len(job.layers))
            if job._stop.is_set():
                break
    except ExplorerError as error:
        job.error = str(error)
    finally:
        job.running = False


@st.cache_resource(show_spinner=False)
def _kept() -> OrderedDict[tuple[str, int], list[HeadEffect]]:
    return OrderedDict()


def keep_effects(job: AblationJob) -> None:
    """Keep the layers that a job has done; the oldest leave."""
    kept = _kept()
    for layer, effects in list(job.found.items()):
        kept[job.key, layer] = effects
    while len(kept) > MAX_KEPT:
        kept.popitem(last=False)


def known_effects(key: str, layers: Sequence[int]) -> dict[int, list[HeadEffect]]:
    """The effects that are known for the run as trained of that key, by layer."""
    kept = _kept()
    return {layer: effects for layer in layers if (effects := kept.get((key, layer))) is not None}
