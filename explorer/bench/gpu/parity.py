"""Does the GPU compute what the CPU computes? Every output of every model, at several sizes, knobs turned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from explorer import runtime, zoo
from explorer.bench.gpu.networks import RANDOM, exported
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, why
from explorer.bench.gpu.tables import LIMIT
from explorer.card import ModelCard
from explorer.export.identify import identify, said_by
from explorer.export.parity import cases, random_knobs
from explorer.trace import Array, Knobs, Prepared


def rows(setting: Setting) -> Iterator[Row]:
    """A row for each shipped model and each random network of published size, with its worst output."""
    shipped = [(card.name, card) for card in zoo.list_models()]
    for label, card in shipped[:3] if setting.tiny else shipped:
        yield {"model": label, "weights": "shipped"} | _compared(card, setting)
    for which in RANDOM:
        yield {"model": which.label, "weights": "random"} | _compared(exported(which, setting), setting)


def _compared(card: ModelCard, setting: Setting) -> Row:
    try:
        return compare_model(card, setting.provider)
    except PROVIDER_ERRORS as error:
        return {"failed": why(error)}


def compare_model(card: ModelCard, provider: str) -> Row:
    """The cases of the export's own parity check, the last with all knobs turned, on a provider and on the CPU."""
    size = identify(zoo.load_weights(card, card.init), card.heads, card.eta or 0.1, card.lam or 0.1, said_by(card)).size
    ours, theirs = (runtime.open_model(card, on=one) for one in (provider, runtime.CPU))
    if ours.provider != provider:
        return {"failed": ours.reason}
    rng = np.random.default_rng(1)
    todo, outputs = cases(size), 0
    worst: Row = {"error": -1.0}
    for case in todo:
        knobs = random_knobs(rng, card, case.stride) if case is todo[-1] else Knobs(stride=case.stride)
        prepared = Prepared(case.data, None, "")
        traces = [runtime.run(model, prepared, None, knobs) for model in (ours, theirs)]
        if traces[0].note:
            return {"failed": traces[0].note}
        found = worst_output(traces[0].points, traces[1].points)
        outputs += len(traces[1].points)
        if found["error"] > worst["error"]:
            worst = found | {"case": ", ".join(f"{key} {value}" for key, value in case.what.items())}
    return {"cases": len(todo), "outputs": outputs, **worst, "met": worst["error"] <= LIMIT}


def worst_output(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> Row:
    """The output that is off by most: its name, its largest absolute error, and that relative to max(1, max |theirs|).

    What is no number is off by infinity. Raises ValueError where the two have other outputs or shapes.
    """
    if set(ours) != set(theirs):
        raise ValueError(f"other outputs: {sorted(set(ours) ^ set(theirs))[:3]}")
    worst: Row = {"output": "", "absolute": 0.0, "error": -1.0}
    for name, reference in theirs.items():
        if ours[name].shape != reference.shape:
            raise ValueError(f"{name} has shape {ours[name].shape}, not {reference.shape}")
        absolute = float(np.abs(ours[name].astype(np.float64) - reference).max())
        absolute = absolute if math.isfinite(absolute) else math.inf
        error = absolute / max(1.0, float(np.abs(reference).max()))
        if not error <= worst["error"]:
            worst = {"output": name, "absolute": absolute, "error": error if math.isfinite(error) else math.inf}
    return worst
