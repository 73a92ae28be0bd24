"""How many processors this process may use: fewer than the machine has where it is pinned or in a container."""

from __future__ import annotations

import math
import os
from pathlib import Path

LIMITS = Path("/sys/fs/cgroup")
"""Where Linux says what a container may take."""


def usable_processors() -> int:
    """The processors of the machine that this process is allowed to run on, cut to the quota of its container (cgroup
    versions 1 and 2), rounded up; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(min(_quota(), allowed))))


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
