"""R^c and non-zeros of every layer over many images: mean and standard deviation, training and validation images."""

from __future__ import annotations

import numpy as np

from explorer.evaluation.accuracy import framed
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Subject, Task, about_part, open_data, sample, step_progress, traces
from explorer.measures.rates import measure_curves
from explorer.trace import Array

PARTS = ("train", "val")
MEASURES = ("R^c", "non-zeros")
"""R^c as the released code measures it: the input of MSSA, tokens scaled to length 1 within each head, ε² = 0.01."""


def curves(task: Task) -> Measured:
    """Both published curves of every subject on each part that the data has."""
    names = [name for name in PARTS if (task.data / name).is_dir()] or ["val"]
    rows, data = [], {}
    for i, name in enumerate(names):
        part = open_data(task, name)
        numbers = sample(np.arange(len(part)), task.limit, task.seed)
        for j, subject in enumerate(task.subjects):
            done = i * len(task.subjects) + j
            report = step_progress(task, f"curves, {name}, {subject.who}", done, len(names) * len(task.subjects))
            read = lambda n, p=part, s=subject: framed(p, n, s, "crop")  # noqa: E731 (bound to this part and subject)
            values = [
                measure_curves(trace, image)
                for chosen, trace in traces(subject, numbers, read, points(subject), report)
                for image in range(len(chosen))
            ]
            rows += curve_rows(np.array(values), subject.who, name)
        data[name] = about_part(part, name, len(numbers))
    images = min(about["images"] for about in data.values())
    return Measured(rows, {**data["val" if "val" in data else names[0]], "part": ", ".join(names), "images": images},
                    {"framing": "crop"})  # fmt: skip


def points(subject: Subject) -> list[str]:
    """The trace points that the two curves need."""
    card = subject.card
    features, sparse = card.traits.looks[-1], ("codes" if card.codes_dim else "z")
    layers = range(1, card.layers + 1)
    shift = 0 if card.codes_dim else 1
    return [f"{features}.{layer}" for layer in layers] + [f"{sparse}.{layer + shift}" for layer in layers]


def curve_rows(values: Array, who: str, part: str) -> list[Row]:
    """(images, 2, L) → a row for each measure and layer: mean, and standard deviation where there are two images."""
    means = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else None
    return [
        Row(
            name, who, float(means[m, layer]), len(values), on=part, at=layer + 1,
            std=None if spread is None else float(spread[m, layer]),
        )
        for m, name in enumerate(MEASURES)
        for layer in range(values.shape[2])
    ]  # fmt: skip
