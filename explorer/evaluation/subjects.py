"""What is compared, on which pictures, in which batches: a model, its random-init control and other models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.dataset import Part, open_part
from explorer.evaluation.record import CONTROL, MODEL, Row
from explorer.inputs import normalise_squares
from explorer.trace import Array, Knobs, Trace

MAX_BATCH, BATCH_BYTES = 16, 4e8
Progress = Callable[[str, float], None]
"""Called with a step in plain words and the share of the suite that is done, 0 to 1."""


@dataclass(frozen=True)
class Subject:
    """Who is measured, and how its input is cut. who: as in Row. size, stride: pixels; of a text its context, and 1."""

    who: str
    model: runtime.Model
    size: int
    stride: int

    @property
    def card(self) -> ModelCard:
        return self.model.card


@dataclass(frozen=True)
class Task:
    """One suite's work. data: its folder. limit: images at most, None for all; drawn by the seed."""

    subjects: tuple[Subject, ...]
    data: Path
    limit: int | None
    seed: int
    progress: Progress


@dataclass(frozen=True)
class Measured:
    """What a suite found: its rows, what its data was, and settings of its own."""

    rows: list[Row]
    data: dict[str, Any]
    settings: dict[str, Any]


def open_subjects(
    card: ModelCard, against: Sequence[ModelCard], size: int | None, stride: int | None, defaults: tuple[int, int]
) -> tuple[Subject, ...]:
    """The model, its control, and the models that it is compared with.

    size, stride: pixels, None for each model's own: defaults are (pixels, 0 for the model's size; the divisor of its
    patch). Raises ExplorerError for a stride that a model does not take.
    """
    pixels, divisor = defaults

    def cut(one: ModelCard) -> tuple[int, int]:
        if one.reads_text:
            return one.context, runtime.check_knobs(one, Knobs())
        own = size or (one.patch * round(pixels / one.patch) if pixels else one.image_size)
        finer = max(1, one.patch // divisor) if stride is None else stride
        return own, runtime.check_knobs(one, Knobs(stride=finer))

    control = runtime.open_model(card, zoo.draw_control(card))
    others = [Subject(one.name, runtime.open_model(one), *cut(one)) for one in against]
    return Subject(MODEL, runtime.open_model(card), *cut(card)), Subject(CONTROL, control, *cut(card)), *others


def sample(numbers: Array, limit: int | None, seed: int) -> Array:
    """At most `limit` of the numbers (n,), drawn without replacement, in their order."""
    if limit is None or limit >= len(numbers):
        return numbers
    return np.sort(np.random.default_rng(seed).choice(numbers, limit, replace=False))


def traces(
    subject: Subject,
    numbers: Array,
    read: Callable[[Array], Array],
    want: Sequence[str],
    report: Callable[[float], None],
) -> Iterator[tuple[Array, Trace]]:
    """Run a subject on pictures in batches: (numbers of the batch, its trace) one after another.

    read: numbers (B,) → pictures (B,H,W,3), 0 to 255. want: the trace points that are needed, beside the logits.
    report: called with the share of the pictures that is done.
    """
    one = runtime.estimate(subject.card, 1, subject.size, subject.size, subject.stride)
    batch = int(np.clip(BATCH_BYTES // one.memory_bytes, 1, MAX_BATCH))
    for start in range(0, len(numbers), batch):
        chosen = numbers[start : start + batch]
        prepared = normalise_squares(read(chosen), subject.card.preprocessing)
        yield chosen, runtime.run(subject.model, prepared, want, Knobs(stride=subject.stride))
        report((start + len(chosen)) / len(numbers))


def step_progress(task: Task, what: str, step: int, steps: int) -> Callable[[float], None]:
    """Progress of one of several equal steps, as a function of that step's own share."""
    return lambda share: task.progress(what, (step + share) / steps)


def open_data(task: Task, part: str) -> Part:
    """A part of the prepared folder."""
    return open_part(task.data / part)


def about_part(part: Part, name: str, count: int) -> dict[str, Any]:
    """What a part of a prepared folder is, for the record. count: images that were measured."""
    said = {key: part.about[key] for key in ("sources", "licence") if part.about.get(key)}
    return {**said, "part": name, "images": count, "of": len(part), "pixels": part.size}
