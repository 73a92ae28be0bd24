"""The picture families' networks as ONNX graphs: the trace contract, one function per step, in the order of the
equations.

Shapes: B batch, N tokens (those in front of the patches, CLS first, then the patches), d width, K heads, p head width,
L layers, P patch side, G trained grid side. A knob may be fed with more rows than one, (B·L,K) or (B·L,), to give each
image of a batch its own setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from explorer.export.graphs.graph import MICROSOFT, Graph
from explorer.models.crate import Size
from explorer.trace import Array

Knobs = dict[str, str]
"""Values of the graph by knob: gain, and eta and lam where the family thresholds."""
Weights = dict[str, Array]
"""A state dict as float32 arrays under its official names."""
LAYERS = "transformer.layers.{l}"


@dataclass(frozen=True)
class Parts:
    """What differs between the networks. positions: the tensor; tokens: (B,3,rows,P,cols,P) → (B,rows·cols,d); layer:
    Z^ℓ → Z^{ℓ+1}; head: Z^{L+1} → what the network ends in; thresholds: whether η and λ are knobs."""

    positions: str
    tokens: Callable[[Graph, Size, str], str]
    layer: Callable[[Graph, Size, int, str, Knobs], str]
    head: Callable[[Graph, Size, str], None]
    thresholds: bool


def crate(size: Size, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a CRATE."""
    head = classified("mlp_head.0", 1e-5, "mlp_head.1")
    return build(Parts("pos_embedding", _flattened, _crate_layer, head, True), size, weights, metadata)


