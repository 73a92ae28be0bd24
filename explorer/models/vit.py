"""A plain pre-norm Vision Transformer, the comparison twin: same tokens, but three projections and an MLP.

Parameter names are those of timm's VisionTransformer, on which the CRATE authors' own baseline (model/vit.py) is
built, so that DeiT- and DINO-style state dicts load too. LayerNorm eps 1e-6, GELU (erf), pooling by CLS.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.crate import Size
from explorer.models.parts import Law, attention, heads_of, keep_patches, linear_laws, norm_laws, patches, positions

MLP_RATIO = 4
WEIGHT_STD = 0.02


class SelfAttention(nn.Module):
    """Multi-head self-attention with separate query, key and value."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, z: Tensor, gain: Tensor | None, rows: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """z (B,N,d), normalised → (update (B,N,d), or of the first rows tokens alone; query and key (B,K,N,p))."""
        query, key, value = (heads_of(part, self.heads) for part in self.qkv(z).chunk(3, dim=-1))
        return self.proj(attention(query[:, :, :rows], key, value, gain)), query, key


class MLP(nn.Module):
    """Two linear maps with a GELU between; the ViT's counterpart of the sparsifying step."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, MLP_RATIO * dim)
        self.fc2 = nn.Linear(MLP_RATIO * dim, dim)

    def forward(self, z: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(z)))


class Block(nn.Module):
    """z ← z + attention(norm1 z); z ← z + MLP(norm2 z)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.attn = SelfAttention(size.dim, size.heads)
        self.norm2 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.mlp = MLP(size.dim)

    def forward(self, z: Tensor, gain: Tensor | None, points: dict[str, Tensor], layer: int) -> Tensor:
        """Z^ℓ (B,N,d) → Z^{ℓ+1}; writes query.ℓ, key.ℓ and z_half.ℓ into points."""
        update, points[f"query.{layer}"], points[f"key.{layer}"] = self.attn(self.norm1(z), gain)
        points[f"z_half.{layer}"] = z_half = z + update
        return z_half + self.mlp(self.norm2(z_half))

    def fast(self, z: Tensor, rows: int | None) -> Tensor:
        """The same for the first rows tokens alone, without trace points."""
        z_half = z[:, :rows] + self.attn(self.norm1(z), None, rows)[0]
        return z_half + self.mlp(self.norm2(z_half))


class PatchEmbed(nn.Module):
    """Holds the patch convolution under timm's name."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, size.dim, size.patch, size.patch)


class ViT(nn.Module):
    """The ViT image classifier. forward returns every trace point by its name in the ONNX contract."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        tokens = (size.image_size // size.patch) ** 2
        self.cls_token = nn.Parameter(torch.empty(1, 1, size.dim))
        self.pos_embed = nn.Parameter(torch.empty(1, tokens + 1, size.dim))
        self.patch_embed = PatchEmbed(size)
        self.blocks = nn.ModuleList([Block(size) for _ in range(size.layers)])
        self.norm = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.head = nn.Linear(size.dim, size.classes)

    def embed(self, image: Tensor, stride: int) -> Tensor:
        """(B,3,H,W) normalised pixels → Z¹ (B,N,d): CLS first, then the patches row by row."""
        rows, cols = patches(image, self.size.patch, stride).shape[1:3]
        proj = self.patch_embed.proj
        tokens = F.conv2d(image, proj.weight, proj.bias, stride).flatten(2).transpose(1, 2)
        z = torch.cat([self.cls_token.expand(len(image), -1, -1), tokens], dim=1)
        return z + positions(self.pos_embed, rows, cols)

    def forward(self, image: Tensor, mssa_gain: Tensor | None = None, stride: int | None = None) -> dict[str, Tensor]:
        """image (B,3,H,W); mssa_gain (L,K) scales the heads' updates. Returns logits, z.ℓ, z_half.ℓ, query.ℓ, key.ℓ."""
        points: dict[str, Tensor] = {}
        z = self.embed(image, stride or self.size.patch)
        for i, block in enumerate(self.blocks, start=1):
            gain = None if mssa_gain is None else mssa_gain[i - 1]
            points[f"z.{i}"] = z
            z = block(z, gain, points, i)
        points[f"z.{self.size.layers + 1}"] = z
        return {"logits": self.head(self.norm(z[:, 0])), **points}

    def logits(self, image: Tensor, kept: Tensor | None = None) -> Tensor:
        """Class scores (B,C) alone, for training: those of forward to rounding; kept (B,n): the patches that enter."""
        z = keep_patches(self.embed(image, self.size.patch), kept)
        for i in range(self.size.layers):
            z = cast(Block, self.blocks[i]).fast(z, 1 if i == self.size.layers - 1 else None)
        return self.head(self.norm(z[:, 0]))

    def init_laws(self) -> dict[str, Law]:
        """timm's start: weights normal with std 0.02 (it truncates at ±2, which no draw reaches), biases 0."""
        laws: dict[str, Law] = {"cls_token": {"normal": 1e-6}, "pos_embed": {"normal": WEIGHT_STD}}
        laws |= linear_laws("patch_embed.proj", 3 * self.size.patch**2)
        names = ["head"] + [
            f"blocks.{i}.{part}"
            for i in range(self.size.layers)
            for part in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
        ]
        for name in names:
            laws |= {f"{name}.weight": {"normal": WEIGHT_STD}, f"{name}.bias": {"constant": 0.0}}
        for name in ["norm"] + [f"blocks.{i}.norm{j}" for i in range(self.size.layers) for j in (1, 2)]:
            laws |= norm_laws(name)
        return laws
