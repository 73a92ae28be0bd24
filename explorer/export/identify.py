"""Names and shapes of a state dict → family and sizes. The head count is the one thing that shapes do not tell."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer import families
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.export.identify_text import spare_tensors
from explorer.families import Family
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize
from explorer.trace import Array

DEMO_HEADS = 6
"""Of the emergence notebook's demo model, 768 wide, which its unused tensors give away."""
Steps = float | tuple[float, ...]


@dataclass(frozen=True)
class Identity:
    """What a state dict is: its family, its sizes, the tensors that the network does not read, and the biases that a
    language model was trained without (nanoGPT's `bias=False`), which are zeros."""

    family: Family
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
    eta: Steps = 0.1,
    lam: Steps = 0.1,
    said: Mapping[str, Any] | None = None,
) -> Identity:
    """Family and sizes of a state dict, checked tensor by tensor against the family's network.

    heads: overrides the table of released models. eta, lam: of families whose steps are not learned. said: what lies
    beside the tensors (a nanochat-crate's config.json). Raises ExplorerError that names the key or the shape.
    """
    family = family_of(weights)
    size = families.resolve(family.sizes)(family, weights, heads, eta, lam, said or {})
    if any(isinstance(step, tuple) and len(step) != size.layers for step in (size.eta, size.lam)):
        raise ExplorerError(f"The card's eta and lambda should have one value for each of {size.layers} layers.")
    return Identity(family, size, *_compare(family, size, weights))


def family_of(weights: dict[str, Array], where: str = "") -> Family:
    """The family of a state dict. Raises ExplorerError for one that is not known, or not imported; where: its place in
    the file, in words."""
    found, known = families.recognised(weights), families.labels()
    if found is None:
        some = ", ".join(sorted(weights)[:3])
        place = f", found {where}" if where else ""
        raise ExplorerError(f"No known model has these keys ({some}, …){place}: this version imports {known} models.")
    if not isinstance(found, Family):
        raise ExplorerError(f"This is a {found.label} checkpoint: this version imports {known} models only.")
    return found


def shape_of(weights: Mapping[str, Array], key: str, rank: int) -> tuple[int, ...]:
    """The shape of a tensor. Raises ExplorerError where it is missing or has another number of dimensions."""
    if key not in weights:
        raise ExplorerError(f"The checkpoint has no tensor {key}, which every model of its family has.")
    if len(shape := weights[key].shape) != rank:
        raise ExplorerError(f"Tensor {key} should have {rank} dimensions, but its shape is {shape}.")
    return shape


def picture_size(
    family: Family, weights: dict[str, Array], heads: int | None, eta: Steps, lam: Steps, said: Mapping[str, Any]
) -> Size:
    """Sizes of a picture network from its shapes. Raises ExplorerError."""
    del said  # shapes and the head count say all
    shapes = family.shapes
    _, tokens, dim = shape_of(weights, shapes.positions, 3)
    patch = patch_side(shapes.patches, weights)
    grid = math.isqrt(max(tokens - 1, 0))
    if not grid or grid**2 != tokens - 1:
        raise ExplorerError(
            f"Tensor {shapes.positions} has {tokens} positions: a CLS token and a square grid were expected."
        )
    layers = layer_count(shapes.layer, weights)
    projected = shape_of(weights, shapes.projections.format(l=0), 2)[0] if shapes.projections else dim
    return Size(
        dim=dim, layers=layers, heads=_heads_of_crate(family, dim, projected, heads, weights), patch=patch,
        classes=shape_of(weights, shapes.classes, 2)[0], image_size=grid * patch, norm_eps=family.norm_eps, eta=eta,
        lam=lam, inner=None if projected == dim else projected,
    )  # fmt: skip


def layer_count(pattern: str, weights: Mapping[str, Array]) -> int:
    """How many layers there are. Raises ExplorerError where their numbers have a gap."""
    numbers = {m[1] for key in weights if (m := re.match(pattern, key))}
    if not numbers or numbers != {str(i) for i in range(len(numbers))}:
        raise ExplorerError(f"The checkpoint's layers should be numbered 0, 1, 2, …: it has {sorted(numbers)[:4]}.")
    return len(numbers)


def patch_side(key: str, weights: Mapping[str, Array]) -> int:
    """The side of a patch: of a convolution (d,3,P,P), or of a vector with a value for each of its 3 × P² numbers."""
    if key not in weights or weights[key].ndim == 1:
        (pixels,) = shape_of(weights, key, 1)
        patch = math.isqrt(pixels // 3)
        if not patch or 3 * patch**2 != pixels:
            raise ExplorerError(f"Tensor {key} has {pixels} values: 3 × patch² were expected.")
        return patch
    *_, high, wide = shape = shape_of(weights, key, 4)
    if high != wide:
        raise ExplorerError(f"Tensor {key} has shape {shape}: square patches were expected.")
    return wide


def _heads_of_crate(family: Family, dim: int, projected: int, heads: int | None, weights: Mapping[str, Array]) -> int:
    demo = any(name in weights for name in family.unused)
    return head_count(family, dim, projected, DEMO_HEADS if demo and heads is None else heads)


def head_count(family: Family, dim: int, projected: int, heads: int | None) -> int:
    """As said, or as in the released models of that width. Raises ExplorerError where neither tells."""
    if heads is None:
        heads = family.released.get(dim) if isinstance(family.released, Mapping) else dim // family.released
    if heads is None:
        raise ExplorerError(
            f"The head count cannot be read from shapes, and no released model is {dim} wide: "
            "give --heads K, or heads in the card file."
        )
    if heads < 1 or projected % heads:
        raise ExplorerError(f"{heads} heads do not divide the projected width {projected}: give another --heads.")
    return heads


def network(family: Family, size: Size | TextSize) -> nn.Module:
    """The torch module of a family."""
    return families.resolve(family.network)(size)


def _compare(
    family: Family, size: Size | TextSize, weights: dict[str, Array]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every tensor of the network is there with its shape, and what else the file has is known to be unused.

    Returns the unused ones and the absent biases.
    """
    with torch.device("meta"):
        expected = {name: tuple(p.shape) for name, p in network(family, size).named_parameters()}
    optional = family.biases == "optional"
    absent = tuple(name for name in expected if optional and name not in weights and name.endswith(".bias"))
    for name, shape in expected.items():
        if name in absent:
            continue
        if name not in weights:
            raise ExplorerError(f"The checkpoint has no tensor {name} of shape {shape}.")
        if weights[name].shape != shape:
            raise ExplorerError(f"Tensor {name} has shape {weights[name].shape}: {shape} was expected.")
    ignored = tuple(sorted(set(weights) - set(expected)))
    spare = spare_tensors(weights) if family.tied else {name for name in ignored if _unused(family, name)}
    if unknown := [name for name in ignored if name not in spare]:
        raise ExplorerError(
            f"The checkpoint has a tensor {unknown[0]} of shape {weights[unknown[0]].shape} "
            f"that a {family.label} model does not have."
        )
    return ignored, absent


def _unused(family: Family, name: str) -> bool:
    """Whether some files of a family carry this tensor and the network never reads it."""
    return any(fnmatchcase(name, pattern) for pattern in family.unused)


def said_by(card: ModelCard) -> dict[str, Any]:
    """What an exported model's card says of its network beside the shapes, for identify."""
    of_text = {"sequence_len": card.context, "block_size": card.context, "vocab_size": card.vocabulary}
    of_pictures = {"layer_norm_eps": card.norm_eps} | {
        name: card.provenance.get(name) for name in ("global_pool", "grid")
    }
    return of_text if card.reads_text else of_pictures
