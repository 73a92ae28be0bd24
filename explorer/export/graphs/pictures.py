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
    """What differs between the networks. positions: the tensor; tokens: flattened patches (B,rows·cols,P·P·3) →
    (B,rows·cols,d); layer: Z^ℓ → Z^{ℓ+1}; head: Z^{L+1} → what the network ends in; thresholds: whether η and λ are
    knobs."""

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
        z = parts.layer(g, size, layer, z, of_layer(g, knobs, layer))
    g.output(z, ["batch", "tokens", size.dim])
    parts.head(g, size, z)
    return g.model(metadata)


def _knobs(g: Graph, size: Size, thresholds: bool) -> Knobs:
    """The stride, and the knobs that all families share."""
    g.knob("stride", np.array(size.patch, np.int64), [])
    steps = {"eta": size.per_layer(size.eta), "lam": size.per_layer(size.lam)} if thresholds else {}
    return add_knobs(g, size.layers, size.heads, {name: np.array(value) for name, value in steps.items()})


def add_knobs(g: Graph, layers: int, heads: int, steps: dict[str, Array]) -> Knobs:
    """The knobs with one row per setting: gain (rows,L,1,K,1), and of steps eta and lam (rows,L,1,1). steps: trained,
    (L,)."""
    gain = g.knob("mssa_gain", np.ones((layers, heads), np.float32), ["gain_rows", heads])
    knobs = {"gain": g.op("Reshape", gain, g.vector(-1, layers, 1, heads, 1))}
    for short, value in steps.items():
        name = {"eta": "ista_eta", "lam": "ista_lambda"}[short]
        knob = g.knob(name, value.astype(np.float32), [f"{name}_rows"])
        knobs[short] = g.op("Reshape", knob, g.vector(-1, layers, 1, 1))
    return knobs


def of_layer(g: Graph, knobs: Knobs, layer: int) -> Knobs:
    """A layer's knobs, as they multiply tokens: gain (rows,1,K,1), eta and lam (rows,1,1). layer: from 0."""
    return {name: g.op("Gather", knob, g.scalar(layer), axis=1) for name, knob in knobs.items()}


FRONT = {"cls_token": "class_token", "dist_token": "distilled", "reg_token": "registers"}
"""The tokens in front of the patches, in their order, and the part of the form that says whether they are there."""


def _embed(g: Graph, parts: Parts, size: Size) -> str:
    """Z¹ (B,N,d): overlapping patches → tokens, those of FRONT before them, positions resized to the grid."""
    stride = g.op("Max", "stride", g.scalar(1))
    rows, row_pixels = _window_pixels(g, size.patch, stride, axis=2)
    cols, col_pixels = _window_pixels(g, size.patch, stride, axis=3)
    last = None if size.form.norm_pre else "z.1"
    front = _front(g, parts.positions, size)
    places = _places(g, parts.positions, size, rows, cols)
    z = parts.tokens(g, size, _windows(g, size.patch, row_pixels, col_pixels))
    z = g.op("Add", z, places, to=None if front else last)
    if front:
        shape = g.op("Concat", g.op("Shape", "image", start=0, end=1), g.vector(1, size.dim), axis=0)
        z = g.op("Concat", g.op("Expand", front, shape), z, axis=1, to=last)
    return g.norm(z, "norm_pre", size.norm_eps, to="z.1") if size.form.norm_pre else z


def _window_pixels(g: Graph, patch: int, stride: str, axis: int) -> tuple[str, str]:
    """(windows (count,) numbered from 0, pixel indices (count,P)) along one axis: count = 1 + ⌊(length − P)/stride⌋."""
    length = g.op("Squeeze", g.op("Shape", "image", start=axis, end=axis + 1))
    count = g.op("Add", g.op("Div", g.op("Sub", length, g.scalar(patch)), stride), g.scalar(1))
    windows = g.op("Range", g.scalar(0), count, g.scalar(1))
    starts = g.op("Unsqueeze", g.op("Mul", windows, stride), g.vector(1))
    return windows, g.op("Add", starts, g.vector(*range(patch)))


