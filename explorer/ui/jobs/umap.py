"""UMAP beside the app: one child process that stays warm, jobs one after the other, with progress and cancel.

The child is started when it is first needed, started again if it dies, and ends with the app.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from explorer.trace import Array, read_only

CANCELLED = "UMAP was cancelled."
DIED = "The UMAP process ended before it was done (it may have run out of memory): try fewer tokens, or try again."
MAX_JOBS = 96
"""Jobs whose results are kept; the oldest leave."""
ROOT = Path(__file__).parents[3]
EXCEPTION = re.compile(r"[\w.]*(Error|Exception)\b")
"""How the last line of a traceback begins."""
CACHE_VARIABLE = "NUMBA_CACHE_DIR"
KEPT_LINES, MOST_SAID = 20, 200
"""Lines that are kept of what the child last wrote to its standard error, and characters that are shown of one."""


def compiler_cache() -> dict[str, str]:
    """Where Numba keeps what it compiled, as environment variables: where it would by itself if it can write there,
    else the first folder of ours that it can, so that UMAP runs in an installation that is read-only."""
    spec = importlib.util.find_spec("umap")
    own = list(spec.submodule_search_locations or ()) if spec else []
    if CACHE_VARIABLE in os.environ or all(os.access(folder, os.W_OK) for folder in own):
        return {}
    for parent in (Path.home() / ".cache", Path(tempfile.gettempdir())):
        folder = parent / "crate-explorer-numba"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return {CACHE_VARIABLE: str(folder)}
    return {}


def _keep_lines(stream: IO[bytes], kept: deque[str]) -> None:
    """Read a stream to its end, and keep its last lines."""
    for line in stream:
        kept.append(line.decode(errors="replace"))


@dataclass(frozen=True)
class UmapOptions:
    """What shapes a UMAP beside the tokens. min_dist: how close neighbours may lie, in units of the picture."""

    components: int = 2
    neighbors: int = 15
    min_dist: float = 0.1
    metric: str = "cosine"
    seed: int = 0


@dataclass
class UmapJob:
    """A waiting, running or ended UMAP. share: of its epochs, 0 to 1; error: a sentence; coordinates: (N,c)."""

    number: int
    options: UmapOptions
    vectors: Array | None
    share: float = 0.0
    started: bool = False
    error: str | None = None
    coordinates: Array | None = None

    @property
    def running(self) -> bool:
        return self.error is None and self.coordinates is None


@dataclass
class UmapService:
    """The one child process and everything that was asked of it; shared by all sessions."""

    command: tuple[str, ...] = (sys.executable, "-m", "explorer.ui.jobs.umap_worker")
    ready: bool = False
    _jobs: OrderedDict[str, UmapJob] = field(default_factory=OrderedDict)
    _waiting: queue.Queue[UmapJob] = field(default_factory=queue.Queue)
    _process: subprocess.Popen[bytes] | None = None
    _listener: threading.Thread | None = None
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _thread: threading.Thread | None = None
    _number: int = 0
    _stopped: bool = False

    def start(self) -> None:
        """Have the child running, so that it is warm when it is needed; returns at once."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._launch()
            if self._thread is None:
                atexit.register(self.stop)
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def find(self, key: str) -> UmapJob | None:
        """The job of that key, whoever asked for it; None if it is not kept."""
        with self._lock:
            return self._jobs.get(key)

    def submit(self, key: str, vectors: Array, options: UmapOptions) -> UmapJob:
        """The job of that key: the one that runs or is done already, or a new one. key names vectors and options."""
        self.start()
        with self._lock:
            known = self._jobs.get(key)
            if known is not None and known.error is None:
                self._jobs.move_to_end(key)
                return known
            self._number += 1
            job = UmapJob(self._number, options, np.ascontiguousarray(vectors, np.float32))
            self._jobs[key] = job
            while len(self._jobs) > MAX_JOBS:
                self._jobs.popitem(last=False)[1].error = CANCELLED
            self._waiting.put(job)
            return job

    def cancel(self, job: UmapJob) -> None:
        """Give a job up; the child stops at its next epoch and stays warm."""
        with self._lock:
            if not job.running:
                return
            job.error = CANCELLED
            if job.started:
                with contextlib.suppress(BrokenPipeError):  # it ended this very moment
                    self._send({"cancel": job.number})

    def stop(self) -> None:
        """End the child for good: what still waits is not run."""
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _launch(self) -> None:
        one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self.ready, self._errors = False, deque(maxlen=KEPT_LINES)
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
            env={**os.environ, **one, "PYTHONWARNINGS": "ignore", **compiler_cache()},
        )  # fmt: skip
        self._listener = threading.Thread(target=_keep_lines, args=(self._process.stderr, self._errors), daemon=True)
        self._listener.start()

    def _work(self) -> None:
        while True:
            job = self._waiting.get()
            if self._stopped:
                return
            if job.running:
                try:
                    self._run(job)
                except (BrokenPipeError, EOFError):
                    job.error = job.error or self._last_words()
            job.vectors = None

    def _last_words(self) -> str:
        """Why the child has ended, as far as it said so."""
        if self._listener is not None:
            self._listener.join(timeout=1)
        said = [line.strip() for line in self._errors if EXCEPTION.match(line)]
        return f"{DIED} It said: {said[-1][:MOST_SAID]}" if said else DIED

    def _run(self, job: UmapJob) -> None:
        assert job.vectors is not None
        with self._lock:
            self.start()
            process, job.started = self._process, True
        assert process is not None
        assert process.stdout is not None
        rows, columns = job.vectors.shape
        self._send({"id": job.number, "rows": rows, "columns": columns, **vars(job.options)}, job.vectors.tobytes())
        while True:
            line = process.stdout.readline()
            if not line:
                raise EOFError
            answer: dict[str, Any] = json.loads(line)
            self.ready = True  # whatever it says, it has warmed up
            if answer.get("id") != job.number:
                continue
            job.share = answer.get("share", job.share)
            if "bytes" in answer:
                content = process.stdout.read(answer["bytes"])
                if len(content) < answer["bytes"]:
                    raise EOFError
                if job.running:
                    shape = rows, job.options.components
                    job.coordinates = read_only(np.frombuffer(content, np.float32).reshape(shape).copy())
                return
            if "error" in answer or "cancelled" in answer:
                job.error = job.error or f"{answer.get('error', CANCELLED)}"
                return

    def _send(self, header: dict[str, Any], content: bytes = b"") -> None:
        """One write at a time: a cancellation must not stand in the middle of a request."""
        with self._lock:
            process = self._process
            assert process is not None
            assert process.stdin is not None
            process.stdin.write(json.dumps(header).encode() + b"\n" + content)
            process.stdin.flush()
