"""What the families share: overlapping patches, interpolated positions, laws of initialisation.

Nothing here has weights of its own, so that each family keeps the parameter names of its released code.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Law = dict[str, float]
"""How a tensor is drawn at initialisation: {"uniform": bound}, {"normal": std} or {"constant": value}."""


def patches(image: Tensor, patch: int, stride: int) -> Tensor:
    """Cut (B,3,H,W) into (B,rows,cols,patch,patch,3); a stride below the patch size makes them overlap.

    rows = 1 + ⌊(H − patch)/stride⌋, and so for cols: pixels beyond the last whole patch are not seen.
    """
    windows = image.unfold(2, patch, stride).unfold(3, patch, stride)
    return windows.permute(0, 2, 3, 4, 5, 1)


def positions(embedding: Tensor, rows: int, cols: int, placed: int = 1, grid: tuple[int, int] | None = None) -> Tensor:
    """Learned positions (1,placed+n,d) resized to (1,placed+rows·cols,d) by bicubic interpolation.

    The first `placed` rows, CLS alone by default, belong to tokens without a place and stay. grid: rows and columns
    that the n were trained for, None for a square. At the trained grid they come back unchanged. The released code
    reaches the same sizes through a scale factor of (size + 0.1)/√n, an old guard against rounding, which shifts the
    samples by at most 0.1 of a cell; exact sizes are used here, as newer ViT code does.
    """
    side = math.isqrt(embedding.shape[1] - placed)
    grid = grid or (side, side)
    if (rows, cols) == grid:
        return embedding
    cells = embedding[:, placed:].unflatten(1, grid).permute(0, 3, 1, 2)
    resized = F.interpolate(cells, size=(rows, cols), mode="bicubic", align_corners=False)
    return torch.cat([embedding[:, :placed], resized.flatten(2).transpose(1, 2)], dim=1)


def keep_patches(z: Tensor, kept: Tensor | None) -> Tensor:
    """CLS and the patches kept (B,n) of tokens (B,1+N,d), numbered from 0 → (B,1+n,d); None keeps all."""
    if kept is None:
        return z
    patch_tokens = z[:, 1:].gather(1, kept[..., None].expand(-1, -1, z.shape[-1]))
    return torch.cat([z[:, :1], patch_tokens], dim=1)


def heads_of(projected: Tensor, heads: int) -> Tensor:
    """(B,N,K·p) → (B,K,N,p)."""
    return projected.unflatten(-1, (heads, -1)).transpose(1, 2)


def attention(query: Tensor, key: Tensor, value: Tensor, gain: Tensor | None, causal: bool = False) -> Tensor:
    """softmax(query keyᵀ/√p) value, each head times its gain (K,); (B,K,N,p) → (B,N,K·p).

    causal: a token attends to itself and those before it. In bfloat16 on a CPU two matrix products train 2.4 times as
    fast as torch's fused kernel (65 tokens, p = 32).
    """
    if query.is_cpu and query.dtype is torch.bfloat16:
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        out = torch.softmax(scores, dim=-1).to(value.dtype) @ value
    else:
        out = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
    if gain is not None:
        out = out * gain[:, None, None]
    return out.transpose(1, 2).flatten(2)


def linear_laws(name: str, fan_in: int) -> dict[str, Law]:
    """PyTorch's default for nn.Linear: weight and bias uniform in ±1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    return {f"{name}.weight": {"uniform": bound}, f"{name}.bias": {"uniform": bound}}


def kaiming_law(fan_in: int) -> Law:
    """kaiming_uniform_ with its default slope 0: uniform in ±√(6/fan_in)."""
    return {"uniform": math.sqrt(6 / fan_in)}


def norm_laws(name: str) -> dict[str, Law]:
    """LayerNorm: scale 1, shift 0."""
    return {f"{name}.weight": {"constant": 1.0}, f"{name}.bias": {"constant": 0.0}}


@torch.no_grad()
def initialise(model: nn.Module, laws: dict[str, Law], seed: int) -> None:
    """Draw every parameter of a model from its law. Raises KeyError for a parameter without one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        ((kind, value),) = laws[name].items()
        if kind == "uniform":
            parameter.uniform_(-value, value, generator=generator)
        elif kind == "normal":
            parameter.normal_(0.0, value, generator=generator)
        else:
            parameter.fill_(value)
