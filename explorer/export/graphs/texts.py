"""The language models' networks as ONNX graphs: the trace contract on tokens, in the order of the equations.

Shapes: B batch, N tokens, d width, K heads, p head width, L layers, m atoms (or a GPT's neurons), V vocabulary. Knobs
may have more rows than one, as for the image families.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from explorer.export.graphs.graph import Graph
from explorer.export.graphs.pictures import (
    Knobs,
    Weights,
    add_knobs,
    by_heads,
    fused_attention,
    ista,
    of_layer,
    thresholds,
    two_steps,
)
from explorer.models.crate_lm import TextSize

BLOCK = "transformer.h.{l}"
FINAL_NORM = "transformer.ln_f"
EMBEDDING = "transformer.wte.weight"
"""Token embedding and head are one tensor, which is stored once."""
Layer = Callable[[Graph, TextSize, int, str, Knobs], str]


def crate_lm(size: TextSize, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a CRATE-LM."""
    return build(_crate_layer, {"eta": size.eta, "lam": size.lam}, size, weights, metadata)


def gpt(size: TextSize, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a GPT."""
    return build(_gpt_layer, {}, size, weights, metadata)


def build(
    layer_of: Layer, steps: dict[str, float], size: TextSize, weights: Weights, metadata: dict[str, str]
) -> onnx.ModelProto:
    """The traced ONNX model of layers between an embedding with learned positions and a tied head. steps: η and λ."""
    g, knobs = begin(size, steps, weights)
    z = _embed(g)
    for layer in range(size.layers):
        z = layer_of(g, size, layer, z, of_layer(g, knobs, layer))
    return finish(g, size, z, metadata)


def finish(g: Graph, size: TextSize, z: str, metadata: dict[str, str]) -> onnx.ModelProto:
    """The model whose last layer writes z: its trace point, and a tied head on it."""
    g.output(z, ["batch", "tokens", size.dim])
    last = g.norm(z, FINAL_NORM, size.norm_eps) if size.final_norm else z
    g.op("MatMul", last, g.op("Transpose", g.weight(EMBEDDING), perm=[1, 0]), to="logits")
    return g.model(metadata)


def begin(size: TextSize, steps: dict[str, float], weights: Weights) -> tuple[Graph, Knobs]:
    """A graph with the inputs and knobs of a language model."""
    g = Graph(weights)
    g.input("tokens", ["batch", "tokens"], onnx.TensorProto.INT64)
    g.output("logits", ["batch", "tokens", size.vocabulary])
    return g, add_knobs(g, size.layers, size.heads, {name: np.full(size.layers, v) for name, v in steps.items()})


def _embed(g: Graph) -> str:
    """Z¹ (B,N,d): the embedding of each token and of its place."""
    length = g.op("Squeeze", g.op("Shape", "tokens", start=1, end=2))
    places = g.op("Gather", g.weight("transformer.wpe.weight"), g.op("Range", g.scalar(0), length, g.scalar(1)), axis=0)
    return g.op("Add", g.op("Gather", g.weight(EMBEDDING), "tokens", axis=0), places, to="z.1")


def _crate_layer(g: Graph, size: TextSize, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, subspace.ℓ, z_half.ℓ and codes.ℓ."""
    name, number = BLOCK.format(l=layer), layer + 1
    g.output(z, ["batch", "tokens", size.dim])
    u = g.linear(g.norm(z, f"{name}.prenorm_1", size.norm_eps), f"{name}.attn.c_attn.weight")
    by_heads(g, u, size.heads, size.dim, f"subspace.{number}")
    update = fused_attention(g, size.heads, size.dim, (u, u, u), knobs["gain"], causal=True)
    x = half_step(g, size, layer, z, update, "prenorm_2")
    if size.overcomplete:
        return read_out_codes(g, size, layer, x, knobs, to=f"z.{number + 1}")
    return ista(g, x, f"{name}.ista.weight", *thresholds(g, knobs), f"z.{number + 1}")


def half_step(g: Graph, size: TextSize, layer: int, z: str, attended: str, norm: str) -> str:
    """Z^{ℓ+½} = Z^ℓ + W_out · what the heads gathered + b; writes z_half.ℓ and returns its norm."""
    name = BLOCK.format(l=layer)
    update = g.linear(attended, f"{name}.attn.c_proj.weight", f"{name}.attn.c_proj.bias")
    z_half = g.op("Add", z, update, to=f"z_half.{layer + 1}")
    g.output(z_half, ["batch", "tokens", size.dim])
    return g.norm(z_half, f"{name}.{norm}", size.norm_eps)


def read_out_codes(g: Graph, size: TextSize, layer: int, x: str, knobs: Knobs, to: str | None = None) -> str:
    """LN(Z^{ℓ+½}) → WᵀA₂ (B,N,d) of an overcomplete dictionary, D = Wᵀ; writes codes.ℓ."""
    W = g.weight(f"{BLOCK.format(l=layer)}.ista.weight")
    codes = two_steps(g, x, g.op("Transpose", W, perm=[1, 0]), W, *thresholds(g, knobs), f"codes.{layer + 1}")
    g.output(codes, ["batch", "tokens", size.atoms])
    return g.op("MatMul", codes, W, to=to)


def _gpt_layer(g: Graph, size: TextSize, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, query.ℓ, key.ℓ, z_half.ℓ and codes.ℓ, the neurons' activations."""
    name, number, d = BLOCK.format(l=layer), layer + 1, size.dim
    g.output(z, ["batch", "tokens", d])
    x = g.norm(z, f"{name}.ln_1", size.norm_eps)
    qkv = g.linear(x, f"{name}.attn.c_attn.weight", f"{name}.attn.c_attn.bias")
    query, key, value = (g.op("Slice", qkv, g.vector(i * d), g.vector((i + 1) * d), g.vector(2)) for i in range(3))
    by_heads(g, query, size.heads, d, f"query.{number}")
    by_heads(g, key, size.heads, d, f"key.{number}")
    update = fused_attention(g, size.heads, d, (query, key, value), knobs["gain"], causal=True)
    return add_mlp(g, size, layer, half_step(g, size, layer, z, update, "ln_2"))


def add_mlp(g: Graph, size: TextSize, layer: int, x: str) -> str:
    """LN(Z^{ℓ+½}) → Z^{ℓ+1} of a GPT; writes codes.ℓ."""
    name, number = BLOCK.format(l=layer), layer + 1
    active = g.op("Gelu", g.linear(x, f"{name}.mlp.c_fc.weight", f"{name}.mlp.c_fc.bias"), to=f"codes.{number}")
    g.output(active, ["batch", "tokens", size.atoms])
    mlp = g.linear(active, f"{name}.mlp.c_proj.weight", f"{name}.mlp.c_proj.bias")
    return g.op("Add", f"z_half.{number}", mlp, to=f"z.{number + 1}")
