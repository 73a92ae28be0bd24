"""Files of a run: checkpoints in the official formats with their cards, the state to go on from, the learning curve."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.training.data import MEAN, STD, Dataset
from explorer.training.recipe import Recipe

ARCH = {"crate": "CRATE", "crate_alpha": "CRATE-alpha", "vit": "ViT"}
LAST = "last.pth.tar"
CURVE = "curve.csv"


@dataclass(frozen=True)
class Row:
    """A line of the learning curve. loss and accuracy (top-1 on what was trained on, as augmented) are means since the
    row before; top1 is that of the averaged weights on validation images, where they were run."""

    step: int
    stage: int
    epoch: float
    seconds: float
    progress: float
    loss: float
    accuracy: float
    lr: float
    images_per_second: float
    top1: float | None = None


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all, also when the machine stops."""
    temporary = path.with_name(f".{path.name}.part")
    write(temporary)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def official(family: str, state: dict[str, Tensor], epoch: float, top1: float | None) -> tuple[dict[str, Any], str]:
    """The content and the ending of a checkpoint as the family's released code writes it."""
    state = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    if family == "crate":
        best = -1.0 if top1 is None else 100 * top1
        return {"epoch": round(epoch), "arch": ARCH[family], "state_dict": state, "best_acc1": best}, ".pth.tar"
    return (state if family == "crate_alpha" else {"model": state, "epoch": round(epoch)}), ".pth"


def write_checkpoint(
    folder: Path,
    name: str,
    recipe: Recipe,
    seen: Sequence[Dataset],
    state: dict[str, Tensor],
    epoch: float,
    top1: float | None,
    init: dict[str, Any],
) -> Path:
    """Write NAME with its card NAME.json beside it, for `crate-explorer import NAME --card NAME.json`.

    seen: the data of every stage so far; the classes are those of the last.
    """
    sources = dict.fromkeys(source for data in seen for source in data.about.get("sources", []))
    licences = dict.fromkeys(data.about["licence"] for data in seen if data.about.get("licence"))
    content, ending = official(recipe.family, state, epoch, top1)
    path = folder / f"{name}{ending}"
    card = {
        "arch": ARCH[recipe.family], "heads": recipe.heads, "patch_size": recipe.patch,
        "image_size": recipe.image_size, "resize": recipe.image_size, "crop": recipe.image_size,
        "mean": list(MEAN), "std": list(STD), "classes": list(seen[-1].classes), "init": init, "run": recipe.name,
        "epoch": round(epoch, 3), "data": ", ".join(sources), "licence": "; ".join(licences), "top1_val": top1,
        "started_from": Path(recipe.start).name if recipe.start else None,
    }  # fmt: skip
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
    path, header = folder / CURVE, [field.name for field in fields(Row)]
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


def append_row(folder: Path, row: Row) -> None:
    """Add a row to the curve's file."""
    values = {name: f"{v:.6g}" if isinstance(v, float) else "" if v is None else v for name, v in asdict(row).items()}
    with (folder / CURVE).open("a", newline="") as file:
        csv.DictWriter(file, list(values)).writerow(values)
