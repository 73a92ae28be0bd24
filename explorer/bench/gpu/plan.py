"""The sections and their time: each in a process of its own that can be stopped without losing what it wrote.

A crash, a want of memory or a hang costs the rest of one section. What a section leaves over goes to those behind it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer import runtime
from explorer.bench.gpu.setting import Row, Setting

SECTIONS = {
    "machine": 25, "parity": 75, "latency": 45, "memory": 30, "precision": 40, "fallback": 25, "speed": 180,
}  # fmt: skip
"""Sections in their order, and what each has of the time, in parts: seconds where there are seven minutes."""
POLL_S = 0.2
GRACE_S = 3.0
"""After its deadline a section that still runs is ended, and its traceback kept."""
KEPT_LOG = 4000
"""Characters."""
ROOT = Path(__file__).parents[3]
RUNNING, DONE, STOPPED = "it was still running", "done", "stopped at its deadline"


@dataclass(frozen=True)
class Outcome:
    """How a section ended, in a word or with what it said last; the seconds it took; its rows as far as it came; and,
    where it did not come to its end, the end of what it printed."""

    state: str
    seconds: float
    rows: list[Row]
    log: str = ""


def allowance(left_s: float, parts: list[float]) -> float:
    """Seconds for the first of the sections that are still to come, each of which has its part of what is left."""
    return max(left_s, 0.0) * parts[0] / sum(parts)


def command(name: str, device: str, folder: Path, seconds: float) -> list[str]:
    """What starts a section in a process of its own."""
    asked = ["--section", name, "--seconds", f"{seconds:.1f}", "--folder", str(folder)]
    return [sys.executable, "-m", "explorer.bench.gpu", *asked, *(["--cpu"] if device == "cpu" else [])]


def run_section(name: str, device: str, folder: Path, seconds: float, changed: Callable[[Outcome], None]) -> Outcome:
    """Run a section in a child process for so many seconds at most. changed: told whenever there are more rows."""
    written, said = folder / f"{name}.jsonl", folder / f"{name}.log"
    limits = {runtime.MEMORY_VARIABLE: "1e6", runtime.SECONDS_VARIABLE: "1e6"}
    where = {runtime.PROVIDER_VARIABLE: "cpu"} if device == "cpu" else {}
    inherited = {key: value for key, value in os.environ.items() if key != runtime.PROVIDER_VARIABLE}
    start, seen = time.monotonic(), 0
    with said.open("wb") as log:
        child = subprocess.Popen(
            command(name, device, folder, seconds),
            stdout=log,
            stderr=log,
            cwd=ROOT,
            start_new_session=True,
            env=inherited | limits | where,
        )
        try:
            while child.poll() is None and time.monotonic() - start < seconds + GRACE_S:
                time.sleep(POLL_S)
                if len(rows := read_rows(written)) > seen:
                    seen = len(rows)
                    changed(Outcome(RUNNING, time.monotonic() - start, rows))
        finally:
            late = child.poll() is None
            _end(child)
    taken = time.monotonic() - start
    log = said.read_text("utf-8", errors="replace").strip()[-KEPT_LOG:]
    if late or (taken >= seconds and child.returncode):
        state = STOPPED
    elif child.returncode:
        state = f"failed: {log.splitlines()[-1][:200] if log else f'it crashed with code {child.returncode}'}"
    else:
        state, log = DONE, ""
    return Outcome(state, taken, read_rows(written), log)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and those that it started (a compiler's workers)."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def read_rows(path: Path) -> list[Row]:
    """The whole lines of a section's file, one row each; the last may be half written."""
    if not path.exists():
        return []
    *whole, _ = path.read_text("utf-8").split("\n")
    return [json.loads(line) for line in whole]


def write_section(name: str, device: str, folder: Path, seconds: float) -> None:
    """In the child, which it ends: write every row of a section as soon as it is measured, until its time is over."""
    faulthandler.dump_traceback_later(seconds + GRACE_S / 2, exit=True)
    known: Mapping[str, list[Row]] = {
        other: read_rows(folder / f"{other}.jsonl") for other in SECTIONS if other != name
    }
    setting = Setting(device, folder, time.monotonic() + seconds, known)
    section: Any = importlib.import_module(f"explorer.bench.gpu.{name}")
    with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
        for row in section.rows(setting):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
    os._exit(0)  # all is written: a driver or a compiler that crashes or hangs while it is taken down costs nothing
