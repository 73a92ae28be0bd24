"""Processors that a process may use: its affinity, and a container's quota in either form."""

import os

import onnxruntime as ort
import pytest
import scipy.linalg  # noqa: F401  # its library counts, too
from threadpoolctl import ThreadpoolController

from explorer import processors, runtime
from explorer.processors import NO_DRIVER, gpu_problem, usable_processors


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine on which this process may use four processors, without a quota."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(processors, "LIMITS", tmp_path)
    return tmp_path


def test_without_a_quota_the_affinity_counts(machine):
    assert usable_processors() == 4


@pytest.mark.parametrize(
    ("said", "count"), [("150000 100000", 2), ("20000 100000", 1), ("max 100000", 4), ("900000 100000", 4), ("", 4)]
)
def test_the_quota_of_version_2(machine, said, count):
    (machine / "cpu.max").write_text(said)
    assert usable_processors() == count


@pytest.mark.parametrize(("quota", "count"), [("300000", 3), ("-1", 4)])
def test_the_quota_of_version_1(machine, quota, count):
    (machine / "cpu").mkdir()
    (machine / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (machine / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_processors() == count


def test_a_session_takes_no_more_threads(machine, monkeypatch, cards):
    seen = []
    real = ort.InferenceSession
    monkeypatch.setattr(
        ort, "InferenceSession", lambda *a, **k: seen.append(a[1].intra_op_num_threads) or real(*a, **k)
    )
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    runtime.open_model(cards["crate"])
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    runtime.open_model(cards["crate"])
    assert seen == [4, 0]  # 0: ONNX Runtime's own choice, one for each core


class Driver:
    """A stand-in for libcuda: what its three functions answer."""

    def __init__(self, init: int = 0, devices: int = 1) -> None:
        self._init, self._devices = init, devices

    def cuInit(self, flags: int) -> int:
        assert flags == 0
        return self._init

    def cuGetErrorName(self, code: int, name) -> int:
        name._obj.value = b"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" if code == 803 else None
        return 0

    def cuDeviceGetCount(self, count) -> int:
        count._obj.value = self._devices
        return 0


@pytest.mark.parametrize(
    ("driver", "problem"),
    [
        (Driver(), None),
        (Driver(devices=0), "shows this process no GPU"),
        (Driver(init=803), "answers CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        (Driver(init=999), "answers error 999"),
    ],
)
def test_the_driver_itself_is_asked_for_a_gpu(driver, problem: str | None):
    said = gpu_problem(lambda: driver)
    assert said is None if problem is None else problem in (said or "")


def test_no_driver_is_no_error():
    def missing():
        raise OSError("libcuda.so.1: cannot open shared object file")

    assert gpu_problem(missing) == NO_DRIVER


@pytest.mark.parametrize(("count", "threads"), [(4, 1), (5, None)])
def test_linear_algebra_has_one_thread_on_a_small_machine_alone(count, threads, monkeypatch):
    monkeypatch.setattr(processors, "usable_processors", lambda: count)
    blas = ThreadpoolController().select(internal_api="openblas")
    before = [one["num_threads"] for one in blas.info()]
    with blas.limit(limits=2):
        processors.limit_linear_algebra()
        assert {one["num_threads"] for one in blas.info()} == {threads or 2}
    assert [one["num_threads"] for one in blas.info()] == before
