"""UMAP in its side process: results, progress, cancelling, crashes. One process serves all tests of this file."""

import os
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from explorer.ui.jobs.umap import CANCELLED, DIED, MAX_JOBS, UmapJob, UmapOptions, UmapService, compiler_cache

PATIENCE_S = 240
"""Numba's first compilation, on a busy machine."""


def groups(per_group: int = 30, seed: int = 0) -> np.ndarray:
    """Three groups of vectors, far apart."""
    draw = np.random.default_rng(seed)
    centres = 20 * np.eye(3, 6)
    return np.concatenate([centre + draw.standard_normal((per_group, 6)) for centre in centres]).astype(np.float32)


def wait(job: UmapJob) -> UmapJob:
    end = time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < end:
        time.sleep(0.02)
    return job


@pytest.fixture(scope="module")
def service() -> Iterator[UmapService]:
    service = UmapService()
    service.start()
    yield service
    service.stop()


def test_the_same_arguments_give_the_same_coordinates(service):
    first, again = (wait(service.submit(key, groups(), UmapOptions())) for key in ("one", "two"))
    other = wait(service.submit("seed 1", groups(), UmapOptions(seed=1)))
    assert first.error is None
    assert first.coordinates is not None
    assert first.coordinates.shape == (90, 2)
    assert not first.coordinates.flags.writeable
    np.testing.assert_array_equal(first.coordinates, again.coordinates)
    assert not np.array_equal(first.coordinates, other.coordinates)


def test_neighbours_stay_neighbours(service):
    """Every token's nearest neighbour in the layout is of its own group, in 2-D and 3-D, by both distances."""
    for options in (UmapOptions(), UmapOptions(3, metric="euclidean")):
        placed = wait(service.submit(f"groups {options}", groups(), options)).coordinates
        assert placed is not None
        assert placed.shape == (90, options.components)
        nearest = NearestNeighbors(n_neighbors=1).fit(placed).kneighbors(return_distance=False)[:, 0]
        np.testing.assert_array_equal(nearest // 30, np.arange(90) // 30)


def test_a_key_is_computed_once_for_all(service):
    job = service.submit("shared", groups(), UmapOptions())
    assert service.submit("shared", groups(), UmapOptions()) is job
    assert service.find("shared") is job
    assert service.find("never asked for") is None
    wait(job)


def test_few_tokens_are_laid_out_and_fewer_refused_in_words(service):
    small = wait(service.submit("six", groups(2), UmapOptions(neighbors=50)))
    assert small.coordinates is not None
    few = wait(service.submit("four", groups()[:4], UmapOptions()))
    assert few.coordinates is None
    assert "at least 5 tokens" in (few.error or "")
    bad = wait(service.submit("nan", np.full((20, 3), np.nan), UmapOptions()))
    assert "finite" in (bad.error or "")


def test_a_cancelled_job_ends_soon_and_the_process_stays_warm(service):
    wait(service.submit("warm", groups(), UmapOptions()))
    process = service._process
    job = service.submit("long", groups(2500), UmapOptions(neighbors=50))
    end = time.monotonic() + 60
    while not job.share and time.monotonic() < end:
        time.sleep(0.02)
    assert 0 < job.share < 1
    waiting = service.submit("waiting", groups(), UmapOptions(seed=3))
    service.cancel(job)
    assert job.error == CANCELLED
    assert wait(waiting).coordinates is not None
    assert job.coordinates is None
    assert service._process is process
    assert service.submit("long", groups(), UmapOptions()) is not job  # may be asked for again


def test_a_job_cancelled_before_its_turn_is_never_sent(service):
    first = service.submit("turn 1", groups(500), UmapOptions())
    second = service.submit("turn 2", groups(), UmapOptions())
    service.cancel(second)
    wait(first)
    assert second.error == CANCELLED
    assert not second.started


def test_only_the_newest_results_are_kept():
    idle = UmapService(command=(sys.executable, "-c", "import time; time.sleep(60)"))
    for k in range(MAX_JOBS + 3):
        idle.submit(str(k), groups(2), UmapOptions())
    assert idle.find("2") is None
    assert idle.find("3") is not None
    idle.stop()


def test_a_process_that_dies_is_a_sentence_and_is_started_again(tmp_path):
    mark = tmp_path / "died"
    code = (
        f"import pathlib, sys; mark = pathlib.Path({str(mark)!r})\n"
        "if not mark.exists():\n    mark.touch(); sys.exit(1)\n"
        "import json\nrequest = json.loads(sys.stdin.buffer.readline())\n"
        "content = sys.stdin.buffer.read(4 * request['rows'] * request['columns'])[: 8 * request['rows']]\n"
        "header = json.dumps({'id': request['id'], 'bytes': len(content)}).encode()\n"
        "sys.stdout.buffer.write(header + b'\\n' + content)\n"
    )
    fragile = UmapService(command=(sys.executable, "-c", code))
    vectors = np.arange(24, dtype=np.float32).reshape(12, 2)
    assert wait(fragile.submit("first", vectors, UmapOptions())).error == DIED
    again = wait(fragile.submit("first", vectors, UmapOptions()))
    assert again.error is None
    np.testing.assert_array_equal(again.coordinates, vectors)
    fragile.stop()


def test_a_process_that_fails_says_why():
    code = "import sys; sys.stdin.buffer.readline(); print('noise', file=sys.stderr); raise RuntimeError('no locator')"
    failing = UmapService(command=(sys.executable, "-c", code))
    said = wait(failing.submit("first", groups(), UmapOptions())).error
    assert said == f"{DIED} It said: RuntimeError: no locator"
    failing.stop()


def test_a_read_only_installation_gets_a_folder_for_what_is_compiled(monkeypatch, tmp_path):
    real = os.access
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert compiler_cache() == {}  # Numba's own place can be written
    monkeypatch.setattr(os, "access", lambda path, mode: "site-packages" not in str(path) and real(path, mode))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert compiler_cache() == {"NUMBA_CACHE_DIR": str(tmp_path / ".cache" / "crate-explorer-numba")}
    assert (tmp_path / ".cache" / "crate-explorer-numba").is_dir()
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "file" / "no folder")
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert compiler_cache() == {"NUMBA_CACHE_DIR": str(tmp_path / "crate-explorer-numba")}
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/mine")
    assert compiler_cache() == {}


def test_the_process_is_told_that_folder(monkeypatch):
    code = "import os, sys; sys.stdin.buffer.readline(); raise RuntimeError(os.environ['NUMBA_CACHE_DIR'])"
    monkeypatch.setattr("explorer.ui.jobs.umap.compiler_cache", lambda: {"NUMBA_CACHE_DIR": "/a/folder"})
    told = UmapService(command=(sys.executable, "-c", code))
    assert "RuntimeError: /a/folder" in (wait(told.submit("first", groups(), UmapOptions())).error or "")
    told.stop()
