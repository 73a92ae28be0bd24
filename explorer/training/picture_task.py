"""What a recipe of pictures trains on: the batches of every stage, their loss, and the check on held-out pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.training.data import (
    MEAN,
    STD,
    augment,
    batch_index,
    draw_patches,
    generator,
    mix,
    open_dataset,
    targets,
    whole,
)
from explorer.training.recipe import PictureRecipe, PictureStage

CHECK_IMAGES, CHECK_BATCH = 1000, 32
"""Validation images of a quick check, and how many at once: few, so that a CPU takes the same memory each time."""
Scores = Callable[..., Tensor]


class PictureTask:
    """Pictures with labels, opened for each stage. Raises ExplorerError for folders that do not fit the recipe."""

    unit = "images"

    def __init__(self, recipe: PictureRecipe, data: Path, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.parts = [
            [open_dataset(data / stage.data / part, device) for part in ("train", "val")] for stage in recipe.stages
        ]
        for (training, held), stage in zip(self.parts, recipe.stages, strict=True):
            if training.classes != held.classes:
                raise ExplorerError(f"{data / stage.data}: train and val name other classes: prepare them together.")

    @property
    def samples(self) -> list[tuple[int, int]]:
        """Pictures for training and for validation, by stage."""
        return [(len(training), len(held)) for training, held in self.parts]

    @property
    def tokens(self) -> list[int]:
        """Tokens of a picture that enter the network, by stage."""
        return [1 + kept_patches(stage, self.recipe.patch) for stage in self.recipe.stages]

    def classes(self, stage: int) -> tuple[str, ...]:
        return self.parts[stage][0].classes

    def loss_of(self, scores: Scores, number: int, step: int) -> tuple[Tensor, Tensor]:
        """Cross-entropy of a batch, and the share that is classified as the unmixed label says."""
        recipe, stage, training = self.recipe, self.recipe.stages[number], self.parts[number][0]
        draw = generator(recipe.seed, number, step, 1)
        index = batch_index(len(training), stage.batch, step, recipe.seed + number)
        pixels, labels = training.pick(index, self.device)
        shares = targets(labels, len(training.classes), recipe.label_smoothing)
        inputs, shares = mix(augment(pixels, stage, draw), shares, stage, draw)
        patches = (stage.size // recipe.patch) ** 2
        kept = draw_patches(len(inputs), patches, kept_patches(stage, recipe.patch), draw)
        found = scores(inputs, None if kept is None else kept.to(self.device))
        return F.cross_entropy(found, shares), (found.argmax(1) == labels).float().mean()

    @torch.no_grad()
    def check(self, scores: Scores, number: int, quick: bool) -> float:
        """Top-1 on validation images: all of them, or CHECK_IMAGES evenly picked."""
        held, size = self.parts[number][1], self.recipe.stages[number].size
        count = min(CHECK_IMAGES, len(held)) if quick else len(held)
        index = torch.linspace(0, len(held) - 1, count).round().long()
        right = 0
        for part in index.split(CHECK_BATCH):
            pixels, labels = held.pick(part, self.device)
            right += int((scores(whole(pixels, size)).argmax(1) == labels).sum())
        return right / len(index)

    def card(self, number: int, validation: float | None) -> dict[str, Any]:
        """What the card of a checkpoint in this stage says of its pictures."""
        seen = [training for training, _ in self.parts[: number + 1]]
        recipe = self.recipe
        return {
            "patch_size": recipe.patch, "image_size": recipe.image_size, "resize": recipe.image_size,
            "crop": recipe.image_size, "mean": list(MEAN), "std": list(STD), "classes": list(seen[-1].classes),
            "trained_size": recipe.stages[number].size, "top1_val": validation,
            **told_of([training.about for training in seen]),
        }  # fmt: skip


def kept_patches(stage: PictureStage, patch: int) -> int:
    """How many patches of an image enter the network."""
    return max(1, round((stage.size // patch) ** 2 * (1 - stage.patch_dropout)))


def told_of(abouts: list[dict[str, Any]]) -> dict[str, str]:
    """Sources and licences of all the data that was seen, each once."""
    sources = dict.fromkeys(source for about in abouts for source in about.get("sources", []))
    licences = dict.fromkeys(about["licence"] for about in abouts if about.get("licence"))
    return {"data": ", ".join(sources), "licence": "; ".join(licences)}
