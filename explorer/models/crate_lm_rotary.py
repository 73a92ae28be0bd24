"""CRATE-LM with rotary positions: attention on projections of one length, relative values, a residual around ISTA.

A variant of the causal CRATE language model of ours. There queries, keys and values of the released form are tiny at
the start and attention stays even; here every projection has length √p. With W the atoms (m,d) of a layer,

    Z¹ = E[tokens]
    u  = RMS(R_n U_kᵀ LN(Z^ℓ))                        of the token at place n, in every head k
    Z^{ℓ+½} = Z^ℓ + O [R_nᵀ softmax(u uᵀ/√p) u]_k + b  (causal)
    Z^{ℓ+1} = Z^{ℓ+½} + Wᵀ A₂,  A₂ = two ISTA steps on LN(Z^{ℓ+½})
    logits  = E LN(Z^{L+1})

where RMS(u) = u/√(mean u² + ε) and R_n turns pairs of entries by angles in proportion to n (explorer.rotary). The mean
is turned back by the place of the token that attends, so that what a token hands on depends on how far away it is and
not on where. subspace.ℓ is u: projected, turned and normalised, query, key and value at once, so that attention follows
from it alone. There are no learned positions and no convolution.

Parameter names are those of CRATE-LM but for wpe, which is not there; so are the files.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.models.crate_lm import CausalMSSA, CrateLM, LMBlock, TextSize
from explorer.models.parts import attention, heads_of
from explorer.rotary import rotary_tables


class TurnedMSSA(CausalMSSA):
    """Causal MSSA on turned, normalised projections, whose mean is turned back by the token's own place."""

    def __init__(self, size: TextSize) -> None:
        super().__init__(size)
        self.eps = size.norm_eps

    def forward(self, x: Tensor, gain: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d), u (B,K,N,p))."""
        u = turned_rms(heads_of(self.c_attn(x), self.heads), self.eps)
        mean = heads_of(attention(u, u, u, gain, causal=True), self.heads)
        return self.c_proj(turned(mean, back=True).transpose(1, 2).flatten(2)), u


class CrateLMRotary(CrateLM):
    """The rotary CRATE language model. forward returns every trace point by its name in the ONNX contract."""

    learned_positions = False

    def build_block(self) -> LMBlock:
        block = super().build_block()
        block.attn = TurnedMSSA(self.size)
        return block

    def sparsify(self, block: LMBlock, z_half: Tensor, eta=None, lam=None) -> tuple[Tensor, Tensor | None]:
        update, codes = super().sparsify(block, z_half, eta, lam)
        return z_half + update, codes


def turned_rms(projections: Tensor, eps: float) -> Tensor:
    """Projections (B,K,N,p), turned by their places, each of root mean square 1."""
    return F.rms_norm(turned(projections), projections.shape[-1:], eps=eps)


def turned(u: Tensor, back: bool = False) -> Tensor:
    """(…,N,p) → the same, the token at place n turned by n's angles, or back by them; see explorer.rotary.rotate."""
    cos, sin = (torch.from_numpy(table).to(u) for table in _tables(u.shape[-2], u.shape[-1]))
    sin = -sin if back else sin
    a, b = u.chunk(2, dim=-1)
    return torch.cat([a * cos + b * sin, b * cos - a * sin], dim=-1)


@lru_cache(maxsize=4)
def _tables(tokens: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin (N,p/2); their rounding to bfloat16 loses nothing where they are multiplied in that. Not tensors: one
    that inference mode has made cannot be trained with."""
    return rotary_tables(tokens, width)
