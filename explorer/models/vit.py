"""A pre-norm Vision Transformer, the comparison twin: same tokens, but three projections and an MLP.

Parameter names are those of timm's VisionTransformer, on which the CRATE authors' own baseline (model/vit.py) is
built, so that state dicts of DeiT, DINO, DINOv2 and others load too; their parts are said by models/form.py. GELU
(erf). At other grids DINO's and DINOv2's own code resizes positions with an offset of 0.1 or with antialiasing; here
they are resized exactly (parts.positions).
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
LAYER_SCALE = 1e-5
"""Its start, in DINOv2's code and in timm."""


class SelfAttention(nn.Module):
    """Multi-head self-attention with separate query, key and value."""

    def __init__(self, dim: int, heads: int, qkv_bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, z: Tensor, gain: Tensor | None, rows: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """z (B,N,d), normalised → (update (B,N,d), or of the first rows tokens alone; query and key (B,K,N,p))."""
        query, key, value = (heads_of(part, self.heads) for part in self.qkv(z).chunk(3, dim=-1))
        return self.proj(attention(query[:, :, :rows], key, value, gain)), query, key


class MLP(nn.Module):
    """Two linear maps with a GELU between; the ViT's counterpart of the sparsifying step."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, z: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(z)))


class LayerScale(nn.Module):
    """A learned factor for each entry of an update."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(dim))

    def forward(self, update: Tensor) -> Tensor:
        return self.gamma * update


class Block(nn.Module):
    """z ← z + γ₁ attention(norm1 z); z ← z + γ₂ MLP(norm2 z); γ = 1 without a layer scale."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.attn = SelfAttention(size.dim, size.heads, size.form.qkv_bias)
        self.ls1 = LayerScale(size.dim) if size.form.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(size.dim, eps=size.norm_eps)
        self.mlp = MLP(size.dim, size.form.hidden or MLP_RATIO * size.dim)
        self.ls2 = LayerScale(size.dim) if size.form.layer_scale else nn.Identity()

    def forward(self, z: Tensor, gain: Tensor | None, points: dict[str, Tensor], layer: int) -> Tensor:
        """Z^ℓ (B,N,d) → Z^{ℓ+1}; writes query.ℓ, key.ℓ and z_half.ℓ into points."""
        update, points[f"query.{layer}"], points[f"key.{layer}"] = self.attn(self.norm1(z), gain)
        points[f"z_half.{layer}"] = z_half = z + self.ls1(update)
        return z_half + self.ls2(self.mlp(self.norm2(z_half)))

    def fast(self, z: Tensor, rows: int | None) -> Tensor:
        """The same for the first rows tokens alone, without trace points."""
        z_half = z[:, :rows] + self.ls1(self.attn(self.norm1(z), None, rows)[0])
        return z_half + self.ls2(self.mlp(self.norm2(z_half)))


class PatchEmbed(nn.Module):
    """Holds the patch convolution under timm's name."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, size.dim, size.patch, size.patch, bias=not size.form.norm_pre)


class ViT(nn.Module):
    """The ViT image classifier. forward returns every trace point by its name in the ONNX contract."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size, form = size, size.form
        rows, cols = size.grid

        def norm(wanted: bool = True) -> nn.Module:
            return nn.LayerNorm(size.dim, eps=size.norm_eps) if wanted else nn.Identity()

        if form.class_token:
            self.cls_token = nn.Parameter(torch.empty(1, 1, size.dim))
        if form.distilled:
            self.dist_token = nn.Parameter(torch.empty(1, 1, size.dim))
        if form.registers:
            self.reg_token = nn.Parameter(torch.empty(1, form.registers, size.dim))
        self.pos_embed = nn.Parameter(torch.empty(1, form.placed + rows * cols, size.dim))
        self.patch_embed = PatchEmbed(size)
        self.norm_pre = norm(form.norm_pre)
        self.blocks = nn.ModuleList([Block(size) for _ in range(size.layers)])
        self.norm, self.fc_norm = norm(form.norm), norm(form.fc_norm)
        pooled = 2 * size.dim if form.pool == "both" else size.dim
        self.head = nn.Linear(pooled, size.classes) if form.head else nn.Identity()
        self.head_dist = nn.Linear(size.dim, size.classes) if form.head_dist else nn.Identity()

    def embed(self, image: Tensor, stride: int) -> Tensor:
        """(B,3,H,W) normalised pixels → Z¹ (B,N,d): the tokens in front, then the patches row by row."""
        form = self.size.form
        rows, cols = patches(image, self.size.patch, stride).shape[1:3]
        proj = self.patch_embed.proj
        tokens = F.conv2d(image, proj.weight, proj.bias, stride).flatten(2).transpose(1, 2)
        named = [name for name in ("cls_token", "dist_token", "reg_token") if hasattr(self, name)]
        front = [getattr(self, name).expand(len(image), -1, -1) for name in named]
        places = positions(self.pos_embed, rows, cols, form.placed, self.size.grid)
        placeless = len(form.prefix) - form.placed
        if placeless:
            nothing = places.new_zeros(1, placeless, self.size.dim)
            places = torch.cat([places[:, : form.placed], nothing, places[:, form.placed :]], dim=1)
        return self.norm_pre(torch.cat([*front, tokens], dim=1) + places)

    def forward(self, image: Tensor, mssa_gain: Tensor | None = None, stride: int | None = None) -> dict[str, Tensor]:
        """image (B,3,H,W); mssa_gain (L,K) scales the heads' updates. Returns logits (without a head features),
        z.ℓ, z_half.ℓ, query.ℓ, key.ℓ."""
        points: dict[str, Tensor] = {}
        z = self.embed(image, stride or self.size.patch)
        for i, block in enumerate(self.blocks, start=1):
            gain = None if mssa_gain is None else mssa_gain[i - 1]
            points[f"z.{i}"] = z
            z = block(z, gain, points, i)
        points[f"z.{self.size.layers + 1}"] = z
        return {self.size.form.answer: self.read(z), **points}

    def read(self, z: Tensor) -> Tensor:
        """Z^{L+1} (B,N,d), or its first rows as far as they are read, → logits (B,C), or features (B,d)."""
        form = self.size.form
        z = self.norm(z)
        pooled = z[:, 0]
        if form.pool != "token":
            mean = z[:, len(form.prefix) :].mean(dim=1)
            pooled = mean if form.pool == "avg" else torch.cat([pooled, mean], dim=-1)
        scores = self.head(self.fc_norm(pooled))
        return (scores + self.head_dist(z[:, 1])) / 2 if form.head_dist else scores

    def logits(self, image: Tensor, kept: Tensor | None = None) -> Tensor:
        """Class scores (B,C) alone, for training: those of forward to rounding; kept (B,n): the patches that enter.

        Of a plain ViT, which is what is trained here."""
        z = keep_patches(self.embed(image, self.size.patch), kept)
        for i in range(self.size.layers):
            z = cast(Block, self.blocks[i]).fast(z, 1 if i == self.size.layers - 1 else None)
        return self.read(z)

    def init_laws(self) -> dict[str, Law]:
        """timm's start: weights normal with std 0.02 (it truncates at ±2, which no draw reaches), biases 0."""
        laws: dict[str, Law] = {
            "cls_token": {"normal": 1e-6}, "dist_token": {"normal": WEIGHT_STD}, "reg_token": {"normal": 1e-6},
            "pos_embed": {"normal": WEIGHT_STD},
        }  # fmt: skip
        laws |= linear_laws("patch_embed.proj", 3 * self.size.patch**2)
        names = ["head", "head_dist"] + [
            f"blocks.{i}.{part}"
            for i in range(self.size.layers)
            for part in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
        ]
        for name in names:
            laws |= {f"{name}.weight": {"normal": WEIGHT_STD}, f"{name}.bias": {"constant": 0.0}}
        norms = ["norm_pre", "norm", "fc_norm"]
        for name in norms + [f"blocks.{i}.norm{j}" for i in range(self.size.layers) for j in (1, 2)]:
            laws |= norm_laws(name)
        laws |= {f"blocks.{i}.ls{j}.gamma": {"constant": LAYER_SCALE} for i in range(self.size.layers) for j in (1, 2)}
        own = dict(self.named_parameters())
        return {name: law for name, law in laws.items() if name in own}
