"""How many processors this process may use, fewer than the machine has where it is pinned or in a container, and
whether the machine's driver shows it a GPU."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

NO_DRIVER = "no NVIDIA driver"
FEW = 4
"""Up to so many processors, threads of linear algebra wait for one another, for the browser and for forward passes."""
LIMITS = Path("/sys/fs/cgroup")
"""Where Linux says what a container may take."""


def usable_processors() -> int:
    """The processors of the machine that this process is allowed to run on, cut to the quota of its container (cgroup
    versions 1 and 2), rounded up; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(min(_quota(), allowed))))


def limit_linear_algebra() -> None:
    """On a small machine (FEW), linear algebra on one thread, in this process, for good."""
    if usable_processors() > FEW:
        return
    import scipy.linalg  # noqa: F401  # a library must be loaded to be limited
    from threadpoolctl import ThreadpoolController

    ThreadpoolController().select(internal_api="openblas").limit(limits=1)  # NumPy's and SciPy's, not torch's own


def _quota() -> float:
    """Processors' worth of time that the container may take; infinite without a limit."""
    for path in ("cpu.max", "cpu/cpu.cfs_quota_us"):
        try:
            words = (LIMITS / path).read_text().split()
            period = words[1] if len(words) > 1 else (LIMITS / "cpu/cpu.cfs_period_us").read_text()
            quota, each = float(words[0]), float(period)
        except (OSError, ValueError, IndexError):  # "max" and missing files: no limit
            continue
        if quota > 0 and each > 0:
            return quota / each
    return math.inf


def _driver() -> Any:
    """The NVIDIA driver's own library. Raises OSError where there is none."""
    return ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")


def gpu_problem(load: Callable[[], Any] = _driver) -> str | None:
    """Why this process has no NVIDIA GPU, or None. The driver is asked: a container may lack its files in /proc.

    load: gives the driver's library (cuInit, cuGetErrorName, cuDeviceGetCount), or raises OSError.
    """
    try:
        driver = load()
    except OSError:
        return NO_DRIVER
    if code := driver.cuInit(0):
        name = ctypes.c_char_p()
        driver.cuGetErrorName(code, ctypes.byref(name))
        return f"the NVIDIA driver answers {(name.value or b'error %d' % code).decode()}"
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "the NVIDIA driver shows this process no GPU"
    return None
