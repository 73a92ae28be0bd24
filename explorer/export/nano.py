"""nanochat-crate as an ONNX graph: RMS norms without weights, rotated projections, learned thresholds, a soft cap."""

from __future__ import annotations

from explorer.export.families import Knobs, by_heads, fused_attention
from explorer.export.graph import Graph
from explorer.models.nano_crate import SOFT_CAP, NanoSize
from explorer.rotary import rotary_tables

BLOCK = "transformer.h.{l}"
NANO_ROLES = {
    "subspaces": f"{BLOCK}.mssa.qkv.weight",
    "mssa_out": f"{BLOCK}.mssa.c_proj.weight",
    "dictionary": f"{BLOCK}.odl.D_enc.weight",
    "decoder": f"{BLOCK}.odl.D_dec.weight",
    "threshold": f"{BLOCK}.odl.threshold",
    "embedding": "transformer.wte.weight",
    "head": "lm_head.weight",
}


def rms_norm(g: Graph, x: str, epsilon: float) -> str:
    """x/√(mean x² + ε) over the last axis."""
    mean = g.op("ReduceMean", g.op("Mul", x, x), g.vector(-1), keepdims=1)
    return g.op("Div", x, g.op("Sqrt", g.op("Add", mean, g.number("epsilon", epsilon))))


def embed_nano(g: Graph, size: NanoSize) -> str:
    """Y⁰ (B,N,d): the embedding of each token, normalised; places come in with the rotation."""
    return rms_norm(g, g.op("Gather", g.weight(NANO_ROLES["embedding"]), "tokens", axis=0), size.norm_eps)


def rotary_pair(g: Graph, size: NanoSize) -> tuple[str, str]:
    """cos and sin (N,1,p/2) of the tokens' places."""
    tables = zip(("rotary_cos", "rotary_sin"), rotary_tables(size.context, size.dim // size.heads), strict=True)
    length = g.op("Shape", "tokens", start=1, end=2)
    cos, sin = (g.op("Slice", g.table(name, t[:, None]), g.vector(0), length, g.vector(0)) for name, t in tables)
    return cos, sin


def nano_layer(g: Graph, size: NanoSize, layer: int, z: str, start: str, places: tuple[str, str], knobs: Knobs) -> str:
    """Y^{ℓ−1} → Y^ℓ, the layers' outputs; writes z.ℓ, subspace.ℓ, z_half.ℓ and codes.ℓ, and after the last layer
    z.{L+1}. start: Y⁰. places: of rotary_pair."""
    name, number, index = BLOCK.format(l=layer), layer + 1, g.scalar(layer)
    kept = g.op("Mul", z, g.op("Gather", g.weight("resid_lambdas"), index, axis=0))
    added = g.op("Mul", start, g.op("Gather", g.weight("x0_lambdas"), index, axis=0))
    z = g.op("Add", kept, added, to=f"z.{number}")
    g.output(z, ["batch", "tokens", size.dim])
    u = _rotated(g, size, g.linear(rms_norm(g, z, size.norm_eps), f"{name}.mssa.qkv.weight"), places)
    by_heads(g, u, size.heads, size.dim, f"subspace.{number}")
    update = fused_attention(g, size.heads, size.dim, (u, u, u), knobs["gain"], causal=True)
    z_half = g.op("Add", z, g.linear(update, f"{name}.mssa.c_proj.weight"), to=f"z_half.{number}")
    g.output(z_half, ["batch", "tokens", size.dim])
    step, factor = (g.op("Unsqueeze", knobs[knob], g.vector(1, 2)) for knob in ("eta", "lam"))
    threshold = g.op("Mul", factor, g.weight(f"{name}.odl.threshold"))
    above = g.op("Sub", g.linear(rms_norm(g, z_half, size.norm_eps), f"{name}.odl.D_enc.weight"), threshold)
    codes = g.op("Relu", g.op("Mul", step, above), to=f"codes.{number}")
    g.output(codes, ["batch", "tokens", size.atoms])
    last = number == size.layers
    return g.op("Add", z_half, g.linear(codes, f"{name}.odl.D_dec.weight"), to=f"z.{number + 1}" if last else None)


def _rotated(g: Graph, size: NanoSize, flat: str, places: tuple[str, str]) -> str:
    """(B,N,K·p) → the same, rotated and normalised within each head."""
    cos, sin = places
    width = size.dim // size.heads
    split = g.op("Reshape", flat, g.vector(0, 0, size.heads, width))
    ends = (0, width // 2, width)
    a, b = (g.op("Slice", split, g.vector(ends[i]), g.vector(ends[i + 1]), g.vector(3)) for i in range(2))
    first = g.op("Add", g.op("Mul", a, cos), g.op("Mul", b, sin))
    second = g.op("Sub", g.op("Mul", b, cos), g.op("Mul", a, sin))
    turned = rms_norm(g, g.op("Concat", first, second, axis=3), size.norm_eps)
    return g.op("Reshape", turned, g.vector(0, 0, size.dim))


def nano_head(g: Graph, size: NanoSize, z: str) -> None:
    """logits (B,N,V), within ± SOFT_CAP."""
    scores = g.linear(rms_norm(g, z, size.norm_eps), NANO_ROLES["head"])
    if size.rows > size.vocabulary:
        scores = g.op("Slice", scores, g.vector(0), g.vector(size.vocabulary), g.vector(2))
    cap = g.number("soft_cap", SOFT_CAP)
    g.op("Mul", g.op("Tanh", g.op("Div", scores, cap)), cap, to="logits")
