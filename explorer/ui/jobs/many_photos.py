"""A comparison over many photos beside the app: a thread that adds a row for each photo, and a way to stop it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from explorer.errors import ExplorerError
from explorer.inputs.photo import Photo
from explorer.studies.many_photos import Plan, photo_row


@dataclass
class BatchJob:
    """A running or ended batch. rows: what is done so far, a mapping for each photo."""

    key: str
    total: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    running: bool = True
    _stop: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop after the photo that runs now; its rows are kept."""
        self._stop.set()


def start_batch(
    photos: Sequence[Photo],
    plans: Sequence[Plan],
    layer: int,
    by_depth: bool,
    key: str,
    done: Sequence[dict[str, Any]] = (),
) -> BatchJob:
    """Compare on every photo in a thread of its own; returns at once. layer: of the first plan's model. done: rows of
    the first photos, from a batch that was cancelled."""
    job = BatchJob(key, len(photos), list(done))
    threading.Thread(target=_follow, args=(job, photos[len(done) :], plans, layer, by_depth), daemon=True).start()
    return job


def _follow(job: BatchJob, photos: Sequence[Photo], plans: Sequence[Plan], layer: int, by_depth: bool) -> None:
    try:
        for photo in photos:
            if job._stop.is_set():
                break
            job.rows.append(photo_row(photo, plans, layer, by_depth))
    except ExplorerError as error:
        job.error = str(error)
    finally:
        job.running = False