def _windows(g: Graph, patch: int, row_pixels: str, col_pixels: str) -> str:
    """The patches (B,rows·cols,P·P·3), each flattened as (row, column, channel); their pixels' places are (count,P)."""
    width = g.op("Shape", "image", start=3, end=4)
    starts = g.op("Unsqueeze", g.op("Mul", row_pixels, width), g.vector(1, 3))
    places = g.op("Add", starts, g.op("Unsqueeze", col_pixels, g.vector(0, 2)))  # rows,cols,P,P
    pixels = g.op("Transpose", g.op("Reshape", "image", g.vector(0, 3, -1)), perm=[0, 2, 1])
    pixels = g.op("Gather", pixels, g.op("Reshape", places, g.vector(-1)), axis=1)
    return g.op("Reshape", pixels, g.vector(0, -1, 3 * patch**2))


def _flattened(g: Graph, size: Size, windows: str) -> str:
    """CRATE's tokens: a flattened patch through a matrix between two norms."""
    del size
    name = "to_patch_embedding"
    x = g.linear(g.norm(windows, f"{name}.1", 1e-5), f"{name}.2.weight", f"{name}.2.bias")
    return g.norm(x, f"{name}.3", 1e-5)


def convolved(name: str) -> Callable[[Graph, Size, str], str]:
    """Tokens of a convolution of that name, whose kernel (d,3,P,P) is turned to the patches' order."""

    def tokens(g: Graph, size: Size, windows: str) -> str:
        kernel = g.op("Transpose", g.weight(f"{name}.weight"), perm=[2, 3, 1, 0])
        product = g.op("MatMul", windows, g.op("Reshape", kernel, g.vector(-1, size.dim)))
        return product if size.form.norm_pre else g.op("Add", product, g.weight(f"{name}.bias"))

    return tokens


def _front(g: Graph, name: str, size: Size) -> str | None:
    """The tokens in front of the patches with their positions, where they have one, (1,P,d); None where there are
    none."""
    tokens = [g.weight(token) for token, part in FRONT.items() if getattr(size.form, part)]
    if not tokens:
        return None
    front, placed = g.joined(tokens, axis=1), size.form.placed
    if not placed:
        return front
    given = [g.op("Slice", g.weight(name), g.vector(0), g.vector(placed), g.vector(1))]
    if placeless := len(size.form.prefix) - placed:
        given.append(g.table("no_positions", np.zeros((1, placeless, size.dim))))
    return g.op("Add", front, g.joined(given, axis=1))


def _places(g: Graph, name: str, size: Size, rows: str, cols: str) -> str:
    """Positions of the patches (1,rows·cols,d): the trained grid resized bicubically, as torch's interpolate does.

    The bicubic filter is separable, so this is a small product along each axis: R · cells · Cᵀ with R (rows,G+4) and
    C (cols,G+4) of cubic_weights, and the trained cells with their borders repeated twice on every side. That is a
    constant when a session opens. (ONNX's Resize took a quarter of a run.)
    """
    (high, wide), placed = size.grid, size.form.placed
    cells = g.op("Slice", g.weight(name), g.vector(placed), g.vector(placed + high * wide), g.vector(1))
    cells = g.op("Reshape", cells, g.vector(high, wide, size.dim))
    for axis, side in enumerate(size.grid):
        cells = g.op("Gather", cells, g.vector(*np.clip(np.arange(-2, side + 2), 0, side - 1)), axis=axis)
    cells = g.op("Reshape", cells, g.vector(high + 4, -1))
    resized = g.op("Reshape", g.op("MatMul", cubic_weights(g, rows, high), cells), g.vector(-1, wide + 4, size.dim))
    resized = g.op("MatMul", cubic_weights(g, cols, wide), resized)
    return g.op("Reshape", resized, g.vector(1, -1, size.dim))


def cubic_weights(g: Graph, targets: str, sources: int) -> str:
    """How much each of n targets (n,), numbered from 0, takes of the cells −2 … G+1: (n,G+4). sources: G.

    Keys' kernel with a = −¾, w(δ) = ¾(m₂ − 1)m₂² − 2m₁³ with m_r = max(r − |δ|, 0), at
    δ = ((2i + 1)G − (2j + 1)n) / 2n, the distance of the middles of target i and cell j in cells. Whole numbers and
    float64 until the end, so that at n = G the weights are exactly 0 and 1, and elsewhere rounded once.
    """
    count = g.op("Shape", targets)
    ends = g.op("Mul", g.op("Add", g.op("Mul", targets, g.scalar(2)), g.scalar(1)), g.scalar(sources))
    cells = g.op("Mul", g.vector(*range(-3, 2 * sources + 4, 2)), count)
    apart = g.op("Sub", g.op("Unsqueeze", ends, g.vector(1)), cells)
    distance, double = (g.cast(whole, np.float64) for whole in (g.op("Abs", apart), g.op("Mul", count, g.scalar(2))))
    distance = g.op("Div", distance, double)
    numbers = {"one": 1, "two": 2, "three_quarters": 0.75}
    one, two, quarters = (g.number(name, value, np.float64) for name, value in numbers.items())
    near, far = (g.op("Relu", g.op("Sub", reach, distance)) for reach in (one, two))
    outer = g.op("Mul", g.op("Mul", quarters, g.op("Sub", far, one)), g.op("Mul", far, far))
    inner = g.op("Mul", g.op("Mul", two, near), g.op("Mul", near, near))
    return g.cast(g.op("Sub", outer, inner), np.float32)


