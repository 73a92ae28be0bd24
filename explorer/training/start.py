"""A run that starts from the weights of an official checkpoint instead of random ones."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer.dataset import read_vocabulary
from explorer.errors import ExplorerError
from explorer.export.card import CardFile, read_card
from explorer.export.checkpoint import read_checkpoint
from explorer.export.identify import Identity, identify
from explorer.export.renaming import renamed
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize
from explorer.models.parts import positions
from explorer.training.recipe import PictureRecipe, Recipe
from explorer.training.state import POSITIONS, State


def load_start(state: State, recipe: Recipe, path: Path) -> None:
    """Copy the weights of a checkpoint into a fresh state and its average, as the importer reads them.

    Of a classifier, positions are resized to the recipe's grid, and the head is taken where the card beside the
    checkpoint (NAME.json for NAME.pth.tar) names the same classes; otherwise it stays as drawn. A language model must
    have the recipe's tokens. Raises ExplorerError for another network.
    """
    checkpoint = renamed(read_checkpoint(path))
    card = read_card(beside if (beside := card_beside(path)).is_file() else None)
    identity = identify(checkpoint.weights, recipe.heads, card.eta, card.lam, checkpoint.facts | card.provenance)
    if problem := _problem(identity, card, recipe, state) or _other_tokens(path, recipe, state):
        raise ExplorerError(f"{path.name} cannot start {recipe.name}: it has {problem}.")
    weights = identity.weights(checkpoint.weights)
    fitted = {name: torch.from_numpy(array) for name, array in weights.items()}
    if isinstance(recipe, PictureRecipe):
        side = recipe.image_size // recipe.patch
        fitted = {name: _fitted(name, tensor, side) for name, tensor in fitted.items()}
        if card.labels != state.classes:
            fitted = {name: tensor for name, tensor in fitted.items() if not name.startswith(recipe.training.head)}
    with torch.no_grad():
        for name, parameter in [*state.model.named_parameters(), *state.averaged.named_parameters()]:
            if name in fitted:
                parameter.copy_(fitted[name])


def card_beside(path: Path) -> Path:
    """Where the card of a checkpoint lies: NAME.json beside NAME.pth, NAME.pth.tar or NAME.safetensors."""
    return path.with_name(path.name.removesuffix(".tar")).with_suffix(".json")


def _problem(identity: Identity, card: CardFile, recipe: Recipe, state: State) -> str | None:
    """What differs from the recipe's network, or None."""
    found, asked = identity.size, state.model.size
    pairs: dict[str, tuple[Any, Any]] = {
        "family": (identity.family.name, recipe.family), "width": (found.dim, asked.dim),
        "layers": (found.layers, asked.layers), "heads": (card.heads or asked.heads, asked.heads),
    }  # fmt: skip
    if isinstance(found, TextSize) and isinstance(asked, TextSize):
        names = ("context", "vocabulary", "atoms", "final_norm", "eta", "lam")
        pairs |= {name: (getattr(found, name), getattr(asked, name)) for name in names}
    elif isinstance(found, Size) and isinstance(asked, Size):
        pairs |= {
            "patch": (found.patch, asked.patch), "heads' width": (found.projected, asked.projected),
            "eta": (found.per_layer(found.eta), asked.per_layer(asked.eta)),
            "lambda": (found.per_layer(found.lam), asked.per_layer(asked.lam)),
        }  # fmt: skip
        own = asdict(replace(found.form, head=asked.form.head))  # a head is drawn where there is none
        pairs |= {name.replace("_", " "): (own[name], value) for name, value in asdict(asked.form).items()}
    return next((f"{name} {has}, the recipe {asks}" for name, (has, asks) in pairs.items() if has != asks), None)


def _other_tokens(path: Path, recipe: Recipe, state: State) -> str | None:
    """Whether the tokenizer beside a language model's checkpoint, if there is one, has other tokens than the data."""
    beside = path.with_name("tokenizer.json")
    if isinstance(recipe, PictureRecipe) or not beside.is_file():
        return None
    return None if read_vocabulary(beside.read_text("utf-8")) == state.classes else "other tokens beside it"


def _fitted(name: str, tensor: Tensor, side: int) -> Tensor:
    """Positions (1,1+n,d) resized to side × side patches; other tensors as they are."""
    return positions(tensor, side, side) if name in POSITIONS[:2] else tensor
