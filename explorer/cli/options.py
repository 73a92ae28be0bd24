"""Arguments and options that commands share, and those that need more than a type, refused in one sentence."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import typer

from explorer import notebook
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs import prepare
from explorer.notebook import Model, NotebookTrace
from explorer.trace import Array, Knobs, Prepared

ModelArgument = Annotated[str, typer.Argument(help="A model of the zoo, or the path of an .onnx file.")]
InputArgument = Annotated[
    str,
    typer.Argument(
        help="A picture, a gallery photo by its name, or a .npy of float32 (B,3,H,W), fed as it is. For a language "
        "model a text file, a table of texts (.csv, .tsv, .jsonl), a .npy of token numbers (B,N), or the text itself."
    ),
]
SizeOption = Annotated[int | None, typer.Option(help="Side of the model's input in pixels, a multiple of the patch.")]
StrideOption = Annotated[int | None, typer.Option(help="Pixels between patches; below the patch size they overlap.")]
FramingOption = Annotated[
    str,
    typer.Option(
        help="crop: the middle, as in training; crop@0 to crop@100: from one end of the longer side to the other. "
        "whole: all of the photo, up to 3:1. pad: all of it, filled up to a square."
    ),
]
ColumnOption = Annotated[str, typer.Option(help="Of a table: the column of the texts; by default text.")]
RowOption = Annotated[int, typer.Option(help="Of a table: the row whose text is read, from 1.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
GainOption = Annotated[
    list[str] | None, typer.Option("--mssa-gain", metavar="L:K=V", help="Gain V of head K in layer L (from 1).")
]
StepOption = Annotated[list[str] | None, typer.Option(metavar="[L=]V", help="For all layers, or for layer L.")]


@dataclass(frozen=True)
class Asked:
    """What the commands of one input are asked about: a model, an input, and how the input is cut."""

    model: ModelArgument
    source: InputArgument
    size: SizeOption = None
    stride: StrideOption = None
    framing: FramingOption = "crop"
    column: ColumnOption = ""
    row: RowOption = 1

    @functools.cached_property
    def opened(self) -> Model:
        return notebook.open(self.model)

    @property
    def card(self) -> ModelCard:
        return self.opened.card

    def prepared(self) -> Prepared:
        """The model's input; what reading it changed goes to the standard error."""
        return read_input(self.source, self.card, self.size, self.framing, self.column, self.row)

    def trace(self, knobs: Knobs | None = None, want: Iterable[str] | None = None) -> NotebookTrace:
        prepared = self.prepared()
        traced = self.opened.trace(prepared, self.stride, knobs=knobs, want=want)
        return replace(traced, larger=self.opened.larger(self.source, prepared, self.size, self.framing))


def read_input(
    source: str, card: ModelCard, size: int | None, framing: str, column: str = "", row: int = 1
) -> Prepared:
    """What a user gives as the model's input; what reading it changed or guessed goes to the standard error."""
    prepared = prepare(source, card, size, framing, column, row)
    if prepared.note:
        print(f"note: {prepared.label}: {prepared.note}", file=sys.stderr)
    return prepared


def of_one_input(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is an Asked, for typer, which reads the signature: Asked's fields stand in it
    one by one, behind the command's own options."""
    shared = inspect.signature(Asked, eval_str=True).parameters
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    @functools.wraps(command)
    def call(**values: Any) -> None:
        command(Asked(**{name: values.pop(name) for name in shared}), **values)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared.values())]
    call.__dict__["__signature__"] = inspect.Signature(parameters)
    return call


def gains(card: ModelCard, settings: list[str]) -> Array | None:
    """L:K=V … → (L,K), None if nothing is set."""
    if not settings:
        return None
    gains = np.ones((card.layers, card.heads), np.float32)
    for setting in settings:
        try:
            place, value = setting.split("=")
            layer, head = (int(part) for part in place.split(":"))
            number = float(value)
        except ValueError as error:
            raise ExplorerError(f"--mssa-gain {setting} should be L:K=V, such as 3:2=0.5.") from error
        if not (1 <= layer <= card.layers and 1 <= head <= card.heads):
            raise ExplorerError(f"--mssa-gain {setting}: {card.name} has layers 1–{card.layers}, heads 1–{card.heads}.")
        gains[layer - 1, head - 1] = number
    return gains


def steps(card: ModelCard, name: str, settings: list[str] | None) -> Array | None:
    """[L=]V … → (L,), None if nothing is set."""
    if not settings:
        return None
    option = "--" + name.replace("_", "-")
    if not card.has_ista:
        raise ExplorerError(f"{card.name} is a {card.family_label} and has no {name}: leave {option} out.")
    values = np.array(card.lam if name == "ista_lambda" else card.eta, np.float32)
    for setting in settings:
        layer, _, value = setting.rpartition("=")
        try:
            number, index = float(value), int(layer) if layer else None
        except ValueError as error:
            raise ExplorerError(f"{option} {setting} should be a number, or L=V for layer L.") from error
        if index is None:
            values[:] = number
        elif 1 <= index <= card.layers:
            values[index - 1] = number
        else:
            raise ExplorerError(f"{option} {setting}: {card.name} has layers 1–{card.layers}.")
    return values


def entry_price(price: float) -> float:
    """--price: a finite number that is not negative."""
    if not (math.isfinite(price) and price >= 0):
        raise ExplorerError(f"--price {price:g} should be 0 or more nats for each non-zero entry.")
    return price


def distortion(eps_squared: float) -> float:
    """--eps-squared: a finite number above 0."""
    if not (math.isfinite(eps_squared) and eps_squared > 0):
        raise ExplorerError(f"--eps-squared {eps_squared:g} should be a number above 0, such as 0.01.")
    return eps_squared
