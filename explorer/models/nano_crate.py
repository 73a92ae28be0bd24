"""nanochat-crate: the causal CRATE language model in nanochat's form, with rotary positions and learned thresholds.

Parameter names, values and start are those of the released code (modularflow/nanochat-crate-a, nanochat/crate.py), by
which throbbey/crate-d12-base was published. With norm(z) = z/√(mean z² + ε), which has no weights,

    Y⁰ = norm(E[tokens]),  Z^ℓ = a_ℓ Y^{ℓ−1} + b_ℓ Y⁰       (resid_lambdas a, x0_lambdas b; ℓ = 1 … L)
    u  = norm(rotate(W norm(Z^ℓ))) in every head,  Z^{ℓ+½} = Z^ℓ + P softmax(u uᵀ/√p) u   (causal)
    A  = ReLU(η(D_enc norm(Z^{ℓ+½}) − λθ)),        Y^ℓ = Z^{ℓ+½} + D_dec A
    logits = 15 tanh(H norm(Y^L)/15), of the vocabulary only: H's rows are rounded up to a multiple of 64

The trace point z.ℓ is Z^ℓ, what enters layer ℓ, so that z_half − z is the update of MSSA; z.{L+1} is Y^L. So what lies
between z_half.ℓ and z.{ℓ+1} is D_dec A and, but for the last layer, the next layer's a and b. subspace.ℓ is u:
projected, rotated and normalised, which is query, key and value at once, so that attention follows from it. θ (4d) is a
threshold of each atom. The trained network has λ = η = 1, the knobs' values as trained: λ scales all thresholds of a
layer, and A is one ISTA step of size η from A₀ = 0.

The released layers of a short window (S in window_pattern) see sequence_len/2 tokens back. The explorer reads no more
tokens than the shortest window holds with the token itself, where no window cuts anything; so there is no window here.

Not checked: the numbers of the published weights, which were not at hand, and whether this version of the code trained
them (a later one draws the short windows' mask the other way round, which changes nothing within the shortest window).
The released code trains and runs in bfloat16; this is float32, with cos and sin rounded to bfloat16 as there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.families.nanochat_crate import NANOCHAT_CRATE
from explorer.models.crate_lm import TextSize
from explorer.models.parts import Law, attention, heads_of
from explorer.rotary import rotary_tables

SOFT_CAP = NANOCHAT_CRATE.soft_cap
"""Scores lie within ± this."""
FLOAT32_EPS = 2.0**-23
"""What torch's rms_norm adds to the mean square where nothing is said."""
HEAD_STD = 0.001


@dataclass(frozen=True)
class NanoSize(TextSize):
    """Sizes of a nanochat-crate model. rows: of the embedding and of the head, at least the vocabulary.

    No norm has weights, so final_norm, which stands for such weights, is false. eta and lam are factors.
    """

    final_norm: bool = False
    norm_eps: float = FLOAT32_EPS
    eta: float = 1.0
    lam: float = 1.0
    rows: int = 0


