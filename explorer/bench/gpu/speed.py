"""ONNX Runtime beside PyTorch, eager and compiled, at batch 1, 16 and 64: every trace point, left on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import torch
from torch import nn

from explorer import runtime, zoo
from explorer.bench.gpu.latency import session
from explorer.bench.gpu.machine import allow_tf32, synchronize
from explorer.bench.gpu.networks import CRATE_B, VIT_S, exported, module_of, pixels
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, time_runs, why
from explorer.card import ModelCard
from explorer.trace import Array, Knobs, Prepared

BATCHES, TINY_BATCHES = (1, 16, 64), (1, 2)
SECONDS = 0.7
QUICK_S, COMPILE_S = 3.0, 25.0
"""Seconds that a measurement is expected to take, and one that compiles."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GRAPH_WAY = "ONNX Runtime, CUDA graph"
ORT_WAYS = (("ONNX Runtime", "fp32"), *((GRAPH_WAY, precision) for precision in ("fp32", "tf32", "fp16", "bf16")))


def rows(setting: Setting) -> Iterator[Row]:
    """CRATE-B/16 in every way, then a ViT-S/16 and the shipped crate-objects as far as the time goes."""
    batches = TINY_BATCHES if setting.tiny else BATCHES
    big, objects = exported(CRATE_B, setting), zoo.find_model(zoo.FIRST_MODEL)
    allow_tf32(False)
    for batch in batches:
        yield from _uncompiled(CRATE_B.label, big, None, batch, setting)
    for batch in batches:
        for precision in ("fp32", "bf16"):
            row: Row = {"model": CRATE_B.label, "batch": batch, "way": "PyTorch compiled", "precision": precision}
            yield row | _timed(lambda b=batch, p=precision: _compiled(big, b, p, setting), batch, COMPILE_S, setting)
    for label, card, stride in (
        (VIT_S.label, exported(VIT_S, setting), None),
        (f"{objects.name}, stride {objects.patch // 2}", objects, objects.patch // 2),
    ):
        for batch in batches[:1] if setting.tiny else batches:
            yield from _uncompiled(label, card, stride, batch, setting)


def _uncompiled(label: str, card: ModelCard, stride: int | None, batch: int, setting: Setting) -> Iterator[Row]:
    image = pixels(card, batch)
    model = runtime.open_model(card, on=runtime.CPU)
    one = runtime.run(model, Prepared(image[:1], None, ""), None, Knobs(stride=stride)).points
    like = {name: np.empty((batch, *array.shape[1:]), array.dtype) for name, array in one.items()}
    for way, precision in ORT_WAYS[:1] if setting.tiny else ORT_WAYS:
        graph = "1" if way == GRAPH_WAY else "0"

        def bound(precision: str = precision, graph: str = graph) -> Callable[[], object]:
            return session(card, image, like, precision, setting, stride, enable_cuda_graph=graph)[0]

        row: Row = {"model": label, "batch": batch, "way": way, "precision": precision}
        yield row | _timed(bound, batch, QUICK_S, setting)
    for precision in DTYPES:
        row = {"model": label, "batch": batch, "way": "PyTorch eager", "precision": precision}
        yield row | _timed(lambda p=precision: _eager(card, image, p, stride, setting), batch, QUICK_S, setting)


def _timed(make: Callable[[], Callable[[], object]], batch: int, needs_s: float, setting: Setting) -> Row:
    """The times of what is made, and photos a second of its median; or why it could not be made or run.

    needs_s: seconds that this is expected to take; where fewer are left it is not begun.
    """
    if setting.left() < needs_s:
        return {"failed": "no time was left"}
    try:
        times = time_runs(make(), SECONDS)
    except PROVIDER_ERRORS as error:
        return {"failed": why(error)}
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return asdict(times) | {"per_second": 1e3 * batch / times.p50_ms}


def _eager(card: ModelCard, image: Array, precision: str, stride: int | None, setting: Setting) -> Callable[[], object]:
    module, tensor = on_device(card, image, precision, setting)

    @torch.inference_mode()
    def run() -> None:
        module(tensor, stride=stride)
        synchronize(setting.device)

    return run


def _compiled(card: ModelCard, batch: int, precision: str, setting: Setting) -> Callable[[], object]:
    """mode reduce-overhead: on a GPU with CUDA graphs, as ONNX Runtime is measured."""
    module, tensor = on_device(card, pixels(card, batch), precision, setting)
    torch.compiler.reset()
    compiled = torch.compile(module, mode="reduce-overhead", dynamic=False)

    @torch.no_grad()
    def run() -> None:
        torch.compiler.cudagraph_mark_step_begin()
        compiled(tensor)
        synchronize(setting.device)

    return run


def on_device(card: ModelCard, image: Array, precision: str, setting: Setting) -> tuple[nn.Module, torch.Tensor]:
    """The torch module of a model, and an image, on the device in a precision."""
    module = module_of(card).to(setting.device, DTYPES[precision])
    return module, torch.from_numpy(image).to(setting.device, DTYPES[precision])
