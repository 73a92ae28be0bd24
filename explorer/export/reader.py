"""The child process that opens an untrusted checkpoint: `python -m explorer.export.reader SOURCE TARGET`.

It reads tensors only (torch's weights_only, never a fallback), under limits of memory and time, and writes them to
TARGET as safetensors with the plain facts of the wrapper in the header. One line of JSON on the standard output says
{"ok": true} or {"error": sentence}. Parents use explorer.export.checkpoint.
"""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from explorer.export.limits import limit_memory

STATE_KEYS = ("state_dict", "model", "model_state_dict", "module")
"""Where wrappers keep the state dict; the released code uses the first two."""
# What torch and its unpickler raise on damaged or foreign files.
DAMAGE = (
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    OSError,
    zipfile.BadZipFile,
    TypeError,
    AttributeError,
    IndexError,
    UnicodeDecodeError,
    ImportError,
)
ALLOWED_PREFIXES = ("module.", "_orig_mod.")


class NotACheckpointError(Exception):
    """The file cannot be read as tensors; the message is the sentence for the user."""


def main(source: Path, target: Path) -> dict[str, Any]:
    """Read source, write target, and answer what the parent is told."""
    limit_memory(source.stat().st_size)
    try:
        state, facts = _state_dict(_read(source))
    except NotACheckpointError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "it needs more memory than a checkpoint of its size should"}
    save_file(state, target, metadata={"facts": json.dumps(facts)})
    return {"ok": True}


def _read(source: Path) -> Any:
    head = source.open("rb").read(16)
    if not head:
        raise NotACheckpointError("the file is empty")
    if source.suffix == ".safetensors" or head[8:9] == b"{":
        try:
            return load_file(source)
        except (SafetensorError, KeyError, ValueError) as error:
            raise NotACheckpointError(f"it is not a whole .safetensors file ({error})") from error
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise NotACheckpointError(_pickle_sentence(str(error))) from error
    except DAMAGE as error:
        raise NotACheckpointError("it is not a whole PyTorch checkpoint or .safetensors file") from error


def _pickle_sentence(message: str) -> str:
    if "Unsupported global" in message or "GLOBAL" in message:
        name = message.split("GLOBAL ", 1)[-1].split(" ", 1)[0] if "GLOBAL " in message else "an object"
        return (
            f"it holds {name}, which is not a tensor and could run code when loaded: "
            "save the state dict alone (torch.save(model.state_dict(), …)) or as .safetensors"
        )
    return "it is not a PyTorch checkpoint of tensors"


def _state_dict(loaded: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors by bare name, and the wrapper's plain facts (epoch, arch, best accuracy)."""
    if not isinstance(loaded, dict):
        raise NotACheckpointError(f"it holds a {type(loaded).__name__}, not a state dict")
    key = next((k for k in STATE_KEYS if isinstance(loaded.get(k), dict)), None)
    state = loaded if key is None else loaded[key]
    facts = (
        {k: v for k, v in loaded.items() if isinstance(k, str) and isinstance(v, (str, int, float, bool))}
        if key
        else {}
    )
    facts |= {"wrapper": key} if key else {}
    arguments = loaded.get("model_args")
    if isinstance(arguments, dict):  # nanoGPT's sizes, the head count among them
        facts |= {k: v for k, v in arguments.items() if isinstance(k, str) and isinstance(v, (str, int, float, bool))}
    best = loaded.get("best_acc1")
    if isinstance(best, torch.Tensor) and best.numel() == 1:
        facts["best_acc1"] = float(best)
    tensors = {_bare(k): v for k, v in state.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}
    if not tensors:
        raise NotACheckpointError(
            f"it holds no tensors (top-level keys: {', '.join(map(str, list(loaded)[:6])) or 'none'})"
        )
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_meta:
            raise NotACheckpointError(
                f"its tensor {name} is sparse, complex or without values: plain numbers were expected"
            )
    return {k: v.detach().to(torch.float32).contiguous().clone() for k, v in tensors.items()}, facts


def _bare(name: str) -> str:
    for prefix in ALLOWED_PREFIXES:
        name = name.removeprefix(prefix)
    return name


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
