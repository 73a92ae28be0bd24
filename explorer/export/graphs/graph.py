"""A small writer of ONNX graphs: operators by name, weights under the names and in the layout of the checkpoint.

Written by hand and not by torch.onnx because a trace is more than a network: every weight keeps its name and its
orientation (so that U and D can be read back, compared and re-drawn for the random-init control) and is stored once;
the knobs are overridable initializers; and attention is one fused operator. torch.onnx renamed and transposed the
weights, stored D twice and took 9 s for a single layer. The parity check against torch guards every graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from explorer.trace import Array

OPSET = 20
IR_VERSION = 10
MICROSOFT = "com.microsoft"

Dims = Sequence[int | str]


class Graph:
    """Collects nodes, weights, inputs and outputs; every method returns the name of a value."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def op(self, kind: str, *inputs: str, to: str | None = None, domain: str = "", **attributes) -> str:
        """Append an operator with one result; `to` names the result (a trace point), otherwise it gets a number."""
        name = to or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def weight(self, name: str) -> str:
        """A tensor of the checkpoint, unchanged. Raises KeyError if it has none of that name."""
        if name not in self._initializers:
            array = np.ascontiguousarray(self._weights[name], np.float32)
            self._initializers[name] = numpy_helper.from_array(array, name)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the checkpoint."""
        return self._weights[name].shape

    def vector(self, *values: int) -> str:
        """A constant int64 vector."""
        return self._constant("i_" + "_".join(map(str, values)).replace("-", "m"), np.array(values, np.int64))

    def scalar(self, value: int) -> str:
        """A constant int64 scalar."""
        return self._constant(f"s_{value}".replace("-", "m"), np.array(value, np.int64))

    def number(self, name: str, value: float, kind: type[np.floating] = np.float32) -> str:
        """A constant float scalar."""
        return self._constant(name, np.array(value, kind))

    def table(self, name: str, values: Array) -> str:
        """A constant float array that is no weight."""
        return self._constant(name, np.ascontiguousarray(values, np.float32))

    def _constant(self, name: str, array: Array) -> str:
        self._initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def input(self, name: str, dims: Dims, kind: int = TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, dims))
        return name

    def knob(self, name: str, default: Array, dims: Dims) -> str:
        """An input that falls back to its default: an initializer and an input of the same name."""
        kind = TensorProto.INT64 if default.dtype == np.int64 else TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, dims))
        return self._constant(name, default)

    def output(self, name: str, dims: Dims) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))

    def linear(self, x: str, weight: str, bias: str | None = None, to: str | None = None, scale: str = "") -> str:
        """x Wᵀ + b with W (out,in) as torch stores it, each of the outputs times a learned scale if there is one.
        Transpose and scale are folded into constants when a session opens."""
        turned = self.op("Transpose", self.weight(weight), perm=[1, 0])
        shift = self.weight(bias) if bias else None
        if scale:
            turned = self.op("Mul", turned, self.weight(scale))
            shift = shift and self.op("Mul", shift, self.weight(scale))
        if not shift:
            return self.op("MatMul", x, turned, to=to)
        return self.op("Add", self.op("MatMul", x, turned), shift, to=to)

    def joined(self, parts: Sequence[str], axis: int) -> str:
        """Parts side by side; one alone as it is."""
        return self.op("Concat", *parts, axis=axis) if len(parts) > 1 else parts[0]

    def cast(self, x: str, kind: type[np.floating]) -> str:
        """The same numbers as another kind of float."""
        name = f"Cast_{len(self._nodes)}"
        self._nodes.append(
            helper.make_node("Cast", [x], [name], name, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
        )
        return name

    def norm(self, x: str, name: str, epsilon: float, to: str | None = None) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", x, scale, shift, to=to, epsilon=epsilon)

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The finished, checked model. Raises onnx.checker.ValidationError for a graph that does not hold together."""
        graph = helper.make_graph(
            self._nodes, "crate_explorer", self._inputs, self._outputs, list(self._initializers.values())
        )
        domains = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=domains, ir_version=IR_VERSION, producer_name="crate-explorer")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model
