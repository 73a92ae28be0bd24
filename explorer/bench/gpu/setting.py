"""Where a section measures and how long it may, how runs are timed, and what a provider may raise meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorer import runtime
from explorer.errors import ExplorerError

Row = dict[str, Any]
"""One measured line, as JSON."""
PROVIDER_ERRORS = (MemoryError, ExplorerError, *runtime.SESSION_ERRORS)
"""What a way of running may raise without costing the others: ONNX Runtime's own errors, and torch's RuntimeError."""
WARM_UP_RUNS = 3
LEAST_RUNS, MOST_RUNS = 5, 500


@dataclass(frozen=True)
class Setting:
    """device: cuda, or cpu for a try of the script with tiny networks. folder: of exported networks. ends: the
    time.monotonic() at which the section should have ended. known: rows of earlier sections by their names."""

    device: str
    folder: Path
    ends: float
    known: Mapping[str, list[Row]]

    @property
    def tiny(self) -> bool:
        return self.device == "cpu"

    @property
    def provider(self) -> str:
        """ONNX Runtime's name of the device."""
        return runtime.CPU if self.tiny else runtime.CUDA

    def left(self) -> float:
        """Seconds that this section still has."""
        return self.ends - time.monotonic()


@dataclass(frozen=True)
class Times:
    """Of so many runs one after another, in milliseconds: median, 95th percentile and fastest."""

    p50_ms: float
    p95_ms: float
    fastest_ms: float
    runs: int


def time_runs(run: Callable[[], object], seconds: float) -> Times:
    """Time a run that returns when the device has finished, for about so many seconds after a warm-up."""
    for _ in range(WARM_UP_RUNS):
        run()
    samples: list[float] = []
    ends = time.perf_counter() + seconds
    while len(samples) < LEAST_RUNS or (len(samples) < MOST_RUNS and time.perf_counter() < ends):
        start = time.perf_counter()
        run()
        samples.append(1e3 * (time.perf_counter() - start))
    p50, p95 = np.percentile(samples, (50, 95))
    return Times(float(p50), float(p95), min(samples), len(samples))


def why(error: BaseException) -> str:
    """The first line of what a provider said, cut."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
