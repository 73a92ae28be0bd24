"""Which provider of ONNX Runtime this machine runs on: chosen once, after a trial of our operators."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state  # pyright: ignore[reportAttributeAccessIssue] (compiled)

from explorer.processors import NO_DRIVER, gpu_problem

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PROVIDER_VARIABLE = "CRATE_EXPLORER_PROVIDER"
VERSION = str(ort.__version__)
UNUSABLE = "CPU: CUDA is not usable here"
TRIAL_TOLERANCE = 0.05
"""Of numbers around 3: TensorFloat-32 rounds to 11 bits, wrong kernels are off by far more."""
# ONNX Runtime's exceptions share no base class below Exception.
_ORT_ERRORS = tuple(e for e in vars(ort_state).values() if isinstance(e, type) and issubclass(e, Exception))
SESSION_ERRORS = (RuntimeError, OSError, *_ORT_ERRORS)
"""What ONNX Runtime raises where it cannot open or run a model."""


def choose_provider(available: Iterable[str], wanted: str | None, cuda_problem: str | None) -> tuple[str, str]:
    """(provider, reason). Pure: available providers of the package, the user's wish, what a CUDA trial said.

    wanted: "cpu", "cuda" or None for the best. cuda_problem: None when a CUDA session could be opened.
    """
    if wanted == "cpu":
        return CPU, f"CPU, as {PROVIDER_VARIABLE}=cpu asks"
    if CUDA not in available:
        return CPU, "CPU: the installed ONNX Runtime has no CUDA support"
    if cuda_problem:
        return CPU, f"{UNUSABLE} ({cuda_problem})"
    return CUDA, "CUDA GPU"


@cache
def provider() -> tuple[str, str]:
    """The provider of this machine and the reason, found once by a trial session."""
    wanted = (os.environ.get(PROVIDER_VARIABLE) or "").lower() or None
    available = ort.get_available_providers()
    problem = _cuda_problem() if CUDA in available and wanted != "cpu" else None
    return choose_provider(available, wanted, problem)


def leaves_gpu_unused() -> bool:
    """Whether there is a GPU, and ONNX Runtime could not use it though nobody asked for the CPU."""
    reason = provider()[1]
    return reason.startswith(UNUSABLE) and NO_DRIVER not in reason


def _cuda_problem() -> str | None:
    """Why CUDA cannot be used, or None; ONNX Runtime itself falls back silently."""
    if problem := gpu_problem():
        return problem
    ort.set_default_logger_severity(4)  # the trial's failure is reported by its reason, not by log lines
    try:
        ort.preload_dlls()
        return trial_problem(CUDA)
    except SESSION_ERRORS as error:
        return str(error).splitlines()[0][:160]
    finally:
        ort.set_default_logger_severity(2)


def trial_problem(provider: str) -> str | None:
    """Why the operators of our graphs cannot run on a provider, or None: one layer's run, compared with the CPU's."""
    data = np.random.default_rng(0).standard_normal((1, 5, 8), dtype=np.float32)
    session = ort.InferenceSession(_trial_model(), providers=list(dict.fromkeys([provider, CPU])))
    if session.get_providers()[0] != provider:
        return "its libraries (CUDA, cuDNN) were not found"
    ours, cpu = (
        one.run(None, {"x": data})[0] for one in (session, ort.InferenceSession(_trial_model(), providers=[CPU]))
    )
    off = float(np.abs(np.asarray(ours) - np.asarray(cpu)).max())
    return None if off < TRIAL_TOLERANCE else f"a trial layer differs from the CPU's by {off:.1g}"


def _trial_model() -> bytes:
    """LayerNorm, attention with query = key = value, a product and a threshold, as in every CRATE graph."""
    from onnx import TensorProto, helper, numpy_helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 5, 8]) for name in "xy")
    square = np.random.default_rng(1).standard_normal((8, 8), dtype=np.float32)
    weights = {"scale": np.ones(8, np.float32), "square": square}
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale"], ["normed"], axis=-1),
        helper.make_node("MultiHeadAttention", ["normed"] * 3, ["mixed"], domain="com.microsoft", num_heads=2),
        helper.make_node("MatMul", ["mixed", "square"], ["stepped"]),
        helper.make_node("Relu", ["stepped"], ["y"]),
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "trial", [x], [y], initializers)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
