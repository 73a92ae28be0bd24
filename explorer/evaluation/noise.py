"""Robustness: how well the object's box is still found as the pixels are disturbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from explorer.dataset import Part
from explorer.evaluation.accuracy import framed
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.boxes import box_overlap
from explorer.evaluation.emergence import SMALL, boxed, find_boxes, found_share, settings
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Subject, Task, about_part, open_data, step_progress
from explorer.trace import Array

METHODS = ("attention", "maskcut")
LEVELS = {"random pixels": (0.0, 0.1, 0.25, 0.5, 0.75), "Gaussian noise": (0.0, 10.0, 25.0, 50.0, 75.0)}
"""Share of the pixels that become a random colour; standard deviation in grey levels of 255 (arXiv 2308.16271)."""


def noise(task: Task) -> Measured:
    """How well the boxes of small objects are found, and kept, at every level of both kinds of noise.

    Only boxes under half of the image count: what noise leaves is often the whole image, which large boxes reward.
    "box kept" is the IoU with the box that the same method found in the undisturbed picture.
    """
    part = open_data(task, "val")
    numbers, truth = boxed(part, task, SMALL)
    columns: dict[Row, Array] = {}
    for i, subject in enumerate(task.subjects):
        steps = _Steps(task, i)
        clean = _boxes(subject, part, numbers, task.seed, ("", 0.0), steps)
        for kind, levels in LEVELS.items():
            for level in levels:
                found = _boxes(subject, part, numbers, task.seed, (kind, level), steps) if level else clean
                columns |= _columns(subject.who, (kind, level), found, clean, truth)
    own = {**settings(task), "boxes": f"under {SMALL:g} of the image"}
    return Measured(mean_rows(columns, task.seed), about_part(part, "val", len(numbers)), own)


@dataclass
class _Steps:
    """Progress of one subject: each of its runs is a step."""

    task: Task
    subject: int
    done: int = 0

    def next(self, what: str) -> Callable[[float], None]:
        runs = 1 + sum(level > 0 for levels in LEVELS.values() for level in levels)
        step = self.subject * runs + self.done
        self.done += 1
        return step_progress(self.task, what, step, runs * len(self.task.subjects))


def _boxes(
    subject: Subject, part: Part, numbers: Array, seed: int, disturbed: tuple[str, float], steps: _Steps
) -> dict[str, Array]:
    kind, level = disturbed

    def read(chosen: Array) -> Array:
        pixels = framed(part, chosen, subject, "whole")
        if not level:
            return pixels
        return np.stack([disturb(p, kind, level, seed, int(n)) for p, n in zip(pixels, chosen, strict=True)])

    return find_boxes(subject, numbers, read, METHODS, steps.next(f"{kind or 'no noise'} {level:g}, {subject.who}"))


def _columns(
    who: str, disturbed: tuple[str, float], found: dict[str, Array], clean: dict[str, Array], truth: Array
) -> dict[Row, Array]:
    kind, level = disturbed
    columns = {}
    for method, boxes in found.items():
        overlap = box_overlap(boxes, truth)
        values = {"CorLoc": found_share(overlap), "box IoU": overlap, "box kept": box_overlap(boxes, clean[method])}
        columns |= {Row(name, who, 0, 0, method=method, on=kind, at=level): v for name, v in values.items()}
    return columns


def disturb(pixels: Array, kind: str, level: float, seed: int, image: int) -> Array:
    """A picture (H,W,3) from 0 to 255 with noise; float32 within 0 … 255.

    The same draws serve every level: pixels that are random at one level are so, with the same colour, at all higher
    ones, and Gaussian noise is the same pattern times its standard deviation, cut at black and white.
    """
    rng = np.random.default_rng((seed, image))
    if kind == "random pixels":
        replaced = rng.random(pixels.shape[:2]) < level
        colours = rng.integers(0, 256, pixels.shape)
        return np.where(replaced[..., None], colours, pixels).astype(np.float32)
    return np.clip(pixels + level * rng.standard_normal(pixels.shape), 0, 255).astype(np.float32)
