"""A GPT-2 of the same shape, the language model's comparison twin: three projections and an MLP with a residual.

Parameter names are those of nanoGPT's GPT, on which the released CRATE language model is built. LayerNorm eps 1e-5,
GELU (erf), learned positions, biases, tied head.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.crate_lm import WEIGHT_STD, TextSize
from explorer.models.parts import Law, attention, heads_of, norm_laws


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention of a token to itself and the past."""

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.c_attn = nn.Linear(size.dim, 3 * size.dim)
        self.c_proj = nn.Linear(size.dim, size.dim)

    def forward(self, x: Tensor, gain: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d); query and key (B,K,N,p))."""
        query, key, value = (heads_of(part, self.heads) for part in self.c_attn(x).chunk(3, dim=-1))
        return self.c_proj(attention(query, key, value, gain, causal=True)), query, key


class Neurons(nn.Module):
    """Two linear maps with a GELU between; its activations stand where CRATE has its codes."""

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.c_fc = nn.Linear(size.dim, size.atoms)
        self.c_proj = nn.Linear(size.atoms, size.dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d), activations (B,N,m))."""
        activations = F.gelu(self.c_fc(x))
        return self.c_proj(activations), activations


class GPTBlock(nn.Module):
    """Z^{ℓ+½} = Z^ℓ + attention(LN Z^ℓ), Z^{ℓ+1} = Z^{ℓ+½} + MLP(LN Z^{ℓ+½})."""

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.attn = CausalSelfAttention(size)
        self.ln_2 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.mlp = Neurons(size)


class GPT(nn.Module):
    """The GPT language model. forward returns every trace point by its name in the ONNX contract."""

    learned_positions = True

    def __init__(self, size: TextSize) -> None:
        super().__init__()
        self.size = size
        parts: dict[str, nn.Module] = {"wte": nn.Embedding(size.vocabulary, size.dim)}
        if self.learned_positions:
            parts["wpe"] = nn.Embedding(size.context, size.dim)
        parts["h"] = nn.ModuleList([self.build_block() for _ in range(size.layers)])
        parts["ln_f"] = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.transformer = nn.ModuleDict(parts)
        self.lm_head = nn.Linear(size.dim, size.vocabulary, bias=False)
        self.lm_head.weight = cast(nn.Embedding, self.transformer["wte"]).weight

    def build_block(self) -> GPTBlock:
        return GPTBlock(self.size)

    def embed(self, tokens: Tensor) -> Tensor:
        """(B,N) → Z¹ (B,N,d): the embedding of each token and, where places are learned, of its place."""
        if not self.learned_positions:
            return self.transformer["wte"](tokens)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.transformer["wte"](tokens) + self.transformer["wpe"](places)

    def forward(self, tokens: Tensor, mssa_gain: Tensor | None = None) -> dict[str, Tensor]:
        """tokens int64 (B,N); mssa_gain (L,K) scales the heads' updates.

        Returns logits (B,N,V), z.1 … z.{L+1} and z_half.ℓ (B,N,d), query.ℓ and key.ℓ (B,K,N,p), codes.ℓ (B,N,m).
        """
        points: dict[str, Tensor] = {}
        z = self.embed(tokens)
        for i in range(self.size.layers):
            block = self.block(i)
            points[f"z.{i + 1}"] = z
            gain = None if mssa_gain is None else mssa_gain[i]
            update, points[f"query.{i + 1}"], points[f"key.{i + 1}"] = block.attn(block.ln_1(z), gain)
            points[f"z_half.{i + 1}"] = z = z + update
            update, points[f"codes.{i + 1}"] = block.mlp(block.ln_2(z))
            z = z + update
        points[f"z.{self.size.layers + 1}"] = z
        return {"logits": self.head(z), **points}

    def logits(self, tokens: Tensor) -> Tensor:
        """Scores of the next token (B,N,V) alone, for training: those of forward."""
        z = self.embed(tokens)
        for i in range(self.size.layers):
            block = self.block(i)
            z = z + block.attn(block.ln_1(z))[0]
            z = z + block.mlp(block.ln_2(z))[0]
        return self.head(z)

    def block(self, index: int) -> GPTBlock:
        """A layer, counted from 0."""
        return cast(GPTBlock, cast(nn.ModuleList, self.transformer["h"])[index])

    def head(self, z: Tensor) -> Tensor:
        return self.lm_head(self.transformer["ln_f"](z))

    def init_laws(self) -> dict[str, Law]:
        """nanoGPT's start: weights normal with std 0.02, projections onto the residual smaller by √(2L), biases 0."""
        laws: dict[str, Law] = {f"transformer.{name}.weight": {"normal": WEIGHT_STD} for name in ("wte", "wpe")}
        laws |= norm_laws("transformer.ln_f")
        for i in range(self.size.layers):
            block = f"transformer.h.{i}"
            laws |= norm_laws(f"{block}.ln_1") | norm_laws(f"{block}.ln_2")
            for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"):
                std = WEIGHT_STD / math.sqrt(2 * self.size.layers) if name.endswith("c_proj") else WEIGHT_STD
                laws |= {f"{block}.{name}.weight": {"normal": std}, f"{block}.{name}.bias": {"constant": 0.0}}
        return {name: laws[name] for name, _ in self.named_parameters()}
