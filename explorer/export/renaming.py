"""Other names of a ViT's tensors → timm's, so that its weights have one layout: Hugging Face's ViT, DeiT and DINOv2,
and what DINOv2's and DeiT III's own code calls otherwise."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from explorer import families
from explorer.errors import ExplorerError
from explorer.export.checkpoint import Checkpoint
from explorer.trace import Array

HUGGING_FACE_HAS = re.compile(r"(^|\.)embeddings\.patch_embeddings\.projection\.weight$")
LAYER = r"^(?:encoder\.layer|layers)\.(\d+)\."
"""Its files call layers the first way; a module of its fifth version calls those of some networks the second."""
HUGGING_FACE = (
    (r"^(vit|vit_msn|deit|dinov2|dinov2_with_registers)\.", ""),
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.distillation_token$", "dist_token"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (r"^embeddings\.mask_token$", "mask_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (rf"{LAYER}(layernorm_before|norm1)\.", r"blocks.\1.norm1."),
    (rf"{LAYER}(layernorm_after|norm2)\.", r"blocks.\1.norm2."),
    (rf"{LAYER}attention\.(?:attention\.)?(q|k|v)(?:_proj|uery|ey|alue)\.", r"blocks.\1.attn.\2."),
    (rf"{LAYER}attention\.(?:output\.dense|o_proj)\.", r"blocks.\1.attn.proj."),
    (rf"{LAYER}(intermediate\.dense|mlp\.fc1)\.", r"blocks.\1.mlp.fc1."),
    (rf"{LAYER}(output\.dense|mlp\.fc2)\.", r"blocks.\1.mlp.fc2."),
    (rf"{LAYER}layer_scale(\d)\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (r"^layernorm\.", "norm."),
    (r"^(cls_classifier|classifier)\.", "head."),
    (r"^distillation_classifier\.", "head_dist."),
)
"""Pattern → timm's name, one after the other; query, key and value are then joined."""
META = (
    (r"^register_tokens$", "reg_token"),
    (r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),  # DINOv2's training keeps its layers in chunks
    (r"^(blocks\.\d+)\.gamma_([12])$", r"\1.ls\2.gamma"),
)
"""What DINOv2's, SimDINOv2's and DeiT III's own code calls otherwise."""
OLD_EPS = 1e-12
"""Epsilon of Hugging Face's ViT and DeiT where no config.json says it; its DINOv2 has timm's."""


def renamed(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint under timm's names, and in its facts whose names it had; unchanged where it has them already.

    Raises ExplorerError where query, key and value do not fit together.
    """
    weights, facts = checkpoint.weights, checkpoint.facts
    if isinstance(families.recognised(weights), families.Unsupported):
        return checkpoint
    if any(HUGGING_FACE_HAS.search(name) for name in weights):
        joined = _joined({_under(HUGGING_FACE, name): array for name, array in weights.items()})
        old = any(".layernorm_before." in name for name in weights)  # not of DINOv2
        eps = {"layer_norm_eps": OLD_EPS} if old else {}
        facts = eps | facts | {"renamed": "Hugging Face's names to timm's"}
        return dataclasses.replace(checkpoint, weights=joined, facts=facts)
    if not any(re.match(r"blocks\.(\d+\.)+attn\.qkv\.weight$", name) for name in weights):
        return checkpoint
    found = {_under(META, name): array for name, array in weights.items()}
    if set(found) == set(weights) or len(found) < len(weights):  # in stages, not in chunks
        return checkpoint
    return dataclasses.replace(
        checkpoint, weights=found, facts=facts | {"renamed": "DINOv2's or DeiT's names to timm's"}
    )


def _under(table: tuple[tuple[str, str], ...], name: str) -> str:
    for pattern, new in table:
        name = re.sub(pattern, new, name)
    return name


def _joined(weights: dict[str, Array]) -> dict[str, Array]:
    """Query, key and value of a layer one above the other, as timm keeps them."""
    found = dict(weights)
    for name in weights:
        if not (match := re.match(r"(blocks\.\d+\.attn\.)q\.(weight|bias)$", name)):
            continue
        parts = [found.pop(f"{match[1]}{part}.{match[2]}", None) for part in "qkv"]
        shapes = {None if part is None else part.shape for part in parts}
        if None in shapes or len(shapes) > 1:
            raise ExplorerError(f"Query, key and value should have one shape, but those of {name} have not.")
        found[f"{match[1]}qkv.{match[2]}"] = np.concatenate([part for part in parts if part is not None])
    return found
