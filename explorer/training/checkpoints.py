"""Files of a run: checkpoints in the official formats with their cards, the state to go on from, the learning curve."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.models.crate_lm import TextSize
from explorer.training.recipe import Recipe
from explorer.training.state import State

LAST = "last.pth.tar"
CURVE = "curve.csv"


@dataclass(frozen=True)
class CurveRow:
    """A line of the learning curve. loss and accuracy (top-1 on what was trained on, as augmented) are means since the
    row before. samples_per_second: pictures, or windows of text. validation: of the averaged weights, where they were
    run on what is held out: top-1 of pictures, nats per token of text."""

    step: int
    stage: int
    epoch: float
    seconds: float
    progress: float
    loss: float
    accuracy: float
    lr: float
    samples_per_second: float
    validation: float | None = None


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all, also when the machine stops."""
    temporary = path.with_name(f".{path.name}.part")
    write(temporary)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def official(recipe: Recipe, state: State, epoch: float) -> tuple[dict[str, Any], str]:
    """The content and the ending of a checkpoint as the family's released code writes it."""
    weights, validation, written = _copies(state.averaged.state_dict()), state.validation, recipe.training
    match written.wrapper:
        case "crate":
            best = -1.0 if validation is None else 100 * validation
            content = {"epoch": round(epoch), "arch": written.arch, "state_dict": weights, "best_acc1": best}
        case "bare":
            content = weights
        case "timm":
            content = {"model": weights, "epoch": round(epoch)}
        case "nanogpt":
            best = 1e9 if validation is None else validation
            arguments = _model_args(cast(TextSize, state.averaged.size))
            content = {"model": weights, "model_args": arguments, "iter_num": state.total, "best_val_loss": best}
    return content, written.ending


def _copies(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, apart from the network; names that share a tensor share its copy."""
    copies = {tensor.data_ptr(): tensor.detach().cpu().clone() for tensor in weights.values()}
    return {name: copies[tensor.data_ptr()] for name, tensor in weights.items()}


def _model_args(size: TextSize) -> dict[str, Any]:
    """A language model's sizes as nanoGPT names them, which the released code is built on."""
    return {
        "n_layer": size.layers, "n_head": size.heads, "n_embd": size.dim, "block_size": size.context,
        "bias": True, "vocab_size": size.vocabulary, "dropout": 0.0,
    }  # fmt: skip


def write_checkpoint(folder: Path, name: str, recipe: Recipe, state: State, card: dict[str, Any]) -> Path:
    """Write NAME with its card NAME.json beside it, for `crate-explorer import NAME --card NAME.json`.

    card: what it says beside the family and the recipe.
    """
    content, ending = official(recipe, state, card["epoch"])
    path = folder / f"{name}{ending}"
    card = {"arch": recipe.training.arch, "heads": recipe.heads, "run": recipe.name, **card}
    text = json.dumps(card, ensure_ascii=False, indent=1) + "\n"
    write_atomically(folder / f"{name}.json", lambda file: file.write_text(text, "utf-8"))
    write_atomically(path, lambda file: torch.save(content, file))
    return path


def write_last(folder: Path, values: dict[str, Any]) -> None:
    """Write what the run goes on from."""
    write_atomically(folder / LAST, lambda file: torch.save(values, file))


def read_last(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """What the run goes on from, None at its start. Raises ExplorerError for a run of something else."""
    if not (folder / LAST).exists():
        return None
    values = torch.load(folder / LAST, map_location="cpu", weights_only=True)
    if values.get("fingerprint") != fingerprint:
        raise ExplorerError(
            f"{folder} holds a run of another recipe, data, start or time limit: choose another --out, or remove it."
        )
    return values


def cut_curve(folder: Path, step: int) -> None:
    """Start the curve's file, or drop its rows after a step, which will be run again."""
    path, header = folder / CURVE, [field.name for field in fields(CurveRow)]
    kept = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if None not in row.values() and int(row["step"]) <= step]

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, header)
            writer.writeheader()
            writer.writerows(kept)

    write_atomically(path, write)


def append_row(folder: Path, row: CurveRow) -> None:
    """Add a row to the curve's file."""
    values = {name: f"{v:.6g}" if isinstance(v, float) else "" if v is None else v for name, v in asdict(row).items()}
    with (folder / CURVE).open("a", newline="") as file:
        csv.DictWriter(file, list(values)).writerow(values)
