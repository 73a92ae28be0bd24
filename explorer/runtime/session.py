"""One open session for each model, on the GPU where there is one and its memory holds the model."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import onnxruntime as ort

from explorer.card import ModelCard
from explorer.code_gain import add_code_gain
from explorer.errors import ExplorerError
from explorer.processors import usable_processors
from explorer.runtime import providers
from explorer.runtime.providers import CPU, CUDA, SESSION_ERRORS
from explorer.trace import Array

CUDA_OPTIONS = {"use_tf32": "0"}
"""TensorFloat-32 keeps 10 bits of each factor: results would differ from the CPU's by a thousandth and more."""
OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate memory|smaller than requested bytes|ALLOC(ATION)?_FAILED", re.IGNORECASE
)
"""How CUDA, cuBLAS, cuDNN and ONNX Runtime's arena say that the GPU's memory does not suffice."""


@dataclass(frozen=True)
class Model:
    """An open model: its card, the session, the provider really in use and why.

    note: where it runs, in a sentence, if the GPU should have and could not; else empty. on_cpu: opens the same on the
    CPU, once; None where that is where it runs.
    """

    card: ModelCard
    session: ort.InferenceSession
    provider: str
    reason: str
    note: str = ""
    on_cpu: Callable[[], Model] | None = None


def open_model(
    card: ModelCard,
    weights: Mapping[str, Array] | None = None,
    code_gain: bool = False,
    on: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Model:
    """Open a session. weights: tensors that replace the file's own (the random-init control). code_gain: with the knob
    of that name, which multiplies the codes. on: CPU or CUDA, by default what provider() chose. options: of the CUDA
    provider, beside and above CUDA_OPTIONS.

    A model that the GPU's memory does not hold is opened on the CPU, and says so. Raises ExplorerError when ONNX
    Runtime refuses the file, or for the gain of codes that a model does not have.
    """
    if code_gain and not card.codes_dim:
        raise ExplorerError(f"{card.name} has no codes to turn: its dictionary is square.")
    wanted, reason = providers.provider() if on is None else (on, f"{'CUDA GPU' if on == CUDA else 'CPU'}, as asked")
    try:
        session = _session(card, weights or {}, code_gain, wanted, {**CUDA_OPTIONS, **(options or {})})
        why = f"{wanted} refused this model"
    except MemoryError:
        session, why = _session(card, weights or {}, code_gain, CPU, {}), "the GPU's memory does not hold this model"
    used = session.get_providers()[0]
    if used != wanted:
        return Model(card, session, used, f"CPU: {why}", f"{card.name} runs on the CPU: {why}.")
    twin = cache(lambda: open_model(card, weights, code_gain, CPU))
    return Model(card, session, used, reason, on_cpu=twin if used == CUDA else None)


def _session(
    card: ModelCard, weights: Mapping[str, Array], code_gain: bool, wanted: str, cuda: dict[str, str]
) -> ort.InferenceSession:
    """A session on a provider. Raises MemoryError where the GPU has too little, else ExplorerError as open_model."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # same speed, and the memory of a large run goes back
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the browser
    if (usable := usable_processors()) < (os.cpu_count() or 1):
        options.intra_op_num_threads = usable  # pinned, or in a container: ONNX Runtime would take the whole machine's
    providers: list[Any] = [CPU] if wanted == CPU else [(wanted, cuda if wanted == CUDA else {}), CPU]
    try:
        source = changed(card, weights, code_gain) if weights or code_gain else card.path
        return ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
    except SESSION_ERRORS as error:
        if wanted == CUDA and OUT_OF_MEMORY.search(str(error)):
            raise MemoryError from error
        detail = str(error).splitlines()[0][:160]
        raise ExplorerError(f"ONNX Runtime cannot open {card.path.name}: {detail}") from error


def changed(card: ModelCard, weights: Mapping[str, Array], code_gain: bool) -> bytes:
    """The model file with some tensors replaced. (SessionOptions.add_initializer borrows memory that nobody keeps.)"""
    import onnx

    model = onnx.load(card.path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights[tensor.name], tensor.name))
    if code_gain:
        add_code_gain(model.graph, card.layers, card.codes_dim)
    return model.SerializeToString()
