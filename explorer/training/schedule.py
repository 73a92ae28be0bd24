"""Where a run stands: which stage, which step, which learning rate. Progress runs from 0 to 1 over all stages.

Torch's schedulers count steps. Here the same curve must end on time as well, so it is a function of progress, which is
the share of the work done, or, with a time limit, the share of the time that has passed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from explorer.training.recipe import Recipe, Stage

LAST_LR = 0.01
"""Of the peak, at the end of the cosine."""


@dataclass(frozen=True)
class Plan:
    """Steps of each stage when nothing limits the time, and the share of progress at which each stage ends."""

    steps: tuple[int, ...]
    ends: tuple[float, ...]

    def stage_at(self, progress: float) -> int:
        """Number of the stage, from 0."""
        return min(bisect_right(self.ends, progress), len(self.ends) - 1)

    def progress_after(self, stage: int, step: int) -> float:
        """Progress after so many steps of a stage, when nothing limits the time."""
        start = self.ends[stage - 1] if stage else 0.0
        return start + (self.ends[stage] - start) * step / self.steps[stage]


def make_plan(recipe: Recipe, images: list[int]) -> Plan:
    """images: number of training images of each stage. A stage's share is its part of all tokens that are computed."""
    steps = [
        max(1, round(stage.epochs * steps_of_epoch(n, stage))) for stage, n in zip(recipe.stages, images, strict=True)
    ]
    work = [
        count * min(stage.batch, n) * (1 + kept_patches(stage, recipe.patch))
        for count, stage, n in zip(steps, recipe.stages, images, strict=True)
    ]
    ends = [total / sum(work) for total in accumulate(work)]
    return Plan(tuple(steps), (*ends[:-1], 1.0))


def steps_of_epoch(images: int, stage: Stage) -> int:
    """Whole batches in the data; one, smaller than asked for, where there are fewer images."""
    return max(1, images // stage.batch)


def kept_patches(stage: Stage, patch: int) -> int:
    """How many patches of an image enter the network."""
    return max(1, round((stage.size // patch) ** 2 * (1 - stage.patch_dropout)))


def learning_rate(peak: float, progress: float, warmup: float) -> float:
    """Linear from 0 to peak over the warm-up, then a cosine down to LAST_LR of it."""
    if progress < warmup:
        return peak * progress / warmup
    fraction = (min(progress, 1.0) - warmup) / (1 - warmup)
    return peak * (LAST_LR + (1 - LAST_LR) * (1 + math.cos(math.pi * fraction)) / 2)
