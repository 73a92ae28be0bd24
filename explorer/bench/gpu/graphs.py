"""Graphs of one input shape, in half precision where asked for, and sessions whose buffers stay on the device.

A CUDA graph records kernels at fixed addresses: ONNX Runtime takes one only where nothing of the model runs on the
CPU. Shapes, windows and positions depend on the input's shape alone, so with a fixed shape they are constants.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from explorer import runtime
from explorer.trace import Array

FLOAT, FLOAT16, BFLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16
Held = tuple[Callable[[], None], Callable[[], dict[str, Array]]]
"""A run that can be repeated, and a function that gives what it wrote."""
KINDS = {"tensor(float)": FLOAT, "tensor(float16)": FLOAT16, "tensor(bfloat16)": BFLOAT16}
HALVES = {"fp16": FLOAT16, "bf16": BFLOAT16}


@lru_cache(maxsize=1)
def fixed(path: Path, shape: tuple[int, ...], stride: int | None, outputs: tuple[str, ...]) -> bytes:
    """An exported model of one input shape, knobs as trained: everything that depends on no pixel is a constant in it.

    stride: None for the patch size. outputs: those that are kept.
    """
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    knobs = {tensor.name: tensor for tensor in graph.initializer}
    if stride is not None:
        knobs["stride"].CopyFrom(numpy_helper.from_array(np.array(stride, np.int64), "stride"))
    (image,) = [one for one in graph.input if one.name not in knobs]
    for dim, value in zip(image.type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = value
    kept = [one for one in graph.output if one.name in outputs]
    del graph.input[:], graph.output[:]
    graph.input.append(image)
    graph.output.extend(kept)
    return folded(model.SerializeToString())


def folded(model: bytes) -> bytes:
    """The same graph with its constants computed: ONNX Runtime's basic optimisations, which change no result."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(model, options, providers=[runtime.CPU])
        return path.read_bytes()


def halved(model: bytes, kind: int, float_outputs: bool = False) -> bytes:
    """A folded graph in FLOAT16 or BFLOAT16: every weight, every step, and the outputs unless they are asked for in
    float32, as the input is.

    ONNX Runtime's own converter (onnxruntime.transformers.float16) knows no bfloat16; this is the same for both.
    """
    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    for tensor in graph.initializer:
        if tensor.data_type == FLOAT:
            half = numpy_helper.to_array(tensor).astype(helper.tensor_dtype_to_np_dtype(kind))
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    cast = [*graph.input, *(graph.output if float_outputs else [])]
    inside = {one.name: f"{one.name}.half" for one in cast}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [inside.get(name, name) for name in names]
    before = [_cast(one.name, inside[one.name], kind) for one in graph.input]
    after = [_cast(inside[one.name], one.name, FLOAT) for one in graph.output if float_outputs]
    for one in graph.output:
        one.type.tensor_type.elem_type = FLOAT if float_outputs else kind
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return proto.SerializeToString()


def _cast(source: str, to: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [to], name=f"cast {to}", to=kind)


def held(model: bytes, feeds: Mapping[str, Array], like: Mapping[str, Array], provider: str, **cuda: str) -> Held:
    """A run that can be repeated with its inputs and outputs where they are on the device, and what it wrote.

    like: arrays of the outputs' shapes. cuda: options of the CUDA provider. Raises ONNX Runtime's errors, also for a
    model that is not computed by that provider.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    first = (provider, {**runtime.CUDA_OPTIONS, **cuda}) if provider == runtime.CUDA else provider
    providers = [first] if provider == runtime.CPU else [first, runtime.CPU]
    session = ort.InferenceSession(model, options, providers=providers, enable_fallback=0)
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"{provider} refused the model")
    device = "cuda" if provider == runtime.CUDA else "cpu"
    binding = session.io_binding()
    read = {name: ort.OrtValue.ortvalue_from_numpy(array, device, 0) for name, array in feeds.items()}
    kinds = {one.name: KINDS[one.type] for one in session.get_outputs()}
    written = {
        name: ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), kinds[name], device, 0)
        for name, array in like.items()
    }
    for name, value in read.items():
        binding.bind_ortvalue_input(name, value)
    for name, value in written.items():
        binding.bind_ortvalue_output(name, value)

    def run(_kept: object = read) -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run, lambda: {name: value.numpy() for name, value in written.items()}
