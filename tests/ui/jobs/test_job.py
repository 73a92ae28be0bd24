"""Work beside the app: results as they come, cancelling, going on, and problems."""

import threading
import time
from collections.abc import Iterator

from explorer.errors import ExplorerError
from explorer.ui.jobs.job import Job, start_job

PATIENCE_S = 30


def wait(job: Job) -> Job:
    """The job when it has come to its end."""
    end = time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < end:
        time.sleep(0.01)
    assert not job.running
    return job


def test_every_step_adds_its_results():
    job = wait(start_job([[1, 2], [], [3]], "key", 3))
    assert (job.key, job.results, job.share, job.error) == ("key", [1, 2, 3], 1.0, None)
    assert job.seconds > 0


def test_a_cancelled_job_ends_with_the_step_that_runs_and_another_goes_on_from_it():
    started, step = threading.Event(), threading.Event()

    def steps(first: int) -> Iterator[list[int]]:
        for number in range(first, 4):
            started.set()
            step.wait(PATIENCE_S)
            yield [number]

    job = start_job(steps(0), "key", 4)
    assert started.wait(PATIENCE_S)
    assert job.running
    job.cancel()
    step.set()
    assert (wait(job).results, job.share, job.error) == ([0], 0.25, None)
    assert wait(start_job(steps(1), "key", 4, job.results)).results == [0, 1, 2, 3]
    assert job.results == [0]


def test_what_the_user_can_fix_ends_the_job_with_what_came_before():
    def steps() -> Iterator[list[int]]:
        yield [1]
        raise ExplorerError("too large")

    job = wait(start_job(steps(), "key", 2))
    assert str(job.error) == "too large"
    assert job.results == [1]
