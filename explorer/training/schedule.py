"""Where a run stands: which stage, which step, which learning rate. Progress runs from 0 to 1 over all stages.

Torch's schedulers count steps. Here the same curve must end on time as well, so it is a function of progress, which is
the share of the work done, or, with a time limit, the share of the time that has passed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from explorer.training.recipe import Stage

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


def make_plan(stages: Sequence[Stage], samples: list[int], tokens: list[int]) -> Plan:
    """samples, tokens: training samples of each stage, and tokens of one. A stage's share is its part of all tokens."""
    steps = [max(1, round(stage.epochs * steps_of_epoch(n, stage))) for stage, n in zip(stages, samples, strict=True)]
    work = [
        count * min(stage.batch, n) * length
        for count, stage, n, length in zip(steps, stages, samples, tokens, strict=True)
    ]
    ends = [total / sum(work) for total in accumulate(work)]
    return Plan(tuple(steps), (*ends[:-1], 1.0))


def steps_of_epoch(samples: int, stage: Stage) -> int:
    """Whole batches in the data; one, smaller than asked for, where there are fewer samples."""
    return max(1, samples // stage.batch)


def learning_rate(peak: float, progress: float, warmup: float) -> float:
    """Linear from 0 to peak over the warm-up, then a cosine down to LAST_LR of it."""
    if progress < warmup:
        return peak * progress / warmup
    fraction = (min(progress, 1.0) - warmup) / (1 - warmup)
    return peak * (LAST_LR + (1 - LAST_LR) * (1 + math.cos(math.pi * fraction)) / 2)
