"""An app that others reach: what one session of it may use, and whose models are whose.

Shared mode is on when CRATE_EXPLORER_SHARED is 1, as `crate-explorer app --host` sets it. Then nobody imports from a
path of this machine, replaces a model or removes one that another session imported, and each session has quotas.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.errors import ExplorerError

SHARED_VARIABLE = "CRATE_EXPLORER_SHARED"
OWN = "own_models"
"""Session state: the names of the models that this session imported."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Quota:
    """Of something, most units in the last within_s seconds. most: a number of units, as the sentence says them."""

    most: float
    units: str
    within_s: float


COMPUTING = Quota(180, "seconds of computing", 600)
UPLOADS = Quota(256, "MB of uploads", 3600)
IMPORTS = Quota(4, "imports", 3600)
MAX_ZOO_BYTES = 8 << 30
"""In shared mode nothing is imported into a zoo that holds more than that."""


def shared() -> bool:
    """Whether others than the owner of this machine use the app."""
    return os.environ.get(SHARED_VARIABLE, "") not in ("", "0")


class Use:
    """What a session has used of a quota. limit: whether it counts at all."""

    def __init__(self, quota: Quota, limit: bool) -> None:
        self._quota, self._limit = quota, limit
        self._used: deque[tuple[float, float]] = deque()
        self.charging = False

    def spend(self, amount: float) -> None:
        """Count an amount. Raises ExplorerError where the quota does not hold it; then nothing is counted."""
        self.check(amount)
        self.add(amount)

    def check(self, amount: float = 0.0) -> None:
        """Raises ExplorerError if nothing is left, or less than the amount."""
        if not self._limit:
            return
        quota, now = self._quota, time.monotonic()
        while self._used and self._used[0][0] <= now - quota.within_s:
            self._used.popleft()
        left = quota.most - sum(used for _, used in self._used)
        if left > 0 and amount <= left:
            return
        when = f"go on in {_duration(self._used[0][0] + quota.within_s - now)}" if self._used else "bring less"
        raise ExplorerError(
            f"This app is shared, and each session has {quota.most:g} {quota.units} in {_duration(quota.within_s)}; "
            f"yours have {max(left, 0):.0f} left: {when}, or run CRATE Explorer on a machine of your own."
        )

    def add(self, amount: float) -> None:
        """Count what has been used already."""
        if self._limit:
            self._used.append((time.monotonic(), amount))


def used(quota: Quota) -> Use:
    """This session's use of a quota."""
    return st.session_state.setdefault(f"used.{quota.units}", Use(quota, shared()))


def charged(compute: Callable[[], Value]) -> Value:
    """compute(), its seconds counted as this session's; a computation within another counts once. Threads of the app
    itself, which belong to no session, are not counted."""
    if not shared() or get_script_run_ctx(suppress_warning=True) is None or (use := used(COMPUTING)).charging:
        return compute()
    use.check()
    began, use.charging = time.perf_counter(), True
    try:
        return compute()
    finally:
        use.charging = False
        use.add(time.perf_counter() - began)


def own_models() -> set[str]:
    """The models that this session has imported."""
    return st.session_state.setdefault(OWN, set())


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