def crate_alpha(size: Size, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a CRATE-α."""
    head = classified("mlp_head.0", 1e-5, "mlp_head.1")
    return build(Parts("pos_embedding", convolved("conv1"), _alpha_layer, head, True), size, weights, metadata)


def build(parts: Parts, size: Size, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of a network of these parts."""
    g = Graph(weights)
    g.input("image", ["batch", 3, "height", "width"])
    g.output(size.form.answer, ["batch", size.classes if size.form.head else size.dim])
    knobs = _knobs(g, size, parts.thresholds)
    z = _embed(g, parts, size)
    for layer in range(size.layers):
        settings = {name: g.op("Gather", knob, g.scalar(layer), axis=1) for name, knob in knobs.items()}
        z = parts.layer(g, size, layer, z, settings)
    g.output(z, ["batch", "tokens", size.dim])
    parts.head(g, size, z)
    return g.model(metadata)


def _knobs(g: Graph, size: Size, thresholds: bool) -> Knobs:
    """The stride, and the knobs that all families share."""
    g.knob("stride", np.array(size.patch, np.int64), [])
    steps = {"eta": size.per_layer(size.eta), "lam": size.per_layer(size.lam)} if thresholds else {}
    return add_knobs(g, size.layers, size.heads, {name: np.array(value) for name, value in steps.items()})


def add_knobs(g: Graph, layers: int, heads: int, steps: dict[str, Array]) -> Knobs:
    """The knobs with one row per setting: gain (rows,L,K), and of steps eta and lam (rows,L). steps: trained, (L,)."""
    gain = g.knob("mssa_gain", np.ones((layers, heads), np.float32), ["gain_rows", heads])
    knobs = {"gain": g.op("Reshape", gain, g.vector(-1, layers, heads))}
    for short, value in steps.items():
        name = {"eta": "ista_eta", "lam": "ista_lambda"}[short]
        knob = g.knob(name, value.astype(np.float32), [f"{name}_rows"])
        knobs[short] = g.op("Reshape", knob, g.vector(-1, layers))
    return knobs


FRONT = {"cls_token": "class_token", "dist_token": "distilled", "reg_token": "registers"}
"""The tokens in front of the patches, in their order, and the part of the form that says whether they are there."""


def _embed(g: Graph, parts: Parts, size: Size) -> str:
    """Z¹ (B,N,d): overlapping patches → tokens, those of FRONT before them, positions resized to the grid."""
    stride = g.op("Max", "stride", g.scalar(1))
    rows, row_pixels = _window_pixels(g, size.patch, stride, axis=2)
    cols, col_pixels = _window_pixels(g, size.patch, stride, axis=3)
    windows = g.op("Gather", g.op("Gather", "image", row_pixels, axis=2), col_pixels, axis=4)  # B,3,rows,P,cols,P
    z = parts.tokens(g, size, windows)
    if front := [g.weight(name) for name, part in FRONT.items() if getattr(size.form, part)]:
        batch = g.op("Shape", "image", start=0, end=1)
        tokens = g.op("Concat", *front, axis=1) if len(front) > 1 else front[0]
        shape = g.op("Concat", batch, g.vector(len(size.form.prefix), size.dim), axis=0)
        expanded = g.op("Expand", tokens, shape)
        places = _positions(g, parts.positions, size, rows, cols)
        z = g.op("Concat", expanded, z, axis=1)
    else:
        places = _positions(g, parts.positions, size, rows, cols)
    if not size.form.norm_pre:
        return g.op("Add", z, places, to="z.1")
    return g.norm(g.op("Add", z, places), "norm_pre", size.norm_eps, to="z.1")


def _window_pixels(g: Graph, patch: int, stride: str, axis: int) -> tuple[str, str]:
    """(count (1,), pixel indices (count,P)) of the windows along one axis: count = 1 + ⌊(length − P)/stride⌋."""
    length = g.op("Squeeze", g.op("Shape", "image", start=axis, end=axis + 1))
    count = g.op("Add", g.op("Div", g.op("Sub", length, g.scalar(patch)), stride), g.scalar(1))
    starts = g.op("Mul", g.op("Range", g.scalar(0), count, g.scalar(1)), stride)
    pixels = g.op("Add", g.op("Unsqueeze", starts, g.vector(1)), g.vector(*range(patch)))
    return g.op("Unsqueeze", count, g.vector(0)), pixels


def _flattened(g: Graph, size: Size, windows: str) -> str:
    """CRATE's tokens: a patch is flattened as (row, column, channel), between two norms."""
    name = "to_patch_embedding"
    flat = g.vector(0, -1, 3 * size.patch**2)
    x = g.op("Reshape", g.op("Transpose", windows, perm=[0, 2, 4, 3, 5, 1]), flat)
    x = g.linear(g.norm(x, f"{name}.1", 1e-5), f"{name}.2.weight", f"{name}.2.bias")
    return g.norm(x, f"{name}.3", 1e-5)


def convolved(name: str) -> Callable[[Graph, Size, str], str]:
    """Tokens of a convolution of that name, which flattens a patch as (channel, row, column)."""

    def tokens(g: Graph, size: Size, windows: str) -> str:
        flat = g.vector(0, -1, 3 * size.patch**2)
        x = g.op("Reshape", g.op("Transpose", windows, perm=[0, 2, 4, 1, 3, 5]), flat)
        kernel = g.op("Transpose", g.op("Reshape", g.weight(f"{name}.weight"), g.vector(size.dim, -1)), perm=[1, 0])
        product = g.op("MatMul", x, kernel)
        return product if size.form.norm_pre else g.op("Add", product, g.weight(f"{name}.bias"))

    return tokens


def _positions(g: Graph, name: str, size: Size, rows: str, cols: str) -> str:
    """Positions (1,P+rows·cols,d), P tokens in front: the trained grid resized bicubically, as torch's interpolate
    does.

    Tokens in front that have no position get zeros."""
    (high, wide), placed = size.grid, size.form.placed
    embedding, front = g.weight(name), []
    if placed:
        front.append(g.op("Slice", embedding, g.vector(0), g.vector(placed), g.vector(1)))
    if placeless := len(size.form.prefix) - placed:
        front.append(g.table("no_positions", np.zeros((1, placeless, size.dim))))
    cells = g.op("Slice", embedding, g.vector(placed), g.vector(placed + high * wide), g.vector(1))
    cells = g.op("Transpose", g.op("Reshape", cells, g.vector(1, high, wide, size.dim)), perm=[0, 3, 1, 2])
    sizes = g.op("Concat", g.vector(1, size.dim), rows, cols, axis=0)
    resized = g.op(
        "Resize", cells, "", "", sizes,
        mode="cubic", cubic_coeff_a=-0.75, coordinate_transformation_mode="half_pixel",
    )  # fmt: skip
    flat = g.op("Reshape", g.op("Transpose", resized, perm=[0, 2, 3, 1]), g.vector(1, -1, size.dim))
    return g.op("Concat", *front, flat, axis=1) if front else flat


def _crate_layer(g: Graph, size: Size, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, subspace.ℓ and z_half.ℓ."""
    name, number = LAYERS.format(l=layer), layer + 1
    _, x = _compressed(g, size, layer, z, knobs, bias=f"{name}.0.fn.to_out.0.bias")
    return ista(g, x, f"{name}.1.fn.weight", *_thresholds(g, knobs), f"z.{number + 1}")


def _alpha_layer(g: Graph, size: Size, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, subspace.ℓ, z_half.ℓ and codes.ℓ."""
    name, number = LAYERS.format(l=layer), layer + 1
    z_half, x = _compressed(g, size, layer, z, knobs, bias=None)
    codes = _odl_codes(g, x, f"{name}.1.fn.D", *_thresholds(g, knobs), f"codes.{number}")
    g.output(codes, ["batch", "tokens", g.shape(f"{name}.1.fn.D")[1]])
    return g.op("Add", z_half, g.linear(codes, f"{name}.1.fn.D1"), to=f"z.{number + 1}")


def _compressed(g: Graph, size: Size, layer: int, z: str, knobs: Knobs, bias: str | None) -> tuple[str, str]:
    """Z^{ℓ+½} = Z^ℓ + MSSA(LN Z^ℓ), and LN Z^{ℓ+½}. bias: of the output matrix."""
    name, number = LAYERS.format(l=layer), layer + 1
    g.output(z, ["batch", "tokens", size.dim])
    u = g.linear(g.norm(z, f"{name}.0.norm", size.norm_eps), f"{name}.0.fn.qkv.weight")
    by_heads(g, u, size.heads, size.projected, f"subspace.{number}")
    update = fused_attention(g, size.heads, size.projected, (u, u, u), knobs["gain"])
    if size.projects_out:
        update = g.linear(update, f"{name}.0.fn.to_out.0.weight", bias)
    z_half = g.op("Add", z, update, to=f"z_half.{number}")
    g.output(z_half, ["batch", "tokens", size.dim])
    return z_half, g.norm(z_half, f"{name}.1.norm", size.norm_eps)


def _thresholds(g: Graph, knobs: Knobs) -> tuple[str, str]:
    """η, and the threshold ηλ, for every token and entry."""
    step, threshold = (g.op("Unsqueeze", knobs[name], g.vector(1, 2)) for name in ("eta", "lam"))
    return step, g.op("Mul", step, threshold)


def ista(g: Graph, x: str, dictionary: str, step: str, threshold: str, to: str) -> str:
    """ReLU(x + η Dᵀ(x − Dx) − ηλ)."""
    residual = g.op("Sub", x, g.linear(x, dictionary))
    gradient = g.op("MatMul", residual, g.weight(dictionary))
    moved = g.op("Add", x, g.op("Mul", step, gradient))
    return g.op("Relu", g.op("Sub", moved, threshold), to=to)


def _odl_codes(g: Graph, x: str, dictionary: str, step: str, threshold: str, to: str) -> str:
    """Two steps A ← ReLU(A − η Dᵀ(DA − x) − ηλ) from A₀ = 0."""
    D = g.weight(dictionary)
    first = g.op("Relu", g.op("Sub", g.op("Mul", step, g.op("MatMul", x, D)), threshold))
    gradient = g.op("MatMul", g.op("Sub", g.linear(first, dictionary), x), D)
    second = g.op("Sub", g.op("Sub", first, g.op("Mul", step, gradient)), threshold)
    return g.op("Relu", second, to=to)


def by_heads(g: Graph, flat: str, heads: int, width: int, to: str) -> None:
    """(B,N,K·p) → the trace point (B,K,N,p). width: K·p."""
    split = g.op("Reshape", flat, g.vector(0, 0, heads, width // heads))
    g.op("Transpose", split, perm=[0, 2, 1, 3], to=to)
    g.output(to, ["batch", heads, "tokens", width // heads])


def fused_attention(
    g: Graph, heads: int, width: int, looks: tuple[str, str, str], gain: str, causal: bool = False
) -> str:
    """softmax(query keyᵀ/√p) value per head, times its gain; (B,N,K·p) in and out. looks: query, key and value.

    causal: a token attends to itself and those before it. ONNX Runtime's fused operator needs memory linear in N: at
    11,881 tokens, 12 heads of 32 it took 61 MB and 1.7 s, the standard Attention of opset 23 6,720 MB and 2.3 s (two
    CPU cores); at 785 tokens all are equally fast.
    """
    head_dim = width // heads
    past: dict[str, Any] = {"unidirectional": 1} if causal else {}
    out = g.op("MultiHeadAttention", *looks, domain=MICROSOFT, num_heads=heads, scale=head_dim**-0.5, **past)
    split = g.op("Reshape", out, g.vector(0, 0, heads, head_dim))
    scaled = g.op("Mul", split, g.op("Unsqueeze", gain, g.vector(1, 3)))
    return g.op("Reshape", scaled, g.vector(0, 0, width))


def classified(norm: str, epsilon: float, head: str) -> Callable[[Graph, Size, str], None]:
    """logits (B,C) from the CLS token: a norm, then a classifier."""

    def scores(g: Graph, size: Size, z: str) -> None:
        del size
        cls = g.op("Gather", z, g.scalar(0), axis=1)
        g.linear(g.norm(cls, norm, epsilon), f"{head}.weight", f"{head}.bias", to="logits")

    return scores
