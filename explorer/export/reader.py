"""The child process that opens an untrusted checkpoint: `python -m explorer.export.reader SOURCE [TARGET [WEIGHTS]]`.

It reads tensors only, runs nothing of the file, under limits of memory and time. TARGET gets the chosen set of weights
as safetensors, float32. One line of JSON on the standard output says {"error": sentence}, or what the file holds (see
`main`). Parents use explorer.export.checkpoint.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from explorer.export.limits import limit_memory
from explorer.export.states import WeightSet, choose, weight_sets
from explorer.export.tensors import NotACheckpointError, Stored, read_safetensors
from explorer.export.unpickle import read_pickled

FOREIGN = {
    b"\x89HDF": "it is an HDF5 file (Keras): load it there, and save its tensors as .safetensors under the names of a "
    "family's released code",
    b"\x93NUMPY": "it is one NumPy array: save all tensors of the state dict as .safetensors",
    b"GGUF": "it is a GGUF file, whose numbers are quantised: give the checkpoint that it was made from",
}
"""Formats of other programs by their first bytes."""
HALF_A_MODEL = (
    'join the parts first, in Python: safetensors.torch.save_file({k: v for part in glob.glob("model-*.safetensors") '
    'for k, v in safetensors.torch.load_file(part).items()}, "whole.safetensors")'
)
PART_OF_MODEL = re.compile(r"-\d{5}-of-\d{5}$")


def main(source: Path, target: Path | None = None, weights: str | None = None) -> dict[str, Any]:
    """Read source, write target, and answer what the parent is told: taken (the set's name), where it stands, left_out
    (names of tensors), facts (of the wrapper), sets (name, family, tensors, numbers, average), unread (classes)."""
    limit_memory(source.stat().st_size)
    try:
        loaded, unread = _read(source)
        sets = weight_sets(loaded)
        taken = choose(sets, weights)
        data = np.memmap(source, np.uint8, "r")
        if target:
            save_file({name: one.read(name, data) for name, one in taken.tensors.items()}, target)
        facts = _facts(loaded, taken, data)
    except NotACheckpointError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "it needs more memory than a checkpoint of its size should"}
    return {
        "taken": taken.name, "where": taken.where, "left_out": list(taken.left_out), "facts": facts,
        "sets": [_described(one) for one in sets], "unread": list(unread),
    }  # fmt: skip


def _described(one: WeightSet) -> dict[str, Any]:
    numbers = sum(tensor.size for tensor in one.tensors.values())
    return {
        "name": one.name, "family": one.family, "tensors": len(one.tensors), "numbers": numbers, "average": one.average,
    }  # fmt: skip


def _read(source: Path) -> tuple[Any, tuple[str, ...]]:
    """The file's object and the classes of which nothing was read."""
    head = source.open("rb").read(16)
    if not head:
        raise NotACheckpointError("the file is empty")
    for start, sentence in FOREIGN.items():
        if head.startswith(start):
            raise NotACheckpointError(sentence)
    if head[:1] == b"{" and b'"weight_map"' in source.read_bytes():
        raise NotACheckpointError(f"it is the index of a model in several files: {HALF_A_MODEL}")
    if source.suffix == ".safetensors" or head[8:9] == b"{":
        found = read_safetensors(source)
        if PART_OF_MODEL.search(source.stem):
            raise NotACheckpointError(f"it is one part of a model in several files: {HALF_A_MODEL}")
        return found, ()
    return read_pickled(source)


def _facts(loaded: dict[Any, Any], taken: WeightSet, data: np.memmap) -> dict[str, Any]:
    """The plain facts of the wrapper (epoch, arch, best accuracy); of a bare state dict there are none."""
    if not taken.path:
        return {}
    facts, level = {}, loaded
    for key in taken.path:
        facts |= _plain(level)
        level = level[key]
    facts["wrapper"] = ".".join(taken.path)
    facts |= _plain(loaded.get("model_args"))  # nanoGPT's sizes, the head count among them
    best = loaded.get("best_acc1")
    if isinstance(best, Stored) and best.size == 1:
        facts["best_acc1"] = best.read("best_acc1", data).item()
    return facts


def _plain(values: Any) -> dict[str, Any]:
    values = values if isinstance(values, dict) else {}
    return {k: v for k, v in values.items() if isinstance(k, str) and isinstance(v, (str, int, float, bool))}


if __name__ == "__main__":
    _source, *_target_and_weights = sys.argv[1:]
    _target, _weights = [*_target_and_weights, None, None][:2]
    print(json.dumps(main(Path(_source), Path(_target) if _target else None, _weights)))
