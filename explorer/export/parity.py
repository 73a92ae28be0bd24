"""Does the exported graph compute what torch computes? Every output, several sizes or lengths, knobs turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer import runtime
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize
from explorer.trace import Array, Knobs, Prepared

TOLERANCE = 1e-4
"""Largest error of any output, relative to the largest entry of that output where it is above 1."""


@dataclass(frozen=True)
class Case:
    """An input and the stride it is run at (None for text); what: the case in the words of the card."""

    data: Array
    stride: int | None
    what: dict[str, int]


def cases(size: Size | TextSize) -> list[Case]:
    """Pictures: the trained size, and another one that is not square, each at two strides. Texts: one token, and the
    whole context, and a length between."""
    rng = np.random.default_rng(0)
    if isinstance(size, TextSize):
        lengths = sorted({1, 1 + size.context // 3, size.context})
        return [Case(rng.integers(0, size.vocabulary, (2, n)), None, {"tokens": n}) for n in lengths]
    patch, (rows, cols) = size.patch, size.grid
    native, other = (rows * patch, cols * patch), ((rows + 2) * patch, max((cols - 1) * patch, patch))
    return [
        Case(
            rng.standard_normal((2, 3, height, width)).astype(np.float32), stride,
            {"height": height, "width": width, "stride": stride},
        )
        for height, width in (native, other)
        for stride in (patch, max(patch // 2, 1))
    ]  # fmt: skip


def check_parity(
    module: nn.Module, size: Size | TextSize, card: ModelCard, path: Path, report: Callable[[float], None]
) -> dict[str, Any]:
    """Compare an exported model with its torch module; returns what the card records.

    path: the exported file, whose card is given. Raises ExplorerError when an output is off by more than the tolerance.
    """
    model = runtime.open_model(card)
    rng = np.random.default_rng(1)
    worst_abs = worst_rel = 0.0
    todo = cases(size)
    for i, case in enumerate(todo):
        knobs = random_knobs(rng, card, case.stride) if i == len(todo) - 1 else Knobs(stride=case.stride)
        for name, ours, theirs in _outputs(module, model, case.data, knobs):
            error = float(np.abs(ours - theirs).max())
            worst_abs = max(worst_abs, error)
            worst_rel = max(worst_rel, relative := error / max(1.0, float(np.abs(theirs).max())))
            if not relative <= TOLERANCE:
                where = ", ".join(f"{key} {value}" for key, value in case.what.items())
                raise ExplorerError(
                    f"{path.name}: output {name} differs from torch by {error:.2g} at {where}"
                    f" (at most {TOLERANCE:g} is allowed): nothing was installed."
                )
        report((i + 1) / len(todo))
    return {
        "max_abs_error": worst_abs, "max_relative_error": worst_rel, "tolerance": TOLERANCE,
        "cases": [case.what for case in todo],
        "torch": torch.__version__, "onnxruntime": runtime.VERSION, "provider": model.provider,
    }  # fmt: skip


def random_knobs(rng: np.random.Generator, card: ModelCard, stride: int | None) -> Knobs:
    """Gains of heads and, where there is one, the ISTA step, drawn away from what was trained."""
    gain = rng.uniform(0, 2, (card.layers, card.heads)).astype(np.float32)
    if not card.has_ista:
        return Knobs(mssa_gain=gain, stride=stride)
    lam, eta = (rng.uniform(0, 0.2, card.layers).astype(np.float32) for _ in range(2))
    return Knobs(gain, lam, eta, stride)


@torch.inference_mode()
def _outputs(module: nn.Module, model: runtime.Model, data: Array, knobs: Knobs) -> Iterator[tuple[str, Array, Array]]:
    feeds: dict[str, Any] = {name: torch.from_numpy(v) for name, v in knobs.feeds().items() if name != "stride"}
    if knobs.stride is not None:
        feeds["stride"] = knobs.stride
    theirs = module(torch.from_numpy(data), **feeds)
    ours = runtime.run(model, Prepared(data, None, ""), None, knobs).points
    for name, tensor in theirs.items():
        yield name, ours[name], tensor.numpy()
