"""Work beside the app: a thread that goes through its steps, with the results that have come and a way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from explorer.errors import ExplorerError
from explorer.ui.state.sharing import COMPUTING, Use, used

Result = TypeVar("Result")


@dataclass
class Job(Generic[Result]):
    """Running or ended work. key: names what was asked for. total: how many results there will be; results: those that
    have come; error: the problem that ended it; seconds: since it began, or that it took."""

    key: str
    total: int
    results: list[Result] = field(default_factory=list)
    error: ExplorerError | None = None
    running: bool = True
    seconds: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def share(self) -> float:
        return len(self.results) / self.total

    def cancel(self) -> None:
        """Stop after the step that runs now; its results are kept, too."""
        self._stop.set()


def start_job(steps: Iterable[Sequence[Result]], key: str, total: int, done: Sequence[Result] = ()) -> Job[Result]:
    """Work in a thread of its own; returns at once. steps: each gives the results that it adds. done: the results of an
    earlier job, which was cancelled and from which this one goes on. Its seconds count as the session's
    (sharing.COMPUTING)."""
    (use := used(COMPUTING)).check()
    job = Job(key, total, list(done))
    threading.Thread(target=_follow, args=(job, iter(steps), use), daemon=True).start()
    return job


def _follow(job: Job[Result], steps: Iterator[Sequence[Result]], use: Use) -> None:
    began = time.perf_counter()
    try:
        while not job._stop.is_set() and (added := next(steps, None)) is not None:
            job.results.extend(added)
            before, job.seconds = job.seconds, time.perf_counter() - began
            use.add(job.seconds - before)
            if len(job.results) < job.total:
                use.check()
    except ExplorerError as error:
        job.error = error
    finally:
        job.running = False
