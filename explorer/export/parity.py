"""Does the exported graph compute what torch computes? Every output, two sizes, two strides, knobs turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer import runtime
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.models.crate import Size
from explorer.trace import Knobs, Prepared

TOLERANCE = 1e-4
"""Largest error of any output, relative to the largest entry of that output where it is above 1."""


def cases(size: Size) -> list[tuple[int, int, int]]:
    """(height, width, stride): the trained size, and another one that is not square, each at two strides."""
    native, patch = size.image_size, size.patch
    other = (native + 2 * patch, max(native - patch, patch))
    return [(*pixels, stride) for pixels in ((native, native), other) for stride in (patch, max(patch // 2, 1))]


def check_parity(
    module: nn.Module, size: Size, card: ModelCard, path: Path, report: Callable[[float], None]
) -> dict[str, Any]:
    """Compare an exported model with its torch module; returns what the card records.

    path: the exported file, whose card is given. Raises ExplorerError when an output is off by more than the tolerance.
    """
    model = runtime.open_model(card)
    rng = np.random.default_rng(0)
    worst_abs = worst_rel = 0.0
    todo = cases(size)
    for i, (height, width, stride) in enumerate(todo):
        image = rng.standard_normal((2, 3, height, width)).astype(np.float32)
        knobs = _random_knobs(rng, card, stride) if i == len(todo) - 1 else Knobs(stride=stride)
        for name, ours, theirs in _outputs(module, model, image, knobs):
            error = float(np.abs(ours - theirs).max())
            worst_abs = max(worst_abs, error)
            worst_rel = max(worst_rel, relative := error / max(1.0, float(np.abs(theirs).max())))
            if not relative <= TOLERANCE:
                raise ExplorerError(
                    f"{path.name}: output {name} differs from torch by {error:.2g} at {height}×{width}, stride {stride}"
                    f" (at most {TOLERANCE:g} is allowed): nothing was installed."
                )
        report((i + 1) / len(todo))
    return {
        "max_abs_error": worst_abs, "max_relative_error": worst_rel, "tolerance": TOLERANCE,
        "cases": [{"height": h, "width": w, "stride": s} for h, w, s in todo],
        "torch": torch.__version__, "onnxruntime": runtime.ort.__version__, "provider": model.provider,
    }  # fmt: skip


def _random_knobs(rng: np.random.Generator, card: ModelCard, stride: int) -> Knobs:
    gain = rng.uniform(0, 2, (card.layers, card.heads)).astype(np.float32)
    if not card.has_ista:
        return Knobs(mssa_gain=gain, stride=stride)
    lam, eta = (rng.uniform(0, 0.2, card.layers).astype(np.float32) for _ in range(2))
    return Knobs(gain, lam, eta, stride)


@torch.inference_mode()
def _outputs(
    module: nn.Module, model: runtime.Model, image: np.ndarray, knobs: Knobs
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    feeds = {name: torch.from_numpy(value) for name, value in knobs.feeds().items() if name != "stride"}
    theirs = module(torch.from_numpy(image), stride=knobs.stride, **feeds)
    ours = runtime.run(model, Prepared(image, None, ""), None, knobs).points
    for name, tensor in theirs.items():
        yield name, ours[name], tensor.numpy()
