"""Importing a checkpoint beside the app: the command line in a child process, with its progress, and a way to stop it.

The app itself never imports torch, and a hostile or huge file can only end the child.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakSet

from explorer import zoo
from explorer.errors import ExplorerError
from explorer.hub import COMPANIONS
from explorer.zoo import DEFAULT_DIRECTORY

CANCELLED = "Import cancelled."
MAX_IMPORTS = 2
"""At once, over all sessions: each may take a few GB of memory."""


@dataclass(eq=False)
class ImportJob:
    """A running or ended import. share: 0 to 1; error: the sentence for the user; installed: the model's name."""

    label: str
    step: str = "Starting"
    share: float = 0.0
    error: str | None = None
    installed: str | None = None
    _process: subprocess.Popen[str] | None = None
    _folder: Path | None = None
    _file_name: str = ""
    _errors: list[str] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.error is None and self.installed is None

    def cancel(self) -> None:
        """Stop the child; what it had not finished is not installed."""
        if not self.running:
            return
        self.error = CANCELLED
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended this very moment
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGTERM)  # its own children too
                else:
                    self._process.terminate()


@dataclass(frozen=True)
class Upload:
    """A checkpoint's file name and bytes. beside: its companions (hub.COMPANIONS) by name, such as tokenizer.json."""

    name: str
    data: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)


_started: WeakSet[ImportJob] = WeakSet()
_looking = threading.BoundedSemaphore(MAX_IMPORTS)
"""So many files are looked into at once; others wait."""


def start_import(
    source: str | Upload,
    name: str | None,
    heads: int | None,
    card: bytes | None = None,
    replace: bool = True,
    weights: str | None = None,
) -> ImportJob:
    """Import a path, a hub reference or an upload in a child process; returns at once. replace: whether a model of that
    name may go. weights: of a file with several sets, which one. Raises ExplorerError while MAX_IMPORTS others run."""
    if sum(job.running for job in list(_started)) >= MAX_IMPORTS:
        raise ExplorerError(f"{MAX_IMPORTS} imports are running: start yours when one of them has ended.")
    folder = Path(tempfile.mkdtemp(prefix="crate-explorer-"))
    if isinstance(source, Upload):
        target = folder / _safe_name(source.name)
        target.write_bytes(source.data)
        for companion in set(source.beside) & set(COMPANIONS):
            (folder / companion).write_bytes(source.beside[companion])
        label, argument, name = Path(source.name).name, str(target), name or zoo.suggest_name(source.name)
    else:
        label = argument = source
    command = [sys.executable, "-m", "explorer.cli", "import", "--progress-json"]
    command += ["--name", name] if name else []
    command += ["--heads", str(heads)] if heads else []
    command += [] if replace else ["--no-replace"]
    command += ["--weights", weights] if weights else []
    if card is not None:
        (folder / "card.json").write_bytes(card)
        command += ["--card", str(folder / "card.json")]
    process = subprocess.Popen(
        [*command, "--", argument], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        cwd=DEFAULT_DIRECTORY.parent, env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)},
    )  # fmt: skip
    job = ImportJob(label, _process=process, _folder=folder, _file_name=Path(argument).name)
    _started.add(job)
    threading.Thread(target=_follow, args=(job,), daemon=True).start()
    return job


def look_inside(source: str | Upload) -> list[dict[str, Any]]:
    """The sets of weights that a checkpoint holds, as `crate-explorer inspect --json` lists them, by a child process.

    Raises ExplorerError with its sentence where the file cannot be read.
    """
    with _looking, tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        path = Path(source if isinstance(source, str) else f"{folder}/{_safe_name(source.name)}")
        if isinstance(source, Upload):
            path.write_bytes(source.data)
        command = [sys.executable, "-m", "explorer.cli", "inspect", "--json", "--", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=DEFAULT_DIRECTORY.parent, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it could not be read"])[-1]
        label = path.name if isinstance(source, str) else Path(source.name).name
        raise ExplorerError(last.removeprefix("error: ").replace(path.name, label))
    return json.loads(done.stdout)["sets"]


def _safe_name(upload: str) -> str:
    """A file name of our own for an upload: only its last suffix, if that is a known one, and whether it is one part of
    several (-00001-of-00002), come from the user."""
    suffix = Path(upload).suffix.lower()
    part = found[0] if (found := re.search(r"-\d{5}-of-\d{5}$", Path(upload).stem)) else ""
    return f"upload{part}{suffix}" if suffix in (".onnx", ".safetensors") else "upload.pth"


def _follow(job: ImportJob) -> None:
    process = job._process
    assert process
    assert process.stdout
    assert process.stderr
    errors = threading.Thread(target=lambda: job._errors.extend(process.stderr or []), daemon=True)
    errors.start()
    installed = None
    for line in process.stdout:
        message = json.loads(line)
        installed = message.get("installed", installed)
        job.step, job.share = message.get("step", job.step), message.get("share", job.share)
    code = process.wait()
    errors.join()
    if job.error is None and (code or not installed):
        last = (job._errors or ["the import process ended without a word"])[-1].strip()
        job.error = last.removeprefix("error: ").replace(job._file_name, job.label)
    if job.error is None:
        job.installed = installed
    if job._folder:
        shutil.rmtree(job._folder, ignore_errors=True)
