"""CRATE-α: MSSA, then an overcomplete dictionary learning block (ODL), both with residuals.

Parameter names are those of the released code (UCSC-VLAA/CRATE-alpha, torch_inference/model/crate_alpha.py).
Paper: arXiv 2405.20299.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.crate import MSSA, Crate, PreNorm, Size
from explorer.models.parts import Law, kaiming_law, linear_laws, patches, positions

OVERCOMPLETE = 4
"""Atoms of D for each dimension of the tokens: D and D1 are (d, 4d)."""

ALPHA_BASE = Size(dim=768, layers=12, heads=12, norm_eps=1e-6)
ALPHA_LARGE = Size(dim=1024, layers=24, heads=16, patch=14, norm_eps=1e-6)


class ODL(nn.Module):
    """Two ISTA steps from A₀ = 0 towards a sparse code of x in D, read out by another dictionary D1.

    A ← ReLU(A − η Dᵀ(DA − x) − ηλ), twice; output D1 A₂.
    """

    def __init__(self, dim: int, eta: float, lam: float) -> None:
        super().__init__()
        self.D = nn.Parameter(torch.empty(dim, OVERCOMPLETE * dim))
        self.D1 = nn.Parameter(torch.empty(dim, OVERCOMPLETE * dim))
        self.eta, self.lam = eta, lam

    def forward(self, x: Tensor, eta: Tensor | None = None, lam: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d), codes A₂ (B,N,4d) ≥ 0)."""
        step, threshold = self.eta if eta is None else eta, self.lam if lam is None else lam
        codes = F.relu(step * (x @ self.D) - step * threshold)
        codes = F.relu(codes - step * ((codes @ self.D.t() - x) @ self.D) - step * threshold)
        return codes @ self.D1.t(), codes


class CrateAlpha(Crate):
    """The CRATE-α image classifier; its trace has codes.ℓ as well."""

    def build_embedding(self) -> None:
        self.conv1 = nn.Conv2d(3, self.size.dim, self.size.patch, self.size.patch)

    def build_layer(self, eta: float, lam: float) -> list[nn.Module]:
        size = self.size
        return [
            PreNorm(size.dim, size.norm_eps, MSSA(size, bias=False)),
            PreNorm(size.dim, size.norm_eps, ODL(size.dim, eta, lam)),
        ]

    def embed(self, image: Tensor, stride: int) -> Tensor:
        rows, cols = patches(image, self.size.patch, stride).shape[1:3]
        tokens = F.conv2d(image, self.conv1.weight, self.conv1.bias, stride).flatten(2).transpose(1, 2)
        z = torch.cat([self.cls_token.expand(len(image), -1, -1), tokens], dim=1)
        return z + positions(self.pos_embedding, rows, cols)

    def sparsify(self, block: nn.Module, z_half: Tensor, eta, lam, points: dict[str, Tensor], layer: int) -> Tensor:
        update, points[f"codes.{layer}"] = block(z_half, eta, lam)
        return z_half + update

    def sparsify_fast(self, block: nn.Module, z_half: Tensor) -> Tensor:
        return z_half + block(z_half)[0]

    def embedding_laws(self) -> dict[str, Law]:
        return linear_laws("conv1", 3 * self.size.patch**2)

    def dictionary_laws(self, block: str) -> dict[str, Law]:
        return {f"{block}.{name}": kaiming_law(OVERCOMPLETE * self.size.dim) for name in ("D", "D1")}