def _crate_layer(g: Graph, size: Size, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, subspace.ℓ and z_half.ℓ."""
    name, number = LAYERS.format(l=layer), layer + 1
    _, x = _compressed(g, size, layer, z, knobs, bias=f"{name}.0.fn.to_out.0.bias")
    return ista(g, x, f"{name}.1.fn.weight", *thresholds(g, knobs), f"z.{number + 1}")


def _alpha_layer(g: Graph, size: Size, layer: int, z: str, knobs: Knobs) -> str:
    """Z^ℓ → Z^{ℓ+1}; writes z.ℓ, subspace.ℓ, z_half.ℓ and codes.ℓ."""
    name, number = LAYERS.format(l=layer), layer + 1
    z_half, x = _compressed(g, size, layer, z, knobs, bias=None)
    D = g.weight(f"{name}.1.fn.D")
    codes = two_steps(g, x, D, g.op("Transpose", D, perm=[1, 0]), *thresholds(g, knobs), f"codes.{number}")
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


def thresholds(g: Graph, knobs: Knobs) -> tuple[str, str]:
    """η, and the threshold ηλ, for every token and entry."""
    return knobs["eta"], g.op("Mul", knobs["eta"], knobs["lam"])


def ista(g: Graph, x: str, dictionary: str, step: str, threshold: str, to: str) -> str:
    """ReLU(x + η Dᵀ(x − Dx) − ηλ), as one product: x Dᵀ(I − D) is x (D − DᵀD) with tokens as rows. The matrix is a
    constant when a session opens."""
    D = g.weight(dictionary)
    step_matrix = g.op("Sub", D, g.op("MatMul", g.op("Transpose", D, perm=[1, 0]), D))
    moved = g.op("Add", x, g.op("Mul", step, g.op("MatMul", x, step_matrix)))
    return g.op("Relu", g.op("Sub", moved, threshold), to=to)


def two_steps(g: Graph, x: str, analysis: str, synthesis: str, step: str, threshold: str, to: str) -> str:
    """Two steps A ← ReLU(A − η Dᵀ(DA − x) − ηλ) from A₀ = 0, tokens as rows. analysis: D (d,m) as a value, synthesis:
    Dᵀ. η multiplies the d entries of a token, not its m products."""
    scaled = g.op("Mul", step, x)
    first = g.op("Relu", g.op("Sub", g.op("MatMul", scaled, analysis), threshold))
    residual = g.op("Sub", g.op("Mul", step, g.op("MatMul", first, synthesis)), scaled)
    second = g.op("Sub", g.op("Sub", first, g.op("MatMul", residual, analysis)), threshold)
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

    causal: a token attends to itself and those before it. ONNX Runtime's fused operator needs memory linear in N, and
    no other way made a run of 257 tokens or more faster by a tenth (docs/architecture.md has the table).
    """
    head_dim = width // heads
    past: dict[str, Any] = {"unidirectional": 1} if causal else {}
    out = g.op("MultiHeadAttention", *looks, domain=MICROSOFT, num_heads=heads, scale=head_dim**-0.5, **past)
    split = g.op("Reshape", out, g.vector(0, 0, heads, head_dim))
    scaled = g.op("Mul", split, gain)
    return g.op("Reshape", scaled, g.vector(0, 0, width))


def classified(norm: str, epsilon: float, head: str) -> Callable[[Graph, Size, str], None]:
    """logits (B,C) from the CLS token: a norm, then a classifier."""

    def scores(g: Graph, size: Size, z: str) -> None:
        del size
        cls = g.op("Gather", z, g.scalar(0), axis=1)
        g.linear(g.norm(cls, norm, epsilon), f"{head}.weight", f"{head}.bias", to="logits")

    return scores
