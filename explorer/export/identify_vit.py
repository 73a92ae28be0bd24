"""Names and shapes of a ViT's state dict → its sizes and its form: which tokens stand in front, how it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from explorer.errors import ExplorerError
from explorer.export.identify import Steps, head_count, layer_count, patch_side, shape_of
from explorer.families import Family
from explorer.models.crate import Size
from explorer.models.form import Form, Pool
from explorer.models.vit import MLP_RATIO
from explorer.trace import Array

CLIP_EPS = 1e-5
"""Epsilon of the norms where one stands in front of the first layer, as in CLIP; timm's other ViTs have 1e-6."""
GELU = "gelu"
OTHER_ARCHITECTURES = {"_rpn_": "norms behind its updates", "quickgelu": "another activation"}
"""In timm's names of networks whose tensors are a plain ViT's and that compute something else."""
POOLS: dict[str, Pool] = {"token": "token", "avg": "avg"}
Weights = Mapping[str, Array]


def vit_size(
    family: Family, weights: dict[str, Array], heads: int | None, eta: Steps, lam: Steps, said: Mapping[str, Any]
) -> Size:
    """Sizes and form of a ViT from its tensors. said: what they do not tell, from a config.json or a card file:
    global_pool, layer_norm_eps, grid ([rows, columns] of positions that are no square). Raises ExplorerError."""
    del eta, lam
    _check_kind(weights, said)
    shapes = family.shapes
    tokens, dim = shape_of(weights, shapes.positions, 3)[1:]
    patch, norm_pre = patch_side(shapes.patches, weights), _has(weights, "norm_pre.")
    front = {
        name: shape_of(weights, name, 3)[1] for name in ("cls_token", "dist_token", "reg_token") if name in weights
    }
    placed, grid = _grid(tokens, front, said.get("grid"))
    head, fc_norm = _has(weights, "head."), _has(weights, "fc_norm.")
    classes, reads = shape_of(weights, shapes.classes, 2) if head else (0, dim)
    hidden = shape_of(weights, "blocks.0.mlp.fc2.weight", 2)[1]
    square = grid[0] == grid[1]
    form = Form(
        class_token="cls_token" in front, distilled="dist_token" in front, registers=front.get("reg_token", 0),
        placed=placed, grid=None if square else grid, norm_pre=norm_pre,
        qkv_bias=any(name.endswith(".attn.qkv.bias") for name in weights),
        layer_scale=any(name.endswith(".ls1.gamma") for name in weights),
        hidden=None if hidden == MLP_RATIO * dim else hidden,
        norm=_has(weights, "norm.") or not fc_norm, fc_norm=fc_norm,
        pool=_pool("cls_token" in front, fc_norm, reads == 2 * dim, said.get("global_pool")), head=head,
        head_dist=_has(weights, "head_dist."),
    )  # fmt: skip
    eps = said.get("layer_norm_eps")
    return Size(
        dim=dim, layers=layer_count(shapes.layer, weights), heads=head_count(family, dim, dim, heads), patch=patch,
        classes=classes, image_size=math.isqrt(grid[0] * grid[1]) * patch, form=form,
        norm_eps=eps if isinstance(eps, float) and 0 < eps < 1 else CLIP_EPS if norm_pre else family.norm_eps,
    )  # fmt: skip


def _has(weights: Weights, beginning: str) -> bool:
    return any(name.startswith(beginning) for name in weights)


def _check_kind(weights: Weights, said: Mapping[str, Any]) -> None:
    """Raises ExplorerError for a ViT whose layers compute something else."""
    activation = said.get("hidden_act", GELU)
    if activation != GELU:
        raise ExplorerError(f"Its config.json says hidden_act {activation!r}: ViTs with {GELU} alone are imported.")
    architecture = str(said.get("architecture", ""))
    if other := next((sign for sign in OTHER_ARCHITECTURES if sign in architecture), None):
        raise ExplorerError(f"It is {architecture}: a ViT with {OTHER_ARCHITECTURES[other]} is not imported.")
    if "pos_embed" not in weights:
        raise ExplorerError(
            "The checkpoint has no tensor pos_embed: ViTs with rotary positions, as DINOv3's, or none are not imported."
        )
    first, second = (weights.get(f"blocks.0.mlp.fc{i}.weight") for i in (1, 2))
    if first is None or second is None or first.ndim != 2 or second.ndim != 2:
        return  # named later
    if first.shape[0] == 2 * second.shape[1]:
        raise ExplorerError("This is a ViT with a gated MLP (SwiGLU): ViTs with a plain MLP alone are imported.")


def _grid(tokens: int, front: Mapping[str, int], said: Any) -> tuple[int, tuple[int, int]]:
    """How many tokens in front have a position, and rows and columns of the trained grid.

    Positions are of all tokens in front, of the first alone (DINOv2's registers have none), or of none of them.
    """
    possible = sorted({0, min(sum(front.values()), 1), sum(front.values())}, key=lambda n: (n != 1, n))
    if isinstance(said, list):
        if len(said) != 2 or not all(type(n) is int and n > 0 for n in said):
            raise ExplorerError(f"The card's grid should be [rows, columns] of the trained positions, but is {said!r}.")
        placed = tokens - said[0] * said[1]
        if placed not in possible:
            raise ExplorerError(f"Tensor pos_embed has {tokens} positions, which are no grid of {said[0]} × {said[1]}.")
        return placed, (said[0], said[1])
    for placed in possible:
        side = math.isqrt(max(tokens - placed, 0))
        if side and side**2 == tokens - placed:
            return placed, (side, side)
    if "cls_token" not in front and math.isqrt(max(tokens - 1, 0)) ** 2 == tokens - 1 > 0:
        raise ExplorerError("Tensor pos_embed has a position for a class token, but the checkpoint has no cls_token.")
    raise ExplorerError(
        f"Tensor pos_embed has {tokens} positions, which are no square grid with the tokens in front "
        f'({", ".join(front) or "none"}): say "grid": [rows, columns] in the card file.'
    )


def _pool(class_token: bool, fc_norm: bool, both: bool, said: Any) -> Pool:
    """What the head reads: as said; else the mean of the patches where its norm, or want of a class token, says so."""
    if said and said not in POOLS:
        raise ExplorerError(
            f"It pools by {said!r}: ViTs that read the class token or the mean of the patches are imported."
        )
    if both and class_token:
        return "both"
    return "avg" if fc_norm or not class_token else POOLS.get(said or "", "token")
