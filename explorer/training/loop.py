"""The training loop: stages of a recipe, one schedule, averaged weights, and a state to go on from after a kill."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.training.checkpoints import Row, append_row, cut_curve, read_last, write_checkpoint, write_last
from explorer.training.data import (
    Dataset,
    augment,
    batch_index,
    draw_patches,
    generator,
    mix,
    open_dataset,
    targets,
    whole,
)
from explorer.training.device import compiled, pick_device, uses_bfloat16
from explorer.training.recipe import Recipe, Stage
from explorer.training.schedule import Plan, kept_patches, learning_rate, make_plan, steps_of_epoch
from explorer.training.start import load_start
from explorer.training.state import State, change_classes, fresh, from_values, initial_laws, to_values

ROW_STEPS = 20
"""Steps of one row of the curve."""
CHECK_IMAGES, CHECK_BATCH = 1000, 32
"""Validation images at the end of an epoch (all of them at the end of the run), and how many at once: few, so that a
CPU takes the same memory again and again."""
SAVE_SECONDS = 60.0
LONGEST_STEP = 10.0
"""Seconds: of a longer step only so many count, so that a run which slept or was stopped has not lost its time."""
MARKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Shares of the run after which a checkpoint is kept, beside its start and its end."""
Watch = Callable[[Row], None]


