"""Top-1 and top-5 on the held-out part, with the preprocessing that the model's card names."""

from __future__ import annotations

import numpy as np

from explorer.dataset import Part
from explorer.errors import ExplorerError
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Subject, Task, about_part, open_data, sample, step_progress, traces
from explorer.inputs import frame_squares
from explorer.trace import Array

TOP = (1, 5)


def accuracy(task: Task) -> Measured:
    """Share of validation pictures whose class is the most probable, or among the five most probable."""
    for subject in task.subjects:
        subject.card.need_head()
    part = open_data(task, "val")
    numbers = sample(np.arange(len(part)), task.limit, task.seed)
    columns: dict[Row, Array] = {}
    for i, subject in enumerate(task.subjects):
        classes = class_numbers(part, subject)
        report = step_progress(task, f"accuracy, {subject.who}", i, len(task.subjects))
        ranks = np.concatenate([
            true_ranks(trace.logits, classes[part.labels[chosen]])
            for chosen, trace in traces(subject, numbers, lambda n, s=subject: framed(part, n, s, "crop"), [], report)
        ])  # fmt: skip
        columns |= {Row(f"top-{k}", subject.who, 0, 0): ranks < k for k in TOP}
    return Measured(mean_rows(columns, task.seed), about_part(part, "val", len(numbers)), {"framing": "crop"})


def true_ranks(logits: Array, labels: Array) -> Array:
    """How many classes score higher than the true one: logits (B,C), labels (B,) → (B,), 0 = top-1.

    Of equal scores the true class counts as the last, so that a model that says nothing is right about nothing.
    """
    true = logits[np.arange(len(labels)), labels]
    return np.count_nonzero(logits >= true[:, None], axis=1) - 1


def class_numbers(part: Part, subject: Subject) -> Array:
    """For each class of the data its number in the model, by name. Raises ExplorerError where one is missing."""
    own = {name: i for i, name in enumerate(subject.card.classes)}
    if missing := [name for name in part.classes if name not in own]:
        raise ExplorerError(
            f"{subject.card.name} has no class {missing[0]!r}: accuracy needs data with the model's own classes "
            f"({len(missing)} of {len(part.classes)} are missing)."
        )
    return np.array([own[name] for name in part.classes])


def framed(part: Part, numbers: Array, subject: Subject, framing: str) -> Array:
    """Pictures of a part at the subject's size, uint8 (B,size,size,3)."""
    card = subject.card
    return frame_squares(part.images[numbers], card.preprocessing, card.patch, subject.size, framing)
