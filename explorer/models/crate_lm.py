"""The causal CRATE language model: MSSA that sees only the past, then ISTA against a dictionary, token after token.

Parameter names and values are those of the released code (crate-lm/crate-lm, crate_overcomplete.py and crate.py), so
that its state dicts load as they are. Weights of the head and of the token embedding are one tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.crate import ISTA
from explorer.models.parts import Law, attention, heads_of, kaiming_law, norm_laws

WEIGHT_STD = 0.02


@dataclass(frozen=True)
class TextSize:
    """Sizes of a language model: width d, layers L, heads K, tokens of the vocabulary, longest context in tokens.

    atoms: of each layer's dictionary, 4d in the released code; d is its older, square form. final_norm: whether a norm
    stands in front of the head; the older form has none. eta, lam: ISTA step size and threshold weight of all layers.
    """

    dim: int
    layers: int
    heads: int
    vocabulary: int
    context: int
    atoms: int
    final_norm: bool = True
    norm_eps: float = 1e-5
    eta: float = 0.1
    lam: float = 0.1

    @property
    def overcomplete(self) -> bool:
        return self.atoms != self.dim


class CausalMSSA(nn.Module):
    """MSSA in which a token attends to itself and the past: one projection is query, key and value."""

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.c_attn = nn.Linear(size.dim, size.dim, bias=False)
        self.c_proj = nn.Linear(size.dim, size.dim)

    def forward(self, x: Tensor, gain: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d), projections u (B,K,N,p))."""
        u = heads_of(self.c_attn(x), self.heads)
        return self.c_proj(attention(u, u, u, gain, causal=True)), u


class TiedISTA(nn.Module):
    """Two proximal steps from A₀ = 0 towards a non-negative code of x in the atoms W (m,d), read out by Wᵀ.

    A₁ = ReLU(ηWx − ηλ), A₂ = ReLU(A₁ + ηW(x − WᵀA₁) − ηλ); output WᵀA₂, without a residual.
    """

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size.atoms, size.dim))
        self.eta, self.lam = size.eta, size.lam

    def forward(self, x: Tensor, eta: Tensor | None = None, lam: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised → (output (B,N,d), codes A₂ (B,N,m) ≥ 0)."""
        step, threshold = self.eta if eta is None else eta, self.lam if lam is None else lam
        codes = F.relu(step * F.linear(x, self.weight) - step * threshold)
        residual = x - codes @ self.weight
        codes = F.relu(codes + step * F.linear(residual, self.weight) - step * threshold)
        return codes @ self.weight, codes


class LMBlock(nn.Module):
    """Z^{ℓ+½} = Z^ℓ + MSSA(LN Z^ℓ), Z^{ℓ+1} = ISTA(LN Z^{ℓ+½})."""

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.prenorm_1 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.attn = CausalMSSA(size)
        self.prenorm_2 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.ista = TiedISTA(size) if size.overcomplete else ISTA(size.dim, size.eta, size.lam)


class CrateLM(nn.Module):
    """The CRATE language model. forward returns every trace point by its name in the ONNX contract."""

    learned_positions = True

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.size = size
        parts: dict[str, nn.Module] = {"wte": nn.Embedding(size.vocabulary, size.dim)}
        if self.learned_positions:
            parts["wpe"] = nn.Embedding(size.context, size.dim)
        parts["h"] = nn.ModuleList([self.build_block() for _ in range(size.layers)])
        if size.final_norm:
            parts["ln_f"] = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.transformer = nn.ModuleDict(parts)
        self.lm_head = nn.Linear(size.dim, size.vocabulary, bias=False)
        self.lm_head.weight = cast(nn.Embedding, self.transformer["wte"]).weight

    def build_block(self) -> LMBlock:
        return LMBlock(self.size)

    def embed(self, tokens: Tensor) -> Tensor:
        """(B,N) → Z¹ (B,N,d): the embedding of each token and, where places are learned, of its place."""
        if not self.learned_positions:
            return self.transformer["wte"](tokens)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.transformer["wte"](tokens) + self.transformer["wpe"](places)

    def forward(
        self,
        tokens: Tensor,
        mssa_gain: Tensor | None = None,
        ista_lambda: Tensor | None = None,
        ista_eta: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """tokens int64 (B,N), N at most the context; mssa_gain (L,K), ista_lambda (L,), ista_eta (L,): the knobs.

        Returns logits (B,N,V) of the next token at every place, z.1 … z.{L+1} and z_half.ℓ (B,N,d), subspace.ℓ
        (B,K,N,p), and codes.ℓ (B,N,m) where the dictionary is overcomplete.
        """
        points: dict[str, Tensor] = {}
        z = self.embed(tokens)
        for i in range(self.size.layers):
            block = self.block(i)
            gain, eta, lam = (None if knob is None else knob[i] for knob in (mssa_gain, ista_eta, ista_lambda))
            points[f"z.{i + 1}"] = z
            update, points[f"subspace.{i + 1}"] = block.attn(block.prenorm_1(z), gain)
            points[f"z_half.{i + 1}"] = z = z + update
            z, codes = self.sparsify(block, z, eta, lam)
            if codes is not None:
                points[f"codes.{i + 1}"] = codes
        points[f"z.{self.size.layers + 1}"] = z
        return {"logits": self.head(z), **points}

    def logits(self, tokens: Tensor) -> Tensor:
        """Scores of the next token (B,N,V) alone, for training: those of forward."""
        z = self.embed(tokens)
        for i in range(self.size.layers):
            block = self.block(i)
            z, _ = self.sparsify(block, z + block.attn(block.prenorm_1(z))[0])
        return self.head(z)

    def sparsify(
        self, block: LMBlock, z_half: Tensor, eta: Tensor | None = None, lam: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Z^{ℓ+½} → (Z^{ℓ+1}, codes (B,N,m), None where the dictionary is square and they are the tokens)."""
        found = block.ista(block.prenorm_2(z_half), eta, lam)
        return found if self.size.overcomplete else (found, None)

    def block(self, index: int) -> LMBlock:
        """A layer, counted from 0."""
        return cast(LMBlock, cast(nn.ModuleList, self.transformer["h"])[index])

    def head(self, z: Tensor) -> Tensor:
        return self.lm_head(self.transformer["ln_f"](z) if self.size.final_norm else z)

    def init_laws(self) -> dict[str, Law]:
        """How the released code draws each parameter before training."""
        laws: dict[str, Law] = {f"transformer.{name}.weight": {"normal": WEIGHT_STD} for name in ("wte", "wpe")}
        laws |= norm_laws("transformer.ln_f")
        for i in range(self.size.layers):
            block = f"transformer.h.{i}"
            laws |= norm_laws(f"{block}.prenorm_1") | norm_laws(f"{block}.prenorm_2")
            laws[f"{block}.attn.c_attn.weight"] = {"normal": WEIGHT_STD}
            laws[f"{block}.attn.c_proj.weight"] = {"normal": WEIGHT_STD / math.sqrt(2 * self.size.layers)}
            laws[f"{block}.attn.c_proj.bias"] = {"constant": 0.0}
            laws[f"{block}.ista.weight"] = kaiming_law(self.size.dim)
        return {name: laws[name] for name, _ in self.named_parameters()}
