"""nanochat-crate as an ONNX graph: RMS norms without weights, rotated projections, learned thresholds, a soft cap."""

from __future__ import annotations

import onnx

from explorer.export.graphs.graph import Graph
from explorer.export.graphs.pictures import Knobs, Weights, by_heads, fused_attention, of_layer
from explorer.export.graphs.texts import BLOCK, EMBEDDING, begin
from explorer.families.nanochat_crate import NANOCHAT_CRATE
from explorer.models.crate_lm import TextSize
from explorer.models.nano_crate import NanoSize
from explorer.rotary import rotary_tables

HEAD = "lm_head.weight"


def nanochat_crate(size: NanoSize, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a nanochat-crate, whose layers need the places and the embedding, too."""
    g, knobs = begin(size, {"eta": size.eta, "lam": size.lam}, weights)
    z = start = _embed(g, size)
    places = rotary_pair(g, size)
    for layer in range(size.layers):
        z = _layer(g, size, layer, z, start, places, of_layer(g, knobs, layer))
    g.output(z, ["batch", "tokens", size.dim])
    _head(g, size, z)
    return g.model(metadata)


def rms_norm(g: Graph, x: str, epsilon: float) -> str:
    """x/√(mean x² + ε) over the last axis."""
    mean = g.op("ReduceMean", g.op("Mul", x, x), g.vector(-1), keepdims=1)
    return g.op("Div", x, g.op("Sqrt", g.op("Add", mean, g.number("epsilon", epsilon))))


def _embed(g: Graph, size: NanoSize) -> str:
    """Y⁰ (B,N,d): the embedding of each token, normalised; places come in with the rotation."""
    return rms_norm(g, g.op("Gather", g.weight(EMBEDDING), "tokens", axis=0), size.norm_eps)


def rotary_pair(g: Graph, size: TextSize) -> tuple[str, str]:
    """cos and sin (N,1,p/2) of the tokens' places."""
    tables = zip(("rotary_cos", "rotary_sin"), rotary_tables(size.context, size.dim // size.heads), strict=True)
    length = g.op("Shape", "tokens", start=1, end=2)
    cos, sin = (g.op("Slice", g.table(name, t[:, None]), g.vector(0), length, g.vector(0)) for name, t in tables)
    return cos, sin


def _layer(g: Graph, size: NanoSize, layer: int, z: str, start: str, places: tuple[str, str], knobs: Knobs) -> str:
    """Y^{ℓ−1} → Y^ℓ, the layers' outputs; writes z.ℓ, subspace.ℓ, z_half.ℓ and codes.ℓ, and after the last layer
    z.{L+1}. start: Y⁰. places: of rotary_pair."""
    name, number, index = BLOCK.format(l=layer), layer + 1, g.scalar(layer)
    kept = g.op("Mul", z, g.op("Gather", g.weight("resid_lambdas"), index, axis=0))
    added = g.op("Mul", start, g.op("Gather", g.weight("x0_lambdas"), index, axis=0))
    z = g.op("Add", kept, added, to=f"z.{number}")
    g.output(z, ["batch", "tokens", size.dim])
    u = turned_rms(g, size, g.linear(rms_norm(g, z, size.norm_eps), f"{name}.mssa.qkv.weight"), places)
    by_heads(g, u, size.heads, size.dim, f"subspace.{number}")
    update = fused_attention(g, size.heads, size.dim, (u, u, u), knobs["gain"], causal=True)
    z_half = g.op("Add", z, g.linear(update, f"{name}.mssa.c_proj.weight"), to=f"z_half.{number}")
    g.output(z_half, ["batch", "tokens", size.dim])
    threshold = g.op("Mul", knobs["lam"], g.weight(f"{name}.odl.threshold"))
    above = g.op("Sub", g.linear(rms_norm(g, z_half, size.norm_eps), f"{name}.odl.D_enc.weight"), threshold)
    codes = g.op("Relu", g.op("Mul", knobs["eta"], above), to=f"codes.{number}")
    g.output(codes, ["batch", "tokens", size.atoms])
    last = number == size.layers
    return g.op("Add", z_half, g.linear(codes, f"{name}.odl.D_dec.weight"), to=f"z.{number + 1}" if last else None)


def turned_rms(g: Graph, size: TextSize, flat: str, places: tuple[str, str]) -> str:
    """(B,N,K·p) → the same, rotated and normalised within each head."""
    return g.op("Reshape", rms_norm(g, _turned(g, size, flat, places), size.norm_eps), g.vector(0, 0, size.dim))


def turned_back(g: Graph, size: TextSize, flat: str, places: tuple[str, str]) -> str:
    """(B,N,K·p) → the same, rotated back within each head by the token's own place."""
    return g.op("Reshape", _turned(g, size, flat, places, back=True), g.vector(0, 0, size.dim))


def _turned(g: Graph, size: TextSize, flat: str, places: tuple[str, str], back: bool = False) -> str:
    """(B,N,K·p) → (B,N,K,p), rotated within each head; back: by the opposite angles."""
    cos, sin = places
    plus, minus = ("Sub", "Add") if back else ("Add", "Sub")
    width = size.dim // size.heads
    split = g.op("Reshape", flat, g.vector(0, 0, size.heads, width))
    ends = (0, width // 2, width)
    a, b = (g.op("Slice", split, g.vector(ends[i]), g.vector(ends[i + 1]), g.vector(3)) for i in range(2))
    first = g.op(plus, g.op("Mul", a, cos), g.op("Mul", b, sin))
    second = g.op(minus, g.op("Mul", b, cos), g.op("Mul", a, sin))
    return g.op("Concat", first, second, axis=3)


def _head(g: Graph, size: NanoSize, z: str) -> None:
    """logits (B,N,V), within ± the cap."""
    scores = g.linear(rms_norm(g, z, size.norm_eps), HEAD)
    if size.rows > size.vocabulary:
        scores = g.op("Slice", scores, g.vector(0), g.vector(size.vocabulary), g.vector(2))
    cap = g.number("soft_cap", NANOCHAT_CRATE.soft_cap)
    g.op("Mul", g.op("Tanh", g.op("Div", scores, cap)), cap, to="logits")
