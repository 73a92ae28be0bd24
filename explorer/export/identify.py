"""Names and shapes of a state dict → family and sizes. The head count is the one thing that shapes do not tell."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer.card import FAMILY_LABELS
from explorer.errors import ExplorerError
from explorer.export.identify_text import nano_size, spare_tensors, text_size
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize
from explorer.models.families import FAMILIES, NORM_EPS, READ_TEXT_FAMILIES
from explorer.trace import Array

DEFAULT_HEADS = {384: 6, 576: 12, 768: 12, 1024: 16}
"""Heads by width in the released models; a checkpoint of another width needs them said."""
VIT_DEFAULT_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16}
DEMO_HEADS = 6
"""Of the emergence notebook's demo model, 768 wide, which its extra `head` gives away."""
UNUSED = {"crate": ("head.weight", "head.bias")}
"""Tensors that some files carry and the released forward pass never reads (the emergence notebook's demo model)."""

NANOCHAT = "nanochat_crate"
# In this order: the first pattern that some key matches names the family.
SIGNATURES = (
    (r"^visual\.", "CRATE-α CLIPA"),
    (r"\bodl\.", NANOCHAT),
    (r"\bista\.weight$", "crate_lm"),
    (r"denom_bias$", "ToST language"),
    (r"^cls_attn_blocks\.", "ToST vision"),
    (r"^decoder_blocks\..*qkv", "CRATE-MAE"),
    (r"\.fn\.D$", "crate_alpha"),
    (r"encoder\.layer\..*\.self\.qkv", "CRATE-BERT"),
    (r"^transformer\.h\.\d+\.mlp\.c_fc\.weight$", "gpt"),
    (r"^blocks\.\d+\.attn\.qkv\.weight$", "vit"),
    (r"^to_patch_embedding\.|^transformer\.layers\.\d+\.0\.fn\.qkv", "crate"),
)


@dataclass(frozen=True)
class Identity:
    """What a state dict is: its family, its sizes, the tensors that the network does not read, and the biases that a
    language model was trained without (nanoGPT's `bias=False`), which are zeros."""

    family: str
    size: Size | TextSize
    ignored: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def weights(self, state: dict[str, Array]) -> dict[str, Array]:
        """Every tensor of the network, from the state dict."""
        zeros = {name: np.zeros(len(state[name.removesuffix("bias") + "weight"]), np.float32) for name in self.absent}
        return {name: array for name, array in state.items() if name not in self.ignored} | zeros


def identify(
    weights: dict[str, Array],
    heads: int | None = None,
    eta: float | tuple[float, ...] = 0.1,
    lam: float | tuple[float, ...] = 0.1,
    said: Mapping[str, Any] | None = None,
) -> Identity:
    """Family and sizes of a state dict, checked tensor by tensor against the family's network.

    heads: overrides the table of released models. eta, lam: of families whose steps are not learned. said: what lies
    beside the tensors (a nanochat-crate's config.json). Raises ExplorerError that names the key or the shape.
    """
    family = family_of(weights)
    if family == NANOCHAT:
        size, eta, lam = nano_size(weights, heads, said or {}), 1.0, 1.0
    elif family in READ_TEXT_FAMILIES:
        size = text_size(family, weights, heads, eta, lam)
    else:
        size = _size(family, weights, heads, eta, lam)
    if any(isinstance(step, tuple) and len(step) != size.layers for step in (eta, lam)):
        raise ExplorerError(f"The card's eta and lambda should have one value for each of {size.layers} layers.")
    return Identity(family, size, *_compare(family, size, weights))


def family_of(weights: dict[str, Array]) -> str:
    """The family's name. Raises ExplorerError for one that is not known, or not imported."""
    found = next((family for pattern, family in SIGNATURES if any(re.search(pattern, key) for key in weights)), None)
    known = ", ".join(FAMILY_LABELS.values())
    if found is None:
        some = ", ".join(sorted(weights)[:3])
        raise ExplorerError(f"No known model has these keys ({some}, …): this version imports {known} models.")
    if found not in FAMILY_LABELS:
        raise ExplorerError(f"This is a {found} checkpoint: this version imports {known} models only.")
    return found


def _shape(weights: dict[str, Array], key: str, rank: int) -> tuple[int, ...]:
    if key not in weights:
        raise ExplorerError(f"The checkpoint has no tensor {key}, which every model of its family has.")
    if len(shape := weights[key].shape) != rank:
        raise ExplorerError(f"Tensor {key} should have {rank} dimensions, but its shape is {shape}.")
    return shape


