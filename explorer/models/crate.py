"""CRATE: each layer compresses the tokens towards K learned subspaces, then sparsifies them against a dictionary.

Parameter names and values are those of the released code (Ma-Lab-Berkeley/CRATE, model/crate.py), so that its state
dicts load as they are. Papers: arXiv 2306.01129, 2311.13110.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.form import PLAIN, Form
from explorer.models.parts import (
    Law,
    attention,
    heads_of,
    kaiming_law,
    keep_patches,
    linear_laws,
    norm_laws,
    patches,
    positions,
)


@dataclass(frozen=True)
class Size:
    """Sizes of a model: width d, layers L, heads K, patch side and trained image side in pixels, classes.

    inner: K·p, the width of all heads together, when it is not d. norm_eps: epsilon of the block norms.
    eta, lam: ISTA step size and threshold weight, one for all layers or one for each. form: the parts of a ViT.
    """

    dim: int
    layers: int
    heads: int
    patch: int = 16
    classes: int = 1000
    image_size: int = 224
    norm_eps: float = 1e-5
    eta: float | tuple[float, ...] = 0.1
    lam: float | tuple[float, ...] = 0.1
    inner: int | None = None
    form: Form = PLAIN

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches that the positions were trained for."""
        side = self.image_size // self.patch
        return self.form.grid or (side, side)

    @property
    def projected(self) -> int:
        return self.inner or self.dim

    @property
    def projects_out(self) -> bool:
        """False for one head as wide as the tokens, which the released code leaves without an output matrix."""
        return self.heads > 1 or self.projected != self.dim

    def per_layer(self, value: float | tuple[float, ...]) -> tuple[float, ...]:
        return value if isinstance(value, tuple) else (value,) * self.layers


TINY = Size(dim=384, layers=12, heads=6)
SMALL = Size(dim=576, layers=12, heads=12)
BASE = Size(dim=768, layers=12, heads=12)
LARGE = Size(dim=1024, layers=24, heads=16)


class MSSA(nn.Module):
    """Multi-head subspace self-attention: out = W [softmax(u_k u_kᵀ/√p) u_k]_k + b with u_k = U_kᵀ z.

    One projection is query, key and value. The theory's prefactor and outer U_k are the learned W here, as in the
    released code; alpha variants have no bias, and one head as wide as the tokens has no W at all.
    """

    def __init__(self, size: Size, bias: bool = True) -> None:
        super().__init__()
        self.heads = size.heads
        self.qkv = nn.Linear(size.dim, size.projected, bias=False)
        out = nn.Linear(size.projected, size.dim, bias=bias)
        self.to_out = nn.Sequential(out) if size.projects_out else nn.Identity()

    def forward(self, z: Tensor, gain: Tensor | None = None, rows: int | None = None) -> tuple[Tensor, Tensor]:
        """z (B,N,d), normalised → (update (B,N,d), or of the first rows tokens alone; projections u (B,K,N,p))."""
        u = heads_of(self.qkv(z), self.heads)
        return self.to_out(attention(u[:, :, :rows], u, u, gain)), u


class ISTA(nn.Module):
    """One proximal step towards a sparse non-negative code: ReLU(z + η Dᵀ(z − Dz) − ηλ), D square, no residual."""

    def __init__(self, dim: int, eta: float, lam: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim, dim))
        self.eta, self.lam = eta, lam

    def forward(self, z: Tensor, eta: Tensor | None = None, lam: Tensor | None = None) -> Tensor:
        """z (B,N,d), normalised → (B,N,d), entries ≥ 0."""
        step, threshold = self.eta if eta is None else eta, self.lam if lam is None else lam
        residual = z - F.linear(z, self.weight)
        return F.relu(z + step * F.linear(residual, self.weight.t()) - step * threshold)

    def folded(self, z: Tensor) -> Tensor:
        """The same as forward without knobs, by one product with η(D − DᵀD) instead of two: for many tokens."""
        step = self.eta * (self.weight - self.weight.t() @ self.weight)
        return F.relu(z + z @ step - self.eta * self.lam)


