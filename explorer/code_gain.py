"""A knob that the exported files do not have: every code times a gain before it is read out, put in when a file opens.

So files stay as they are, and a plain run costs nothing. What reads the codes, and the trace, gets the product; at a
gain of 1 the network is the file's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NAME = "code_gain"


def add_code_gain(graph: Any, layers: int, codes: int) -> None:
    """Put an overridable initializer code_gain, rows of (L,m), behind the nodes of an onnx.GraphProto that write
    codes.ℓ (B,N,m). L rows are one setting for the whole batch, B·L rows one for each text."""
    from onnx import NodeProto, TensorProto, helper, numpy_helper

    layer_of = {f"codes.{layer + 1}": layer for layer in range(layers)}
    graph.input.append(helper.make_tensor_value_info(NAME, TensorProto.FLOAT, [f"{NAME}_rows", codes]))
    constants = {
        NAME: np.ones((layers, codes), np.float32),
        f"{NAME}.shape": np.array([-1, layers, 1, codes], np.int64),
        **{f"{NAME}.{layer}": np.array(layer, np.int64) for layer in range(layers)},
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    nodes = [helper.make_node("Reshape", [NAME, f"{NAME}.shape"], [f"{NAME}.rows"])]
    for node in graph.node:
        nodes.append(NodeProto.FromString(node.SerializeToString()))
        written = node.output[0]
        if written in layer_of:
            free, own = f"{written}.free", f"{written}.gain"
            nodes[-1].output[0] = free
            nodes.append(helper.make_node("Gather", [f"{NAME}.rows", f"{NAME}.{layer_of[written]}"], [own], axis=1))
            nodes.append(helper.make_node("Mul", [free, own], [written]))
    del graph.node[:]
    graph.node.extend(nodes)
