"""What tracing costs: traced ONNX against plain ONNX against eager PyTorch with hooks, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.export.identify import identify, network, said_by
from explorer.trace import Array, Knobs, Prepared, patch_grid

ROUNDS = 9


@dataclass(frozen=True)
class Timing:
    """One way to run the model: median and fastest round in milliseconds, and its ratio to the plain ONNX run."""

    name: str
    median_ms: float
    fastest_ms: float
    ratio: float


@dataclass(frozen=True)
class Bench:
    """All timings of one setting; tokens counts those in front of the patches."""

    stride: int
    tokens: int
    provider: str
    timings: tuple[Timing, ...]


def bench(card: ModelCard, size: int | None = None, stride: int | None = None, rounds: int = ROUNDS) -> Bench:
    """Time one photo-sized input in turn (plain, traced, eager, plain, …), so that drift hits all alike.

    plain: logits only. traced: every trace point, copied to NumPy. eager: the torch module with hooks that copy
    z, z_half and the projections of every layer to NumPy.
    """
    side, stride = size or card.image_size, stride or card.patch
    image = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32)
    model, prepared, knobs = runtime.open_model(card), Prepared(image, None, ""), Knobs(stride=stride)
    ways: dict[str, Callable[[], object]] = {
        "ONNX Runtime, plain": lambda: runtime.run(model, prepared, [], knobs).points[card.answer],
        "ONNX Runtime, traced": lambda: dict(runtime.run(model, prepared, None, knobs).points),
        "PyTorch eager, hooks": _eager(card, image, stride),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(rounds + 2):  # two rounds to warm up
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if i >= 2:
                seconds[name].append(time.perf_counter() - start)
    plain = float(np.median(seconds["ONNX Runtime, plain"]))
    timings = tuple(
        Timing(name, 1e3 * float(np.median(s)), 1e3 * min(s), float(np.median(s)) / plain)
        for name, s in seconds.items()
    )
    rows, cols = patch_grid(side, side, card.patch, stride)
    return Bench(stride, len(card.prefix) + rows * cols, model.provider, timings)


def _eager(card: ModelCard, image: Array, stride: int) -> Callable[[], object]:
    """The torch module with the model's own weights; hooks at the norms and projections copy what they see."""
    weights = zoo.load_weights(card, card.init)
    module = network(card.traits, identify(weights, card.heads, said=said_by(card)).size).eval()
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    kept: list[Array] = []

    def keep_input(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        kept.append(inputs[0].numpy().copy())

    def keep_output(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        kept.append(output.numpy().copy())

    projection = card.weights["subspaces" if card.has_subspaces else "qkv"].removesuffix(".weight")
    for layer in range(card.layers):
        for norm in (card.weights["mssa_norm"], card.weights["ista_norm"]):
            module.get_submodule(norm.format(l=layer)).register_forward_pre_hook(keep_input)
        module.get_submodule(projection.format(l=layer)).register_forward_hook(keep_output)
    tensor = torch.from_numpy(image)

    @torch.inference_mode()
    def run() -> Array:
        kept.clear()
        return module(tensor, stride=stride)[card.answer].numpy()

    return run
