"""The language models without learned positions as ONNX graphs: projections turned by their places, of one length."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from explorer.export.graphs.graph import Graph
from explorer.export.graphs.nanochat import rotary_pair, turned_back, turned_rms
from explorer.export.graphs.pictures import Knobs, Weights, by_heads, fused_attention, of_layer
from explorer.export.graphs.texts import BLOCK, EMBEDDING, add_mlp, begin, finish, half_step, read_out_codes
from explorer.models.crate_lm import TextSize

Places = tuple[str, str]
"""cos and sin of the tokens' places."""
Layer = Callable[[Graph, TextSize, int, str, Places, Knobs], str]


def crate_lm_rotary(size: TextSize, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a rotary CRATE-LM."""
    return _build(_crate_layer, {"eta": size.eta, "lam": size.lam}, size, weights, metadata)


def gpt_rotary(size: TextSize, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a rotary GPT."""
    return _build(_gpt_layer, {}, size, weights, metadata)


def _build(
    layer_of: Layer, steps: dict[str, float], size: TextSize, weights: Weights, metadata: dict[str, str]
) -> onnx.ModelProto:
    """Layers that know the places, between a token embedding and a head that is tied to it. steps: η and λ."""
    g, knobs = begin(size, steps, weights)
    places = rotary_pair(g, size)
    z = g.op("Gather", g.weight(EMBEDDING), "tokens", axis=0, to="z.1")
    for layer in range(size.layers):
        z = layer_of(g, size, layer, z, places, of_layer(g, knobs, layer))
    return finish(g, size, z, metadata)


def _crate_layer(g: Graph, size: TextSize, layer: int, z: str, places: Places, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, subspace.ℓ, z_half.ℓ and codes.ℓ. What a head gathers is turned back by the place of
    the token that attends."""
    name, number = BLOCK.format(l=layer), layer + 1
    g.output(z, ["batch", "tokens", size.dim])
    projected = g.linear(g.norm(z, f"{name}.prenorm_1", size.norm_eps), f"{name}.attn.c_attn.weight")
    u = turned_rms(g, size, projected, places)
    by_heads(g, u, size.heads, size.dim, f"subspace.{number}")
    mean = fused_attention(g, size.heads, size.dim, (u, u, u), knobs["gain"], causal=True)
    x = half_step(g, size, layer, z, turned_back(g, size, mean, places), "prenorm_2")
    return g.op("Add", f"z_half.{number}", read_out_codes(g, size, layer, x, knobs), to=f"z.{number + 1}")


def _gpt_layer(g: Graph, size: TextSize, layer: int, z: str, places: Places, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, query.ℓ, key.ℓ, z_half.ℓ and codes.ℓ. Values are not turned."""
    name, number, d = BLOCK.format(l=layer), layer + 1, size.dim
    g.output(z, ["batch", "tokens", d])
    x = g.norm(z, f"{name}.ln_1", size.norm_eps)
    qkv = g.linear(x, f"{name}.attn.c_attn.weight", f"{name}.attn.c_attn.bias")
    query, key, value = (g.op("Slice", qkv, g.vector(i * d), g.vector((i + 1) * d), g.vector(2)) for i in range(3))
    query, key = (turned_rms(g, size, part, places) for part in (query, key))
    by_heads(g, query, size.heads, d, f"query.{number}")
    by_heads(g, key, size.heads, d, f"key.{number}")
    update = fused_attention(g, size.heads, d, (query, key, value), knobs["gain"], causal=True)
    return add_mlp(g, size, layer, half_step(g, size, layer, z, update, "ln_2"))
