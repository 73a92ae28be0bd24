"""A run that starts from the weights of an official checkpoint instead of random ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.export.card import CardFile, read_card
from explorer.export.checkpoint import read_checkpoint
from explorer.export.identify import Identity, identify
from explorer.models.parts import positions
from explorer.training.recipe import Recipe
from explorer.training.state import HEAD, POSITIONS, State


def load_start(state: State, recipe: Recipe, path: Path) -> None:
    """Copy the weights of a checkpoint into a fresh state and its average, as the importer reads them.

    Positions are resized to the recipe's grid. The classifier is taken where the card beside the checkpoint (NAME.json
    for NAME.pth.tar) names the same classes; otherwise it stays as drawn. Raises ExplorerError for another network.
    """
    weights = read_checkpoint(path).weights
    card = read_card(beside if (beside := card_beside(path)).is_file() else None)
    identity = identify(weights, recipe.heads, card.eta, card.lam)
    if problem := _problem(identity, card, recipe):
        raise ExplorerError(f"{path.name} cannot start {recipe.name}: it has {problem}.")
    same_classes = card.labels == state.classes
    side = recipe.image_size // recipe.patch
    with torch.no_grad():
        for name, parameter in [*state.model.named_parameters(), *state.averaged.named_parameters()]:
            if same_classes or not name.startswith(HEAD[recipe.family]):
                parameter.copy_(_fitted(name, torch.from_numpy(weights[name]), side))


def card_beside(path: Path) -> Path:
    """Where the card of a checkpoint lies: NAME.json beside NAME.pth, NAME.pth.tar or NAME.safetensors."""
    return path.with_name(path.name.removesuffix(".tar")).with_suffix(".json")


def _problem(identity: Identity, card: CardFile, recipe: Recipe) -> str | None:
    """What differs from the recipe's network, or None."""
    found, asked = identity.size, recipe.size(identity.size.classes)
    pairs = {
        "family": (identity.family, recipe.family), "width": (found.dim, asked.dim),
        "layers": (found.layers, asked.layers), "heads": (card.heads or asked.heads, asked.heads),
        "patch": (found.patch, asked.patch), "heads' width": (found.projected, asked.projected),
        "eta": (found.per_layer(found.eta), asked.per_layer(asked.eta)),
        "lambda": (found.per_layer(found.lam), asked.per_layer(asked.lam)),
    }  # fmt: skip
    return next((f"{name} {has}, the recipe {asks}" for name, (has, asks) in pairs.items() if has != asks), None)


def _fitted(name: str, tensor: Tensor, side: int) -> Tensor:
    """Positions (1,1+n,d) resized to side × side patches; other tensors as they are."""
    return positions(tensor, side, side) if name in POSITIONS[:2] else tensor
