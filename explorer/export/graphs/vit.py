"""A ViT as an ONNX graph: the trace contract with query and key in place of subspaces."""

from __future__ import annotations

import onnx

from explorer.export.graphs.graph import Graph
from explorer.export.graphs.pictures import Knobs, Parts, Weights, build, by_heads, convolved, fused_attention
from explorer.models.crate import Size

TO_THE_END = (1 << 31) - 1


def vit(size: Size, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a ViT."""
    return build(Parts("pos_embed", convolved("patch_embed.proj"), _layer, _read, False), size, weights, metadata)


def _layer(g: Graph, size: Size, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, query.ℓ, key.ℓ and z_half.ℓ."""
    name, number = f"blocks.{layer}", layer + 1
    g.output(z, ["batch", "tokens", size.dim])
    bias = f"{name}.attn.qkv.bias" if size.form.qkv_bias else None
    qkv = g.linear(g.norm(z, f"{name}.norm1", size.norm_eps), f"{name}.attn.qkv.weight", bias)
    query, key, value = (
        g.op("Slice", qkv, g.vector(i * size.dim), g.vector((i + 1) * size.dim), g.vector(2)) for i in range(3)
    )
    by_heads(g, query, size.heads, size.dim, f"query.{number}")
    by_heads(g, key, size.heads, size.dim, f"key.{number}")
    update = fused_attention(g, size.heads, size.dim, (query, key, value), knobs["gain"])
    scales = [f"{name}.ls{half}.gamma" if size.form.layer_scale else "" for half in (1, 2)]
    update = g.linear(update, f"{name}.attn.proj.weight", f"{name}.attn.proj.bias", scale=scales[0])
    z_half = g.op("Add", z, update, to=f"z_half.{number}")
    g.output(z_half, ["batch", "tokens", size.dim])
    x = g.norm(z_half, f"{name}.norm2", size.norm_eps)
    hidden = g.op("Gelu", g.linear(x, f"{name}.mlp.fc1.weight", f"{name}.mlp.fc1.bias"))
    mlp = g.linear(hidden, f"{name}.mlp.fc2.weight", f"{name}.mlp.fc2.bias", scale=scales[1])
    return g.op("Add", z_half, mlp, to=f"z.{number + 1}")


def _read(g: Graph, size: Size, z: str) -> None:
    """logits (B,C) or, without a head, features (B,d)."""
    form = size.form
    end = None if form.head else form.answer
    pooled = _pooled(g, size, z, None if form.fc_norm else end)
    if form.fc_norm:
        pooled = g.norm(pooled, "fc_norm", size.norm_eps, to=end)
    if form.head_dist:
        scores = g.linear(pooled, "head.weight", "head.bias")
        distilled = g.linear(_token(g, size, z, 1), "head_dist.weight", "head_dist.bias")
        g.op("Mul", g.op("Add", scores, distilled), g.number("half", 0.5), to="logits")
    elif form.head:
        g.linear(pooled, "head.weight", "head.bias", to="logits")


def _pooled(g: Graph, size: Size, z: str, to: str | None) -> str:
    """The class token, the mean of the patches, or the two side by side; behind the last norm, if there is one."""
    form = size.form
    if form.pool == "token":
        return _token(g, size, z, 0, to)
    normed = g.norm(z, "norm", size.norm_eps) if form.norm else z
    patches = g.op("Slice", normed, g.vector(len(form.prefix)), g.vector(TO_THE_END), g.vector(1))
    if form.pool == "avg":
        return g.op("ReduceMean", patches, g.vector(1), keepdims=0, to=to)
    return g.op("Concat", _token(g, size, z, 0), g.op("ReduceMean", patches, g.vector(1), keepdims=0), axis=1)


def _token(g: Graph, size: Size, z: str, place: int, to: str | None = None) -> str:
    """One token behind the last norm, (B,d)."""
    if not size.form.norm:
        return g.op("Gather", z, g.scalar(place), axis=1, to=to)
    return g.norm(g.op("Gather", z, g.scalar(place), axis=1), "norm", size.norm_eps, to=to)
