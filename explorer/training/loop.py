"""The training loop: stages of a recipe, one schedule, averaged weights, and a state to go on from after a kill."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.training.checkpoints import (
    CurveRow,
    append_row,
    cut_curve,
    read_last,
    write_atomically,
    write_checkpoint,
    write_last,
)
from explorer.training.device import compiled, pick_device, uses_bfloat16
from explorer.training.picture_task import PictureTask
from explorer.training.recipe import PictureRecipe, Recipe, Stage, TextRecipe
from explorer.training.schedule import Plan, learning_rate, make_plan, steps_of_epoch
from explorer.training.start import load_start
from explorer.training.state import State, change_classes, fresh, from_values, initial_laws, to_values
from explorer.training.text_task import TextTask

ROW_STEPS = 20
"""Steps of one row of the curve."""
SAVE_SECONDS = 60.0
LONGEST_STEP = 10.0
"""Seconds: of a longer step only so many count, so that a run which slept or was stopped has not lost its time."""
MARKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Shares of the run after which a checkpoint is kept, beside its start and its end."""
CHECKS = 20
"""Quick checks of a run, beside those after each epoch."""
Watch = Callable[[CurveRow], None]


def _unwatched(row: CurveRow) -> None:
    """Rows that nobody watches."""
    del row


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    minutes: float | None = None,
    device: str = "auto",
    compile_network: bool = False,
    watch: Watch = _unwatched,
    save_seconds: float = SAVE_SECONDS,
) -> Path:
    """Train a recipe and return its last checkpoint; called again after a kill it goes on where it was.

    data: folder of the prepared folders that the stages name. minutes: the schedule is at its end after so long, and
    only the last check on what is held out follows; without, the stages' epochs are run. Raises ExplorerError for what
    does not fit together.
    """
    if minutes is not None and minutes <= 0:
        raise ExplorerError(f"--minutes {minutes:g} should be above 0.")
    run = TrainingRun(recipe, data, out, minutes, pick_device(device), compile_network, watch, save_seconds)
    while not run.finished():
        run.step()
    return run.finish()


