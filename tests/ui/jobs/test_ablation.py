"""Ablations beside the app: progress, cancelling, errors, and what is kept."""

import threading
import time

import pytest

from explorer.errors import ExplorerError
from explorer.ui.jobs import ablation as ablation_job
from explorer.ui.jobs.ablation import AblationJob, _kept, keep_effects, known_effects, start_ablation
from tests.conftest import pixels, prepared

PATIENCE_S = 30


def wait(job: AblationJob) -> AblationJob:
    end = time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < end:
        time.sleep(0.01)
    assert not job.running
    return job


@pytest.fixture(autouse=True)
def empty_store():
    _kept().clear()


def test_a_job_finds_every_head_and_its_result_is_kept(opened):
    job = wait(start_ablation(opened["crate"], prepared(pixels(1)), None, [1, 2], "key"))
    assert (job.share, job.error) == (1.0, None)
    assert [(one.layer, one.head) for one in job.found[2]] == [(2, 1), (2, 2)]
    assert known_effects("key", [1, 2]) == {}
    keep_effects(job)
    assert known_effects("key", [1, 2, 3]) == job.found
    assert known_effects("another", [1]) == {}


def test_layers_in_several_batches_are_whole(opened, monkeypatch):
    monkeypatch.setattr("explorer.studies.ablate.BATCH_S", 0.0)
    job = wait(start_ablation(opened["crate"], prepared(pixels(1)), None, [1, 2], "key"))
    assert {layer: [one.head for one in effects] for layer, effects in job.found.items()} == {1: [1, 2], 2: [1, 2]}


@pytest.mark.parametrize(("batch_s", "whole", "share"), [(4.0, {1}, 0.5), (0.0, set(), 0.25)])
def test_a_cancelled_job_stops_after_its_batch_and_keeps_whole_layers(opened, monkeypatch, batch_s, whole, share):
    monkeypatch.setattr("explorer.studies.ablate.BATCH_S", batch_s)
    started, step, real = threading.Event(), threading.Event(), ablation_job.ablate

    def slow(*arguments):
        for effects in real(*arguments):
            started.set()
            step.wait(PATIENCE_S)
            yield effects

    monkeypatch.setattr(ablation_job, "ablate", slow)
    job = start_ablation(opened["crate"], prepared(pixels(1)), None, [1, 2], "key")
    assert started.wait(PATIENCE_S)
    assert job.running
    job.cancel()
    step.set()
    wait(job)
    assert (set(job.found), job.share, job.error) == (whole, share, None)


def test_what_the_user_can_fix_ends_the_job_with_a_sentence(opened, monkeypatch):
    def refuse(*arguments):
        raise ExplorerError("too large")
        yield

    monkeypatch.setattr(ablation_job, "ablate", refuse)
    assert wait(start_ablation(opened["crate"], prepared(pixels(1)), None, [1], "key")).error == "too large"


def test_the_oldest_leave(opened, monkeypatch):
    monkeypatch.setattr(ablation_job, "MAX_KEPT", 2)
    for key in ("a", "b", "c"):
        keep_effects(AblationJob(key, (1,), found={1: []}))
    assert known_effects("a", [1]) == {}
    assert known_effects("c", [1]) == {1: []}
