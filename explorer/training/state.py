"""What a run carries from step to step: weights, their average, the optimiser's moments, and its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from explorer.families import resolve
from explorer.models.crate import Crate
from explorer.models.crate_lm import CrateLM
from explorer.models.gpt import GPT
from explorer.models.parts import Law, initialise
from explorer.models.vit import ViT
from explorer.training.recipe import PictureRecipe, Recipe, TextRecipe

Model = Crate | ViT | CrateLM | GPT
Tensors = tuple[Tensor, ...] | list[Tensor]
POSITIONS = ("pos_embedding", "pos_embed", "cls_token")
PLACE = ("stage", "step", "total", "seconds", "epochs_before", "validation", "rate", "row_at", "counted")
"""Plain numbers of a state."""


@dataclass
class State:
    """stage counts from 0, step within it, total over all; epochs_before: passes in the stages before; validation:
    the latest check on what is held out; rate: the learning rate of the latest step. Since the curve's last row, at
    row_at seconds: counted steps, whose losses and shares of right answers add up to sums (2,).
    """

    model: Model
    ema: AveragedModel
    optimiser: torch.optim.AdamW
    classes: tuple[str, ...]
    sums: Tensor
    stage: int = 0
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    epochs_before: float = 0.0
    validation: float | None = None
    rate: float = 0.0
    row_at: float = 0.0
    counted: int = 0

    @property
    def averaged(self) -> Model:
        """The model of the averaged weights, which is what checkpoints hold and validation runs."""
        return cast(Model, self.ema.module)


def fresh(recipe: Recipe, classes: tuple[str, ...], device: torch.device) -> State:
    """The state before the first step, drawn by the recipe's seed."""
    model = network(recipe, len(classes))
    initialise(model, model.init_laws() | initial_laws(recipe), recipe.seed)
    model.to(device)
    ema = AveragedModel(model, multi_avg_fn=_averager(recipe.ema))
    return State(model, ema, _optimiser(model, recipe), classes, torch.zeros(2, device=device))


def network(recipe: Recipe, classes: int) -> Model:
    """The recipe's network, not yet initialised. classes: of a language model, the tokens of its vocabulary."""
    assert isinstance(recipe, (PictureRecipe, TextRecipe))
    return resolve(recipe.kind.network)(recipe.size(classes))


def initial_laws(recipe: Recipe) -> dict[str, Law]:
    """Laws of initialisation that differ from the released code's."""
    if not isinstance(recipe, PictureRecipe) or recipe.positions_std is None:
        return {}
    names = [recipe.kind.shapes.positions, POSITIONS[2]]
    return {name: {"normal": recipe.positions_std} for name in names}


def _averager(decay: float):
    """An exponential average whose decay rises with its age, so that the start is soon forgotten."""

    def average(averaged: Tensors, current: Tensors, age: Tensor | int) -> None:
        age = int(age)
        get_ema_multi_avg_fn(min(decay, (1 + age) / (10 + age)))(averaged, current, age)

    return average


def _optimiser(model: Model, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW; norms, biases, positions and the CLS token do not decay."""
    named = list(model.named_parameters())
    decays = [p for name, p in named if p.ndim > 1 and name not in POSITIONS]
    others = [p for name, p in named if p.ndim <= 1 or name in POSITIONS]
    groups = [{"params": decays, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas, fused=True)


def change_classes(state: State, recipe: Recipe, classes: tuple[str, ...], device: torch.device) -> State:
    """The same network with a newly drawn classifier for other classes; moments of the rest stay.

    The average starts anew with the next step: a long one would hold on to the classifier as it was drawn.
    """
    new = fresh(replace(recipe, seed=recipe.seed + state.stage), classes, device)
    old = dict(state.model.named_parameters())
    with torch.no_grad():
        for name, parameter in [*new.model.named_parameters(), *new.averaged.named_parameters()]:
            if not name.startswith(recipe.training.head):
                parameter.copy_(old[name])
    for name, parameter in new.model.named_parameters():
        if not name.startswith(recipe.training.head) and old[name] in state.optimiser.state:
            new.optimiser.state[parameter] = state.optimiser.state[old[name]]
    return replace(state, model=new.model, ema=new.ema, optimiser=new.optimiser, classes=classes, validation=None)


def to_values(state: State, epoch: float) -> dict[str, Any]:
    """Tensors and plain values of a state, under the official wrappers' names where they have them."""
    place = {name: getattr(state, name) for name in PLACE}
    return {
        "epoch": round(epoch), "arch": type(state.model).__name__, "state_dict": state.averaged.state_dict(),
        "optimizer": state.optimiser.state_dict(), "scheduler": place, "trained": state.model.state_dict(),
        "averaged": int(state.ema.n_averaged), "sums": state.sums,
    }  # fmt: skip


def from_values(values: dict[str, Any], recipe: Recipe, classes: list[tuple[str, ...]], device: torch.device) -> State:
    """The state that to_values wrote; classes: those of every stage."""
    place = values["scheduler"]
    state = fresh(recipe, classes[place["stage"]], device)
    state.model.load_state_dict(values["trained"])
    state.averaged.load_state_dict(values["state_dict"])
    state.ema.n_averaged.fill_(values["averaged"])
    state.optimiser.load_state_dict(values["optimizer"])
    return replace(state, sums=values["sums"].to(device), **place)
