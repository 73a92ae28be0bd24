"""Ablations beside the app: every head of every layer, and what is kept."""

import threading

import pytest

from explorer.ui.jobs import ablation
from explorer.ui.jobs.ablation import _keeping, _kept, known_effects, start_ablation
from tests.conftest import pixels, prepared
from tests.ui.jobs.test_job import PATIENCE_S, wait


@pytest.fixture(autouse=True)
def empty_store():
    _kept().clear()


@pytest.mark.parametrize("batch_s", [4.0, 0.0])
def test_a_job_finds_every_head_and_its_result_is_kept(opened, monkeypatch, batch_s):
    """Also where the heads of a layer are several batches."""
    monkeypatch.setattr("explorer.studies.ablate.BATCH_S", batch_s)
    job = wait(start_ablation(opened["crate"], prepared(pixels(1)), None, [1, 2], "key"))
    assert (job.share, job.error) == (1.0, None)
    assert [(one.layer, one.head) for one in job.results] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert known_effects("key", [1, 2, 3]) == {1: job.results[:2], 2: job.results[2:]}
    assert known_effects("another", [1]) == {}


@pytest.mark.parametrize(("batch_s", "whole", "share"), [(4.0, {1}, 0.5), (0.0, set(), 0.25)])
def test_a_cancelled_job_stops_after_its_batch_and_keeps_whole_layers(opened, monkeypatch, batch_s, whole, share):
    monkeypatch.setattr("explorer.studies.ablate.BATCH_S", batch_s)
    started, step, real = threading.Event(), threading.Event(), ablation.ablate

    def slow(*arguments):
        for effects in real(*arguments):
            started.set()
            step.wait(PATIENCE_S)
            yield effects

    monkeypatch.setattr(ablation, "ablate", slow)
    job = start_ablation(opened["crate"], prepared(pixels(1)), None, [1, 2], "key")
    assert started.wait(PATIENCE_S)
    assert job.running
    job.cancel()
    step.set()
    wait(job)
    assert (set(known_effects("key", [1, 2])), job.share, job.error) == (whole, share, None)


def test_the_oldest_leave(opened, monkeypatch):
    monkeypatch.setattr(ablation, "MAX_KEPT", 2)
    job = wait(start_ablation(opened["crate"], prepared(pixels(1)), None, [1], "a"))
    for key in ("b", "c"):
        list(_keeping(iter([job.results]), 2, key, _kept()))
    assert known_effects("a", [1]) == {}
    assert known_effects("c", [1]) == {1: job.results}
