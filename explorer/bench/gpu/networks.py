"""The networks that are measured: of published sizes, with random weights, as torch modules and as exported models."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer import families, zoo
from explorer.bench.gpu.setting import Setting
from explorer.card import METADATA_KEY, ModelCard, Preprocessing
from explorer.export.identify import identify, network, said_by
from explorer.families.crate import CRATE
from explorer.families.crate_alpha import CRATE_ALPHA
from explorer.families.record import Family
from explorer.families.vit import VIT
from explorer.models.crate import BASE, SMALL, Size
from explorer.models.crate_alpha import ALPHA_BASE
from explorer.models.parts import initialise
from explorer.trace import Array

NOISE = 0.02
"""Added to norms and biases, which start as ones and zeros: an error there would not be seen."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network by the name of its file, with its name in tables."""

    name: str
    label: str
    family: Family
    size: Size

    def sized(self, tiny: bool) -> Size:
        """Its size, or a tiny one of the same form, for a try on a CPU."""
        return replace(self.size, dim=24, layers=2, heads=3, patch=8, image_size=32, classes=10) if tiny else self.size


CRATE_B = Network("crate-b", "CRATE-B/16", CRATE, BASE)
VIT_S = Network("vit-s", "ViT-S/16", VIT, Size(dim=384, layers=12, heads=6, norm_eps=1e-6))
RANDOM = (
    Network("crate-s", "CRATE-S/16", CRATE, SMALL),
    CRATE_B,
    Network("crate-alpha-b", "CRATE-α-B/16", CRATE_ALPHA, ALPHA_BASE),
    VIT_S,
)
FINE = Network("crate-fine", "CRATE 384/8", CRATE, Size(dim=384, layers=12, heads=12, patch=8))
"""Of small patches: 11,881 of them and CLS at 872 pixels."""


@cache
def drawn(which: Network, tiny: bool) -> nn.Module:
    """The torch module with weights from its laws of initialisation, seed 0, and some noise on norms and biases."""
    module: Any = network(which.family, which.sized(tiny)).eval()
    initialise(module, module.init_laws(), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter += NOISE * torch.randn(parameter.shape, generator=generator)
    return module.requires_grad_(False)


def exported(which: Network, setting: Setting) -> ModelCard:
    """The card of that module's traced ONNX model, which is written once."""
    path = setting.folder / f"{which.name}.onnx"
    if not path.exists():
        write_model(drawn(which, setting.tiny), which.family, which.sized(setting.tiny), path)
    return zoo.read_card(path)


def write_model(module: Any, family: Family, size: Size, path: Path) -> None:
    """Write a picture network's (a torch module with init_laws) traced ONNX model, whole or not at all."""
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    thresholds = family.has_threshold
    card = ModelCard(
        name=path.stem, family=family.name, modality="image", layers=size.layers, heads=size.heads, dim=size.dim,
        head_dim=size.projected // size.heads, patch=size.patch, image_size=size.image_size,
        eta=size.per_layer(size.eta) if thresholds else (), lam=size.per_layer(size.lam) if thresholds else (),
        classes=(), preprocessing=Preprocessing(resize=size.image_size, crop=size.image_size),
        parameters=sum(array.size for array in weights.values()), norm_eps=size.norm_eps,
        codes_dim=len(weights[family.shapes.atoms.format(l=0)].T) if family.shapes.atoms else 0,
        weights=dict(family.weights), init=module.init_laws(),
    )  # fmt: skip
    model = families.resolve(family.graph)(size, weights, {METADATA_KEY: card.to_metadata()})
    partial = path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString())
    os.replace(partial, path)


def module_of(card: ModelCard) -> nn.Module:
    """The torch module of an exported model of pictures, with its weights."""
    weights = zoo.load_weights(card, card.init)
    module = network(card.traits, identify(weights, card.heads, said=said_by(card)).size).eval()
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return module.requires_grad_(False)


def pixels(card: ModelCard, batch: int, height: int | None = None, width: int | None = None, seed: int = 0) -> Array:
    """Random normalised pictures (B,3,H,W), by default of the model's own size."""
    shape = (batch, 3, height or card.image_size, width or height or card.image_size)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
