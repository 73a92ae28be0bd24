"""A continuation that is drawn beside the app: a thread with what it has so far, and a way to stop it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.studies.generate import Drawn, Sampling, continuation
from explorer.trace import Array, Knobs


@dataclass
class GenerateJob:
    """A running or ended continuation. key: of the model, the knobs and the text that it goes on from; wanted: how many
    tokens it was asked for; drawn: those that have come; seconds: since it began, or that it took."""

    key: str
    start: tuple[int, ...]
    wanted: int
    drawn: list[Drawn] = field(default_factory=list)
    error: str | None = None
    running: bool = True
    seconds: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop after the token that is drawn now; what has come is kept."""
        self._stop.set()

    @property
    def tokens(self) -> list[int]:
        """The text that it goes on from and what has come."""
        return [*self.start, *(one.token for one in list(self.drawn))]


def start_generation(
    model: runtime.Model, tokens: Array, sampling: Sampling, knobs: Knobs, wanted: int, key: str
) -> GenerateJob:
    """Draw tokens in a thread of its own; returns at once."""
    job = GenerateJob(key, tuple(map(int, tokens)), wanted)
    threading.Thread(target=_follow, args=(job, model, tokens, sampling, knobs), daemon=True).start()
    return job


def _follow(job: GenerateJob, model: runtime.Model, tokens: Array, sampling: Sampling, knobs: Knobs) -> None:
    began = time.perf_counter()
    try:
        for drawn in continuation(model, tokens, sampling, knobs, job.wanted):
            job.drawn.append(drawn)
            job.seconds = time.perf_counter() - began
            if job._stop.is_set():
                break
    except ExplorerError as error:
        job.error = str(error)
    finally:
        job.running = False
