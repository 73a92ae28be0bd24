"""What tracing costs: traced ONNX against plain ONNX against eager PyTorch with hooks, in one run, and what share of
the machine's own matrix product rate each of them reaches."""

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
from explorer.processors import usable_processors
from explorer.trace import Array, Knobs, Prepared

ROUNDS = 9
PRODUCT_SIDE = 1024
"""Rows and columns of the square float32 product whose rate is the machine's."""


@dataclass(frozen=True)
class Timing:
    """One way to run the model: median and fastest round in milliseconds, its ratio to the plain ONNX run, and the
    share of the machine's product rate at which it does the operations that the network needs at least."""

    name: str
    median_ms: float
    fastest_ms: float
    ratio: float
    share: float


@dataclass(frozen=True)
class Bench:
    """All timings of one setting; tokens counts those in front of the patches.

    operations: floating-point operations of the layers' products, two for each multiply-add (runtime.estimate); norms,
    softmax, embedding and head are not counted. product_ms: median of one float32 product of PRODUCT_SIDE² matrices in
    PyTorch on the same threads, taken in turn with the ways; product_gflops: the rate that this is, in 10⁹ operations a
    second.
    """

    stride: int
    tokens: int
    provider: str
    threads: int
    operations: float
    product_ms: float
    product_gflops: float
    timings: tuple[Timing, ...]


def bench(card: ModelCard, size: int | None = None, stride: int | None = None, rounds: int = ROUNDS) -> Bench:
    """Time one photo-sized input in turn (plain, traced, eager, a square product, plain, …), so that drift hits all
    alike.

    plain: logits only. traced: every trace point, copied to NumPy. eager: the torch module with hooks that copy
    z, z_half and the projections of every layer to NumPy. PyTorch gets as many threads as ONNX Runtime.
    """
    side, stride = size or card.image_size, stride or card.patch
    image = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32)
    model, prepared, knobs = runtime.open_model(card), Prepared(image, None, ""), Knobs(stride=stride)
    ways: dict[str, Callable[[], object]] = {
        "ONNX Runtime, plain": lambda: runtime.run(model, prepared, [], knobs).points[card.answer],
        "ONNX Runtime, traced": lambda: dict(runtime.run(model, prepared, None, knobs).points),
        "PyTorch eager, hooks": _eager(card, image, stride),
    }
    timed, threads = {**ways, "product": _product()}, usable_processors()
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for i in range(rounds + 2):  # two rounds to warm up
            for name, way in timed.items():
                start = time.perf_counter()
                way()
                if i >= 2:
                    seconds[name].append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    medians = {name: float(np.median(s)) for name, s in seconds.items()}
    cost = runtime.estimate(card, 1, side, side, stride)
    operations, rate = 2 * cost.operations, 2 * PRODUCT_SIDE**3 / medians["product"]
    timings = tuple(
        Timing(
            name, 1e3 * medians[name], 1e3 * min(seconds[name]),
            medians[name] / medians["ONNX Runtime, plain"], operations / medians[name] / rate,
        )
        for name in ways
    )  # fmt: skip
    return Bench(
        stride, cost.tokens, model.provider, threads, operations, 1e3 * medians["product"], rate / 1e9, timings
    )


def _product() -> Callable[[], object]:
    """One square matrix product into memory that is there already."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, PRODUCT_SIDE, PRODUCT_SIDE, generator=generator)
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


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
