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
class WeightChoice:
    """One set of weights that a file holds: its name for --weights, its family's label (None: unknown), how many
    tensors and numbers, and whether it is a running average of the plain weights."""

    name: str
    family: str | None
    tensors: int
    numbers: int
    average: bool


@dataclass(frozen=True)
class Contents:
    """What a file holds: its sets of weights in the order in which they are taken, and of the first one the tensors of
    training heads that are left out; the plain facts of its wrapper, and the classes of which nothing is read."""

    sets: tuple[WeightChoice, ...]
    left_out: tuple[str, ...]
    facts: dict[str, Any]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one set of weights (float32, bare names), the plain facts of its wrapper and the file's SHA-256.

    taken: the set's name; others: those of the sets beside it, averages named as such; left_out: tensors of a training
    head; where: the set's place in words.
    """

    weights: dict[str, Array]
    facts: dict[str, Any]
    name: str
    sha256: str
    taken: str = "plain"
    others: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    where: str = ""


def read_checkpoint(path: Path, weights: str | None = None) -> Checkpoint:
    """Read a .pth, .pth.tar, .pt or .safetensors file of tensors.

    weights: of a file with several sets, which one (ema, teacher, or a name that `read_contents` gives); by default the
    plain one. Raises ExplorerError for a missing, empty, truncated, oversized or foreign file; nothing of the file is
    ever executed, and objects that are no tensors are not read.
    """
    with tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        target = Path(folder) / "tensors.safetensors"
        answer = _answer(path, target, weights)
        with safe_open(target, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ExplorerError(f"{path.name} cannot be imported: its tensor {name} holds values that are not finite.")
    others = tuple(
        f"{one['name']} (an average)" if one["average"] else one["name"]
        for one in answer["sets"]
        if one["name"] != answer["taken"]
    )
    return Checkpoint(
        arrays, answer["facts"], path.name, file_sha256(path), answer["taken"], others, tuple(answer["left_out"]),
        answer["where"],
    )  # fmt: skip


def read_contents(path: Path) -> Contents:
    """What a checkpoint holds, without reading its numbers. Raises ExplorerError as `read_checkpoint` does."""
    answer = _answer(path)
    sets = tuple(WeightChoice(**one) for one in answer["sets"])
    return Contents(sets, tuple(answer["left_out"]), answer["facts"], tuple(answer["unread"]))


def _answer(path: Path, target: Path | None = None, weights: str | None = None) -> dict[str, Any]:
    if not path.is_file():
        raise ExplorerError(
            f"{path} is not a file: give the path of a checkpoint (.pth, .pth.tar, .pt or .safetensors)."
        )
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ExplorerError(
            f"{path.name} has {size / 1e9:.1f} GB, more than the {MAX_BYTES / 1e9:.1f} GB that are read."
        )
    answer = _run_reader(path, target, weights)
    if "error" in answer:
        raise ExplorerError(f"{path.name} cannot be imported: {answer['error']}.")
    return answer


def _run_reader(path: Path, target: Path | None, weights: str | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "explorer.export.reader", str(path.resolve())]
    command += [str(target), *([weights] if weights else [])] if target else []
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
