"""What a recipe of text trains on: windows of the token sequence, their loss, and the check on held-out documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.dataset import TextPart, open_text
from explorer.errors import ExplorerError
from explorer.training.data import generator
from explorer.training.picture_task import told_of
from explorer.training.recipe import TextRecipe

CHECK_WINDOWS, CHECK_BATCH = 100, 8
"""Held-out windows of a quick check, and how many at once."""
Scores = Callable[..., Tensor]


class TextTask:
    """Texts as tokens, opened for each stage. Raises ExplorerError for folders that do not fit the recipe."""

    unit = "windows"

    def __init__(self, recipe: TextRecipe, data: Path, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.parts = [[open_text(data / stage.data / part) for part in ("train", "val")] for stage in recipe.stages]
        for stage, parts in zip(recipe.stages, self.parts, strict=True):
            if parts[0].tokenizer != self.parts[0][0].tokenizer:
                raise ExplorerError(
                    f"{data / stage.data} has other tokens than the first stage: prepare them together."
                )
            if short := next((part for part in parts if len(part.tokens) <= recipe.context), None):
                raise ExplorerError(
                    f"{data / stage.data} has a part of {len(short.tokens)} tokens, no more than the context of "
                    f"{recipe.context}: prepare more text, or choose a shorter context."
                )

    @property
    def samples(self) -> list[tuple[int, int]]:
        """Windows of one pass for training and for validation, by stage."""
        context = self.recipe.context
        return [(len(training.tokens) // context, len(held.tokens) // context) for training, held in self.parts]

    @property
    def tokens(self) -> list[int]:
        """Tokens of a window, by stage."""
        return [self.recipe.context] * len(self.parts)

    def classes(self, stage: int) -> tuple[str, ...]:
        """The vocabulary, which the next token is one of."""
        return self.parts[stage][0].vocabulary

    @property
    def tokenizer(self) -> str:
        return self.parts[0][0].tokenizer

    def loss_of(self, scores: Scores, number: int, step: int) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the next tokens of random windows in nats, and the share that is predicted."""
        stage, training = self.recipe.stages[number], self.parts[number][0]
        draw = generator(self.recipe.seed, number, step, 1)
        starts = torch.randint(len(training.tokens) - self.recipe.context, (stage.batch,), generator=draw)
        return self._compare(scores, training, starts)

    @torch.no_grad()
    def check(self, scores: Scores, number: int, quick: bool) -> float:
        """Nats per token on held-out windows: all, one after another, or CHECK_WINDOWS evenly picked."""
        held, context = self.parts[number][1], self.recipe.context
        count = (len(held.tokens) - 1) // context
        index = torch.linspace(0, count - 1, min(CHECK_WINDOWS, count) if quick else count).round().long()
        losses = [
            (self._compare(scores, held, part * context)[0] * len(part)).item() for part in index.split(CHECK_BATCH)
        ]
        return sum(losses) / len(index)

    def _compare(self, scores: Scores, part: TextPart, starts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and the share predicted of windows that begin at these tokens."""
        places = starts.numpy()[:, None] + np.arange(self.recipe.context + 1)
        windows = torch.from_numpy(part.tokens[places].astype(np.int64)).to(self.device)
        found, wanted = scores(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()
        return F.cross_entropy(found, wanted), (found.argmax(1) == wanted).float().mean()

    def card(self, number: int, validation: float | None) -> dict[str, Any]:
        """What the card of a checkpoint in this stage says of its text."""
        seen = [training for training, _ in self.parts[: number + 1]]
        return {"cross_entropy_val": validation, **told_of([training.about for training in seen])}
