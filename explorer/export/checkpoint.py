"""An untrusted checkpoint file → float32 arrays by name, through a child process with limits."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from explorer.errors import ExplorerError
from explorer.trace import Array

MAX_BYTES = 4 << 30
TIME_LIMIT_S = 300


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file (float32, bare names), the plain facts of its wrapper and its SHA-256."""

    weights: dict[str, Array]
    facts: dict[str, Any]
    name: str
    sha256: str


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a .pth, .pth.tar, .pt or .safetensors file of tensors.

    Raises ExplorerError for a missing, empty, truncated, oversized or foreign file and for a pickle that holds
    anything but tensors and plain values; nothing of the file is ever executed.
    """
    if not path.is_file():
        raise ExplorerError(
            f"{path} is not a file: give the path of a checkpoint (.pth, .pth.tar, .pt or .safetensors)."
        )
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ExplorerError(
            f"{path.name} has {size / 1e9:.1f} GB, more than the {MAX_BYTES / 1e9:.1f} GB that are read."
        )
    with tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        target = Path(folder) / "tensors.safetensors"
        answer = _run_reader(path, target)
        if "error" in answer:
            raise ExplorerError(f"{path.name} cannot be imported: {answer['error']}.")
        with safe_open(target, "np") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            facts = json.loads((file.metadata() or {})["facts"])
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ExplorerError(f"{path.name} cannot be imported: its tensor {name} holds values that are not finite.")
    return Checkpoint(weights, facts, path.name, file_sha256(path))


def _run_reader(path: Path, target: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "explorer.export.reader", str(path.resolve()), str(target)]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S, cwd=root, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"reading it took more than {TIME_LIMIT_S} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"error": "reading it failed or needed more memory than a checkpoint of its size should"}
    return json.loads(lines[-1])


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
