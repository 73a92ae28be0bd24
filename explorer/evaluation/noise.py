"""Robustness: how well the object's box is still found as the pixels are disturbed."""

from __future__ import annotations

import numpy as np

from explorer.evaluation.accuracy import framed
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.boxes import box_overlap
from explorer.evaluation.emergence import boxed, find_boxes, found_share, settings
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Task, about_part, open_data, step_progress
from explorer.trace import Array

METHODS = ("attention", "maskcut")
LEVELS = {"random pixels": (0.0, 0.1, 0.25, 0.5, 0.75), "Gaussian noise": (0.0, 10.0, 25.0, 50.0, 75.0)}
"""Share of the pixels that become a random colour; standard deviation in grey levels of 255 (arXiv 2308.16271)."""


def noise(task: Task) -> Measured:
    """CorLoc and mean box IoU at every level of both kinds of noise; the undisturbed pictures are run once."""
    part = open_data(task, "val")
    numbers, truth = boxed(part, task)
    steps = [(subject, kind, level) for subject in task.subjects for kind, levels in LEVELS.items() for level in levels]
    columns: dict[Row, Array] = {}
    clean: dict[str, dict[str, Array]] = {}
    for i, (subject, kind, level) in enumerate(steps):

        def read(chosen: Array, subject=subject, kind=kind, level=level) -> Array:
            pixels = framed(part, chosen, subject, "whole")
            return np.stack([disturb(p, kind, level, task.seed, int(n)) for p, n in zip(pixels, chosen, strict=True)])

        report = step_progress(task, f"{kind} {level:g}, {subject.who}", i, len(steps))
        if level or subject.who not in clean:
            found = find_boxes(subject, numbers, read, METHODS, report)
            if not level:
                clean[subject.who] = found
        else:
            found = clean[subject.who]
        for method, boxes in found.items():
            overlap = box_overlap(boxes, truth)
            about = {"method": method, "on": kind, "at": level}
            columns |= {
                Row("CorLoc", subject.who, 0, 0, **about): found_share(overlap),
                Row("box IoU", subject.who, 0, 0, **about): overlap,
            }
    return Measured(mean_rows(columns, task.seed), about_part(part, "val", len(numbers)), settings(task))


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