def _size(family: str, weights: dict[str, Array], heads: int | None, eta, lam) -> Size:
    vit = family == "vit"
    positions = "pos_embed" if vit else "pos_embedding"
    _, tokens, dim = _shape(weights, positions, 3)
    patch = _patch(family, weights)
    grid = math.isqrt(max(tokens - 1, 0))
    if not grid or grid**2 != tokens - 1:
        raise ExplorerError(f"Tensor {positions} has {tokens} positions: a CLS token and a square grid were expected.")
    layer_key = r"^blocks\.(\d+)\." if vit else r"^transformer\.layers\.(\d+)\."
    numbers = {m[1] for key in weights if (m := re.match(layer_key, key))}
    layers = len(numbers)
    if not layers or numbers != {str(i) for i in range(layers)}:
        raise ExplorerError(f"The checkpoint's layers should be numbered 0, 1, 2, …: it has {sorted(numbers)[:4]}.")
    projected = dim if vit else _shape(weights, "transformer.layers.0.0.fn.qkv.weight", 2)[0]
    classes = _shape(weights, "head.weight" if vit else "mlp_head.1.weight", 2)[0]
    return Size(
        dim=dim, layers=layers, heads=_heads(family, dim, projected, heads, weights), patch=patch, classes=classes,
        image_size=grid * patch, norm_eps=NORM_EPS[family], eta=eta, lam=lam,
        inner=None if projected == dim else projected,
    )  # fmt: skip


def _patch(family: str, weights: dict[str, Array]) -> int:
    if family == "crate":
        (pixels,) = _shape(weights, "to_patch_embedding.1.weight", 1)
        patch = math.isqrt(pixels // 3)
        if not patch or 3 * patch**2 != pixels:
            raise ExplorerError(f"Tensor to_patch_embedding.1.weight has {pixels} values: 3 × patch² were expected.")
        return patch
    key = "patch_embed.proj.weight" if family == "vit" else "conv1.weight"
    *_, high, wide = shape = _shape(weights, key, 4)
    if high != wide:
        raise ExplorerError(f"Tensor {key} has shape {shape}: square patches were expected.")
    return wide


def _heads(family: str, dim: int, projected: int, heads: int | None, keys: Container[str]) -> int:
    if heads is None and family == "crate" and "head.weight" in keys:
        heads = DEMO_HEADS
    if heads is None:
        heads = (VIT_DEFAULT_HEADS if family == "vit" else DEFAULT_HEADS).get(dim)
    if heads is None:
        raise ExplorerError(
            f"The head count cannot be read from shapes, and no released model is {dim} wide: "
            "give --heads K, or heads in the card file."
        )
    if heads < 1 or projected % heads:
        raise ExplorerError(f"{heads} heads do not divide the projected width {projected}: give another --heads.")
    return heads


def network(family: str, size: Size | TextSize) -> nn.Module:
    """The torch module of a family."""
    return (READ_TEXT_FAMILIES if isinstance(size, TextSize) else FAMILIES)[family](size)  # pyright: ignore[reportArgumentType]


def _compare(family: str, size: Size | TextSize, weights: dict[str, Array]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every tensor of the network is there with its shape, and what else the file has is known to be unused.

    Returns the unused ones and the absent biases.
    """
    with torch.device("meta"):
        expected = {name: tuple(p.shape) for name, p in network(family, size).named_parameters()}
    absent = tuple(n for n in expected if n not in weights and n.endswith(".bias") and family in READ_TEXT_FAMILIES)
    for name, shape in expected.items():
        if name in absent:
            continue
        if name not in weights:
            raise ExplorerError(f"The checkpoint has no tensor {name} of shape {shape}.")
        if weights[name].shape != shape:
            raise ExplorerError(f"Tensor {name} has shape {weights[name].shape}: {shape} was expected.")
    ignored = tuple(sorted(set(weights) - set(expected)))
    tied = family in READ_TEXT_FAMILIES and family != NANOCHAT
    spare = spare_tensors(weights) if tied else UNUSED.get(family, ())
    if unknown := [name for name in ignored if name not in spare]:
        raise ExplorerError(
            f"The checkpoint has a tensor {unknown[0]} of shape {weights[unknown[0]].shape} "
            f"that a {FAMILY_LABELS[family]} model does not have."
        )
    return ignored, absent