def _unwatched(row: Row) -> None:
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
    only the last check on the validation images follows; without, the stages' epochs are run. Raises ExplorerError for
    what does not fit together.
    """
    if minutes is not None and minutes <= 0:
        raise ExplorerError(f"--minutes {minutes:g} should be above 0.")
    run = Run(recipe, data, out, minutes, pick_device(device), compile_network, watch, save_seconds)
    while not run.finished():
        run.step()
    return run.finish()


class Run:
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
        self.data = [
            [open_dataset(data / stage.data / part, device) for part in ("train", "val")] for stage in recipe.stages
        ]
        for (training, held), stage in zip(self.data, recipe.stages, strict=True):
            if training.classes != held.classes:
                raise ExplorerError(f"{data / stage.data}: train and val name other classes: prepare them together.")
        self.plan: Plan = make_plan(recipe, [len(training) for training, _ in self.data])
        self.autocast = torch.autocast(device.type, torch.bfloat16, uses_bfloat16(recipe.precision, device))
        make_folder(out)
        self.fingerprint = json.dumps([asdict(recipe), minutes, [len(part) for parts in self.data for part in parts]])
        self.state = self.open_state()
        self.saved = self.ticked = time.monotonic()
        self.reached = self.progress()
        self.scores = self.make_scores()

    def open_state(self) -> State:
        values = read_last(self.out, self.fingerprint)
        if values is None:
            state = fresh(self.recipe, self.data[0][0].classes, self.device)
            if self.recipe.start:
                load_start(state, self.recipe, Path(self.recipe.start))
            self.state = state
            self.keep(f"{self.recipe.name}_p0")
        else:
            state = from_values(values, self.recipe, [parts[0].classes for parts in self.data], self.device)
        cut_curve(self.out, state.total)
        return state

    def make_scores(self) -> Callable[[Tensor, Tensor | None], Tensor]:
        logits = self.state.model.logits
        return compiled(logits, self.device) if self.compile_network else logits

    @property
    def stage(self) -> Stage:
        return self.recipe.stages[self.state.stage]

    @property
    def training(self) -> Dataset:
        return self.data[self.state.stage][0]

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
        loss, right = self.loss_of(state, stage)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip)
        state.optimiser.step()
        state.ema.update_parameters(state.model)
        state.step, state.total = state.step + 1, state.total + 1
        state.sums += torch.stack([loss.detach().float(), right])
        state.counted += 1
        self.after_step()

    def loss_of(self, state: State, stage: Stage) -> tuple[Tensor, Tensor]:
        """Cross-entropy of a batch, and the share that is classified as the unmixed label says."""
        seed, images = self.recipe.seed, len(self.training)
        draw = generator(seed, state.stage, state.step, 1)
        pixels, labels = self.training.pick(
            batch_index(images, stage.batch, state.step, seed + state.stage), self.device
        )
        shares = targets(labels, len(self.training.classes), self.recipe.label_smoothing)
        inputs, shares = mix(augment(pixels, stage, draw), shares, stage, draw)
        patches = (stage.size // self.recipe.patch) ** 2
        kept = draw_patches(len(inputs), patches, kept_patches(stage, self.recipe.patch), draw)
        with self.autocast:
            scores = self.scores(inputs, None if kept is None else kept.to(self.device))
        scores = scores.float()
        return F.cross_entropy(scores, shares), (scores.argmax(1) == labels).float().mean()

    def stage_is_over(self, progress: float) -> bool:
        """By time the plan's ends count, by work the steps."""
        if self.minutes is None:
            return self.state.step >= self.plan.steps[self.state.stage]
        return self.plan.stage_at(progress) > self.state.stage

    def enter_next_stage(self) -> None:
        self.write_row(self.tick())
        state = self.state
        state.epochs_before, state.stage, state.step = self.epoch(), state.stage + 1, 0
        if state.classes != self.training.classes:
            self.state = change_classes(state, self.recipe, self.training.classes, self.device)
        self.scores = self.make_scores()

    def epoch(self) -> float:
        """Passes over the data so far, all stages together."""
        return self.state.epochs_before + self.state.step / steps_of_epoch(len(self.training), self.stage)

    def after_step(self) -> None:
        state, before, seconds = self.state, self.reached, self.tick()
        self.reached = self.progress()
        mark = passed_mark(before, self.reached)
        ends_epoch = state.step % steps_of_epoch(len(self.training), self.stage) == 0
        top1 = None
        if ends_epoch or mark:
            state.top1 = top1 = self.check(CHECK_IMAGES)
        if mark:
            self.keep(f"{self.recipe.name}_p{100 * mark:.0f}")
        if top1 is not None or state.counted == ROW_STEPS:
            self.write_row(seconds, top1)
        if time.monotonic() - self.saved >= self.save_seconds:
            self.save()

    def write_row(self, seconds: float, top1: float | None = None) -> None:
        """A row of the steps since the last one, which were done at these seconds of the run, if there are any."""
        state = self.state
        if not state.counted:
            return
        loss, right = (state.sums / state.counted).tolist()
        if not math.isfinite(loss):
            raise ExplorerError(f"The loss is not a number at step {state.total}: lower lr in the recipe.")
        speed = state.counted * min(self.stage.batch, len(self.training)) / max(seconds - state.row_at, 1e-9)
        row = Row(
            state.total, state.stage + 1, self.epoch(), seconds, self.reached, loss, right, state.rate, speed, top1
        )
        append_row(self.out, row)
        self.watch(row)
        state.sums, state.counted, state.row_at = torch.zeros_like(state.sums), 0, self.tick()

    @torch.no_grad()
    def check(self, most: int | None) -> float:
        """Top-1 of the averaged weights on validation images, evenly picked; most: how many, None = all."""
        held = self.data[self.state.stage][1]
        index = torch.linspace(0, len(held) - 1, min(most or len(held), len(held))).round().long()
        right = 0
        for part in index.split(CHECK_BATCH):
            pixels, labels = held.pick(part, self.device)
            with self.autocast:
                scores = self.state.averaged.logits(whole(pixels, self.stage.size))
            right += int((scores.argmax(1) == labels).sum())
        return right / len(index)

    def keep(self, name: str) -> Path:
        """Write the averaged weights as an official checkpoint."""
        state, epoch = self.state, self.epoch()
        laws = initial_laws(self.recipe) if self.recipe.positions_std is not None else {}
        weights = state.averaged.state_dict()
        seen = [training for training, _ in self.data[: state.stage + 1]]
        return write_checkpoint(self.out, name, self.recipe, seen, weights, epoch, state.top1, laws)

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
        self.state.top1 = self.check(None)
        path = self.keep(self.recipe.name)
        self.save()
        return path


def passed_mark(before: float, after: float) -> float | None:
    """The latest of MARKS that progress passed or reached in a step, if there is one."""
    return max((mark for mark in MARKS if before < mark <= after), default=None)


def make_folder(folder: Path) -> None:
    """Make the folder of a run. Raises ExplorerError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExplorerError(f"{folder} cannot be made ({error.strerror}): choose another --out.") from error