class TrainingRun:
    """A run that is open: the data of every stage, the plan, the state and the files."""

    def __init__(
        self,
        recipe: Recipe,
        data: Path,
        out: Path,
        minutes: float | None,
        device: torch.device,
        compile_network: bool,
        watch: Watch,
        save_seconds: float,
    ) -> None:
        self.recipe, self.out, self.minutes, self.device = recipe, out, minutes, device
        self.compile_network, self.watch, self.save_seconds = compile_network, watch, save_seconds
        self.task = open_task(recipe, data, device)
        samples = self.task.samples
        self.plan: Plan = make_plan(recipe.stages, [training for training, _ in samples], self.task.tokens)
        self.autocast = torch.autocast(device.type, torch.bfloat16, uses_bfloat16(recipe.precision, device))
        make_folder(out)
        if isinstance(self.task, TextTask):
            tokenizer = self.task.tokenizer
            write_atomically(out / "tokenizer.json", lambda file: file.write_text(tokenizer, "utf-8"))
        self.fingerprint = json.dumps([asdict(recipe), minutes, [count for both in samples for count in both]])
        self.state = self.open_state()
        self.saved = self.ticked = time.monotonic()
        self.reached = self.progress()
        self.scores = self.make_scores()

    def open_state(self) -> State:
        values = read_last(self.out, self.fingerprint)
        if values is None:
            state = fresh(self.recipe, self.task.classes(0), self.device)
            if self.recipe.start:
                load_start(state, self.recipe, Path(self.recipe.start))
            self.state = state
            self.keep(f"{self.recipe.name}_p0")
        else:
            classes = [self.task.classes(i) for i in range(len(self.recipe.stages))]
            state = from_values(values, self.recipe, classes, self.device)
        cut_curve(self.out, state.total)
        return state

    def make_scores(self) -> Callable[..., Tensor]:
        """The network's scores for training, in the run's precision."""
        logits = self.state.model.logits
        return self.at_precision(compiled(logits, self.device) if self.compile_network else logits)

    def at_precision(self, logits: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Scores that are computed in the run's precision and come as float32."""

        def scores(*inputs: Tensor | None) -> Tensor:
            with self.autocast:
                found = logits(*inputs)
            return found.float()

        return scores

    @property
    def stage(self) -> Stage:
        return self.recipe.stages[self.state.stage]

    @property
    def samples(self) -> int:
        """Training samples of this stage."""
        return self.task.samples[self.state.stage][0]

    def progress(self) -> float:
        """0 to 1, by time or by work."""
        state = self.state
        if self.minutes is None:
            return self.plan.progress_after(state.stage, state.step)
        return min(self.tick() / (60 * self.minutes), 1.0)

    def tick(self) -> float:
        """Seconds that the run has taken so far, in all calls together."""
        now = time.monotonic()
        self.state.seconds += min(now - self.ticked, LONGEST_STEP)
        self.ticked = now
        return self.state.seconds

    def finished(self) -> bool:
        last = self.state.stage == len(self.recipe.stages) - 1
        return self.progress() >= 1 and (last or self.minutes is not None)

    def step(self) -> None:
        """One batch, after entering the next stage where this one is over; then rows, checks and files."""
        progress = self.progress()
        while self.stage_is_over(progress):
            self.enter_next_stage()
        state, stage, recipe = self.state, self.stage, self.recipe
        state.rate = learning_rate(stage.lr, progress, recipe.warmup)
        for group in state.optimiser.param_groups:
            group["lr"] = state.rate
        loss, right = self.task.loss_of(self.scores, state.stage, state.step)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip)
        state.optimiser.step()
        state.ema.update_parameters(state.model)
        state.step, state.total = state.step + 1, state.total + 1
        state.sums += torch.stack([loss.detach().float(), right])
        state.counted += 1
        self.after_step()

    def stage_is_over(self, progress: float) -> bool:
        """By time the plan's ends count, by work the steps."""
        if self.minutes is None:
            return self.state.step >= self.plan.steps[self.state.stage]
        return self.plan.stage_at(progress) > self.state.stage

    def enter_next_stage(self) -> None:
        self.write_row(self.tick())
        state = self.state
        state.epochs_before, state.stage, state.step = self.epoch(), state.stage + 1, 0
        if state.classes != (classes := self.task.classes(state.stage)):
            self.state = change_classes(state, self.recipe, classes, self.device)
        self.scores = self.make_scores()

    def epoch(self) -> float:
        """Passes over the data so far, all stages together."""
        return self.state.epochs_before + self.state.step / steps_of_epoch(self.samples, self.stage)

    def after_step(self) -> None:
        state, before, seconds = self.state, self.reached, self.tick()
        self.reached = self.progress()
        mark = passed_mark(before, self.reached)
        ends_epoch = state.step % steps_of_epoch(self.samples, self.stage) == 0
        validation = None
        if ends_epoch or mark or int(CHECKS * before) < int(CHECKS * self.reached):
            state.validation = validation = self.check(quick=True)
        if mark:
            self.keep(f"{self.recipe.name}_p{100 * mark:.0f}")
        if validation is not None or state.counted == ROW_STEPS:
            self.write_row(seconds, validation)
        if time.monotonic() - self.saved >= self.save_seconds:
            self.save()

    def write_row(self, seconds: float, validation: float | None = None) -> None:
        """A row of the steps since the last one, which were done at these seconds of the run, if there are any."""
        state = self.state
        if not state.counted:
            return
        loss, right = (state.sums / state.counted).tolist()
        if not math.isfinite(loss):
            raise ExplorerError(f"The loss is not a number at step {state.total}: lower lr in the recipe.")
        speed = state.counted * min(self.stage.batch, self.samples) / max(seconds - state.row_at, 1e-9)
        place = (state.total, state.stage + 1, self.epoch(), seconds, self.reached)
        row = CurveRow(*place, loss, right, state.rate, speed, validation)
        append_row(self.out, row)
        self.watch(row)
        state.sums, state.counted, state.row_at = torch.zeros_like(state.sums), 0, self.tick()

    def check(self, quick: bool) -> float:
        """The averaged weights on what is held out, as the task measures them."""
        return self.task.check(self.at_precision(self.state.averaged.logits), self.state.stage, quick)

    def keep(self, name: str) -> Path:
        """Write the averaged weights as an official checkpoint."""
        state, recipe = self.state, self.recipe
        card = {
            "init": initial_laws(recipe), "epoch": round(self.epoch(), 3),
            "started_from": Path(recipe.start).name if recipe.start else None,
            **({} if recipe.threshold is None else {"lambda": recipe.threshold}),
            **self.task.card(state.stage, state.validation),
        }  # fmt: skip
        return write_checkpoint(self.out, name, recipe, state, card)

    def save(self) -> None:
        """Write what a later call goes on from."""
        self.tick()
        write_last(self.out, to_values(self.state, self.epoch()) | {"fingerprint": self.fingerprint})
        self.saved = time.monotonic()

    def finish(self) -> Path:
        """The last checkpoint, measured on all validation images."""
        self.write_row(self.tick())
        while self.state.stage < len(self.recipe.stages) - 1:
            self.enter_next_stage()
        self.state.validation = self.check(quick=False)
        path = self.keep(self.recipe.name)
        self.save()
        return path


def open_task(recipe: Recipe, data: Path, device: torch.device) -> PictureTask | TextTask:
    """The data of a recipe's kind."""
    if isinstance(recipe, TextRecipe):
        return TextTask(recipe, data, device)
    assert isinstance(recipe, PictureRecipe)
    return PictureTask(recipe, data, device)


def passed_mark(before: float, after: float) -> float | None:
    """The latest of MARKS that progress passed or reached in a step, if there is one."""
    return max((mark for mark in MARKS if before < mark <= after), default=None)


def make_folder(folder: Path) -> None:
    """Make the folder of a run. Raises ExplorerError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExplorerError(f"{folder} cannot be made ({error.strerror}): choose another --out.") from error