class PreNorm(nn.Module):
    """A norm and the block behind it; only names them as the released code does."""

    def __init__(self, dim: int, eps: float, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.fn = fn

    def forward(self, z: Tensor, *args: Any):
        return self.fn(self.norm(z), *args)


class Blocks(nn.Module):
    """Holds the layers under the released code's name `transformer.layers.i.{0: MSSA, 1: sparsification}`."""

    def __init__(self, layers: list[nn.ModuleList]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def layer(self, index: int) -> tuple[nn.Module, nn.Module]:
        """The two blocks of a layer, counted from 0."""
        mssa, sparsify = cast(nn.ModuleList, self.layers[index])
        return mssa, sparsify


class Crate(nn.Module):
    """The CRATE image classifier. forward returns every trace point by its name in the ONNX contract."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        tokens = (size.image_size // size.patch) ** 2
        self.build_embedding()
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens + 1, size.dim))
        self.cls_token = nn.Parameter(torch.empty(1, 1, size.dim))
        steps = zip(size.per_layer(size.eta), size.per_layer(size.lam), strict=True)
        self.transformer = Blocks([nn.ModuleList(self.build_layer(eta, lam)) for eta, lam in steps])
        self.mlp_head = nn.Sequential(nn.LayerNorm(size.dim), nn.Linear(size.dim, size.classes))

    def build_embedding(self) -> None:
        size, patch_dim = self.size, 3 * self.size.patch**2
        self.to_patch_embedding = nn.Sequential(
            nn.Identity(), nn.LayerNorm(patch_dim), nn.Linear(patch_dim, size.dim), nn.LayerNorm(size.dim)
        )

    def build_layer(self, eta: float, lam: float) -> list[nn.Module]:
        size = self.size
        return [
            PreNorm(size.dim, size.norm_eps, MSSA(size)),
            PreNorm(size.dim, size.norm_eps, ISTA(size.dim, eta, lam)),
        ]

    def embed(self, image: Tensor, stride: int) -> Tensor:
        """(B,3,H,W) normalised pixels → Z¹ (B,N,d): CLS first, then the patches row by row."""
        windows = patches(image, self.size.patch, stride)
        tokens = self.to_patch_embedding(windows.flatten(3).flatten(1, 2))
        z = torch.cat([self.cls_token.expand(len(image), -1, -1), tokens], dim=1)
        rows, columns = windows.shape[1:3]
        return z + positions(self.pos_embedding, rows, columns)

    def forward(
        self,
        image: Tensor,
        mssa_gain: Tensor | None = None,
        ista_lambda: Tensor | None = None,
        ista_eta: Tensor | None = None,
        stride: int | None = None,
    ) -> dict[str, Tensor]:
        """image (B,3,H,W); mssa_gain (L,K), ista_lambda (L,), ista_eta (L,), stride: the knobs, None = as trained.

        Returns logits (B,C), z.1 … z.{L+1} and z_half.ℓ (B,N,d), subspace.ℓ (B,K,N,p), and codes.ℓ where there are.
        """
        points: dict[str, Tensor] = {}
        z = self.embed(image, stride or self.size.patch)
        for i in range(self.size.layers):
            mssa, sparsify = self.transformer.layer(i)
            gain, eta, lam = (None if knob is None else knob[i] for knob in (mssa_gain, ista_eta, ista_lambda))
            points[f"z.{i + 1}"] = z
            update, points[f"subspace.{i + 1}"] = mssa(z, gain)
            points[f"z_half.{i + 1}"] = z = z + update
            z = self.sparsify(sparsify, z, eta, lam, points, i + 1)
        points[f"z.{self.size.layers + 1}"] = z
        return {"logits": self.mlp_head(z[:, 0]), **points}

    def logits(self, image: Tensor, kept: Tensor | None = None) -> Tensor:
        """Class scores (B,C) alone, for training: those of forward to rounding, without what no score depends on.

        kept (B,n): the patches that enter, None = all. Behind the last attention only CLS is computed.
        """
        z = keep_patches(self.embed(image, self.size.patch), kept)
        for i in range(self.size.layers):
            mssa, sparsify = self.transformer.layer(i)
            rows = 1 if i == self.size.layers - 1 else None
            z = self.sparsify_fast(sparsify, z[:, :rows] + mssa(z, None, rows)[0])
        return self.mlp_head(z[:, 0])

    def sparsify_fast(self, block: nn.Module, z_half: Tensor) -> Tensor:
        """Z^{ℓ+1} from Z^{ℓ+½} as trained, without trace points."""
        block = cast(PreNorm, block)
        return cast(ISTA, block.fn).folded(block.norm(z_half))

    def sparsify(self, block: nn.Module, z_half: Tensor, eta, lam, points: dict[str, Tensor], layer: int) -> Tensor:
        """Z^{ℓ+1} from Z^{ℓ+½}; families with an overcomplete dictionary also write codes.ℓ into points."""
        del points, layer
        return block(z_half, eta, lam)

    def init_laws(self) -> dict[str, Law]:
        """How the released code draws each parameter before training."""
        laws: dict[str, Law] = {"pos_embedding": {"normal": 1.0}, "cls_token": {"normal": 1.0}}
        laws |= self.embedding_laws() | norm_laws("mlp_head.0") | linear_laws("mlp_head.1", self.size.dim)
        for i in range(self.size.layers):
            mssa, sparsify = f"transformer.layers.{i}.0", f"transformer.layers.{i}.1"
            laws |= norm_laws(f"{mssa}.norm") | norm_laws(f"{sparsify}.norm")
            laws |= linear_laws(f"{mssa}.fn.qkv", self.size.dim)
            laws |= linear_laws(f"{mssa}.fn.to_out.0", self.size.projected)
            laws |= self.dictionary_laws(f"{sparsify}.fn")
        return {name: laws[name] for name, _ in self.named_parameters()}

    def embedding_laws(self) -> dict[str, Law]:
        name = "to_patch_embedding"
        return norm_laws(f"{name}.1") | linear_laws(f"{name}.2", 3 * self.size.patch**2) | norm_laws(f"{name}.3")

    def dictionary_laws(self, block: str) -> dict[str, Law]:
        return {f"{block}.weight": kaiming_law(self.size.dim)}
