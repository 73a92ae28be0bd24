"""A made-up family: CRATE's attention, and no second half step. One record, one torch module, one graph function."""

from __future__ import annotations

import dataclasses

import onnx
import torch
from torch import Tensor, nn

from explorer.export.graphs.graph import Graph
from explorer.export.graphs.pictures import Knobs, Parts, Weights, build, by_heads, classified, fused_attention
from explorer.families import Family, Formulas, Shapes
from explorer.families.crate import AS_DERIVED
from explorer.models.crate import Size
from explorer.models.parts import Law, attention, heads_of, linear_laws, norm_laws, positions

ATTENTION_ONLY = Family(
    name="attention_only",
    label="Attention-only",
    modality="image",
    attention="shared",
    second_half="none",
    norm="layer",
    norm_eps=1e-5,
    rotary=False,
    relative=False,
    atoms_in_rows=False,
    soft_cap=0.0,
    signature=r"^steps\.\d+\.u\.weight$",
    lacks="",
    released={},
    unused=(),
    tied=False,
    biases="all",
    reads_config=False,
    shapes=Shapes(
        layer=r"^steps\.(\d+)\.",
        positions="places",
        projections="",
        classes="head.weight",
        patches="conv.weight",
        atoms="",
    ),
    weights={"subspaces": "steps.{l}.u.weight", "mssa_out": "steps.{l}.out.weight", "mssa_norm": "steps.{l}.norm"},
    tensors={"u": "U", "out": "output", "norm": "norm"},
    steps=(("compress", "MSSA"), ("keep", "nothing")),
    formulas=Formulas(
        attention=r"\mathrm{MSSA}(Z^{<l>})",
        square=r"Z^{<l+1>} = Z^{<l>+\frac12}",
        overcomplete="",
        last="",
        threshold="",
        threshold_overcomplete="",
    ),
    notes=dataclasses.replace(AS_DERIVED, layers="An attention-only network sets no entry to zero."),
    network="tests.families.made_up:AttentionOnly",
    sizes="explorer.export.identify:picture_size",
    graph="tests.families.made_up:graph",
    training=None,
)


class Step(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.u = nn.Linear(size.dim, size.dim, bias=False)
        self.out = nn.Linear(size.dim, size.dim, bias=False)


class AttentionOnly(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.Conv2d(3, size.dim, size.patch, size.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.dim))
        self.places = nn.Parameter(torch.zeros(1, 1 + (size.image_size // size.patch) ** 2, size.dim))
        self.steps = nn.ModuleList(Step(size) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.head = nn.Linear(size.dim, size.classes)

    def init_laws(self) -> dict[str, Law]:
        laws: dict[str, Law] = {"cls_token": {"normal": 0.02}, "places": {"normal": 0.02}}
        laws |= linear_laws("conv", 3 * self.size.patch**2) | norm_laws("norm") | linear_laws("head", self.size.dim)
        for i in range(self.size.layers):
            laws |= norm_laws(f"steps.{i}.norm")
            laws |= {f"steps.{i}.{name}.weight": {"normal": 0.2} for name in ("u", "out")}
        return laws

    def forward(self, image: Tensor, stride: int | None = None, mssa_gain: Tensor | None = None) -> dict[str, Tensor]:
        stride = stride or self.size.patch
        gain = torch.ones(self.size.layers, self.size.heads) if mssa_gain is None else mssa_gain
        points: dict[str, Tensor] = {}
        tokens = nn.functional.conv2d(image, self.conv.weight, self.conv.bias, stride)
        rows, cols = tokens.shape[-2:]
        z = torch.cat([self.cls_token.expand(len(image), -1, -1), tokens.flatten(2).transpose(1, 2)], dim=1)
        z = z + positions(self.places, rows, cols)
        for i, step in enumerate(self.steps, start=1):
            points[f"z.{i}"] = z
            points[f"subspace.{i}"] = u = heads_of(step.u(step.norm(z)), self.size.heads)
            z = z + step.out(attention(u, u, u, gain[i - 1]))
            points[f"z_half.{i}"] = z
        points[f"z.{self.size.layers + 1}"] = z
        points["logits"] = self.head(self.norm(z[:, 0]))
        return points


def graph(size: Size, weights: Weights, metadata: dict[str, str]) -> onnx.ModelProto:
    def tokens(g: Graph, size: Size, windows: str) -> str:
        kernel = g.op("Transpose", g.weight("conv.weight"), perm=[2, 3, 1, 0])
        kernel = g.op("Reshape", kernel, g.vector(-1, size.dim))
        return g.op("Add", g.op("MatMul", windows, kernel), g.weight("conv.bias"))

    def layer(g: Graph, size: Size, layer: int, z: str, knobs: Knobs) -> str:
        name, number = f"steps.{layer}", layer + 1
        g.output(z, ["batch", "tokens", size.dim])
        u = g.linear(g.norm(z, f"{name}.norm", size.norm_eps), f"{name}.u.weight")
        by_heads(g, u, size.heads, size.dim, f"subspace.{number}")
        update = fused_attention(g, size.heads, size.dim, (u, u, u), knobs["gain"])
        z_half = g.op("Add", z, g.linear(update, f"{name}.out.weight"), to=f"z_half.{number}")
        g.output(z_half, ["batch", "tokens", size.dim])
        return g.op("Add", z_half, g.number("nothing", 0.0), to=f"z.{number + 1}")

    head = classified("norm", size.norm_eps, "head")
    return build(Parts("places", tokens, layer, head, False), size, weights, metadata)