class RotaryMSSA(nn.Module):
    """Causal MSSA on rotated, normalised projections: one u is query, key and value."""

    def __init__(self, size: NanoSize) -> None:
        super().__init__()
        self.heads, self.eps = size.heads, size.norm_eps
        self.qkv = nn.Linear(size.dim, size.dim, bias=False)
        self.c_proj = nn.Linear(size.dim, size.dim, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, gain: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised; cos, sin (N,p/2) → (update (B,N,d), u (B,K,N,p))."""
        a, b = heads_of(self.qkv(x), self.heads).chunk(2, dim=-1)
        u = rms_norm(torch.cat([a * cos + b * sin, b * cos - a * sin], dim=-1), self.eps)
        return self.c_proj(attention(u, u, u, gain, causal=True)), u


class LearnedThresholds(nn.Module):
    """One thresholding step against the dictionary D_enc, read out by another, D_dec: ReLU(η(D_enc x − λθ))."""

    def __init__(self, size: NanoSize) -> None:
        super().__init__()
        self.D_enc = nn.Linear(size.dim, size.atoms, bias=False)
        self.D_dec = nn.Linear(size.atoms, size.dim, bias=False)
        self.threshold = nn.Parameter(torch.zeros(size.atoms))
        self.eta, self.lam = size.eta, size.lam

    def forward(self, x: Tensor, eta: Tensor | None = None, lam: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d), codes (B,N,m) ≥ 0)."""
        step, factor = self.eta if eta is None else eta, self.lam if lam is None else lam
        codes = F.relu(step * (self.D_enc(x) - factor * self.threshold))
        return self.D_dec(codes), codes


class NanoBlock(nn.Module):
    """Z^{ℓ+½} = Z^ℓ + MSSA(norm Z^ℓ), Z^{ℓ+1} = Z^{ℓ+½} + ODL(norm Z^{ℓ+½})."""

    def __init__(self, size: NanoSize) -> None:
        super().__init__()
        self.mssa = RotaryMSSA(size)
        self.odl = LearnedThresholds(size)


class NanoCrate(nn.Module):
    """The nanochat-crate language model. forward returns every trace point by its name in the ONNX contract."""

    def __init__(self, size: NanoSize) -> None:
        super().__init__()
        self.size = size
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(size.rows, size.dim),
                "h": nn.ModuleList([NanoBlock(size) for _ in range(size.layers)]),
            }
        )
        self.lm_head = nn.Linear(size.dim, size.rows, bias=False)
        self.resid_lambdas = nn.Parameter(torch.ones(size.layers))
        self.x0_lambdas = nn.Parameter(torch.zeros(size.layers))

    def forward(
        self,
        tokens: Tensor,
        mssa_gain: Tensor | None = None,
        ista_lambda: Tensor | None = None,
        ista_eta: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """tokens int64 (B,N), N at most the context; mssa_gain (L,K), ista_lambda (L,), ista_eta (L,): the knobs.

        Returns logits (B,N,V) of the next token at every place, z.1 … z.{L+1} and z_half.ℓ (B,N,d), subspace.ℓ
        (B,K,N,p) and codes.ℓ (B,N,m).
        """
        points: dict[str, Tensor] = {}
        eps, width = self.size.norm_eps, self.size.dim // self.size.heads
        cos, sin = (torch.from_numpy(table).to(tokens.device) for table in rotary_tables(tokens.shape[1], width))
        z = start = rms_norm(self.transformer["wte"](tokens), eps)
        for i in range(self.size.layers):
            block = self.block(i)
            gain, eta, lam = (None if knob is None else knob[i] for knob in (mssa_gain, ista_eta, ista_lambda))
            points[f"z.{i + 1}"] = z = self.resid_lambdas[i] * z + self.x0_lambdas[i] * start
            update, points[f"subspace.{i + 1}"] = block.mssa(rms_norm(z, eps), cos, sin, gain)
            points[f"z_half.{i + 1}"] = z = z + update
            update, points[f"codes.{i + 1}"] = block.odl(rms_norm(z, eps), eta, lam)
            z = z + update
        points[f"z.{self.size.layers + 1}"] = z
        return {"logits": self.head(z), **points}

    def block(self, index: int) -> NanoBlock:
        """A layer, counted from 0."""
        return cast(NanoBlock, cast(nn.ModuleList, self.transformer["h"])[index])

    def head(self, z: Tensor) -> Tensor:
        scores = self.lm_head(rms_norm(z, self.size.norm_eps))[..., : self.size.vocabulary]
        return SOFT_CAP * torch.tanh(scores / SOFT_CAP)

    def init_laws(self) -> dict[str, Law]:
        """How the released code draws each parameter before training: the steps' outputs start at zero."""
        bound, zero = 1 / math.sqrt(self.size.dim), {"constant": 0.0}
        laws: dict[str, Law] = {
            "transformer.wte.weight": {"normal": 1.0}, "lm_head.weight": {"normal": HEAD_STD},
            "resid_lambdas": {"constant": 1.0}, "x0_lambdas": zero,
        }  # fmt: skip
        for i in range(self.size.layers):
            block = f"transformer.h.{i}"
            laws[f"{block}.mssa.qkv.weight"] = {"uniform": math.sqrt(3) * bound}
            laws[f"{block}.odl.D_enc.weight"] = {"uniform": bound}
            laws |= {f"{block}.{name}": zero for name in ("mssa.c_proj.weight", "odl.D_dec.weight", "odl.threshold")}
        return {name: laws[name] for name, _ in self.named_parameters()}


def rms_norm(x: Tensor, eps: float) -> Tensor:
    """x/√(mean x² + ε) over the last axis."""
    return F.rms_norm(x, (x.shape[-1],), eps=eps)
