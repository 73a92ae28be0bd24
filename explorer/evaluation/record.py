"""A measured result as it travels: rows of one number each, with what it was measured on, when, and how."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.trace import Array

MODEL, CONTROL = "trained", "random-init control"
"""Who a row is about: the model itself, its control; anything else is a baseline or another model by its name."""
DIRTY = "-dirty"
"""Behind the commit of code that was changed since."""
TEXTS = ("measure", "who", "method", "on", "minus")
NUMBERS = ("value", "low", "high", "std", "at", "images")


@dataclass(frozen=True)
class Row:
    """One number. measure: what, such as "CorLoc". value: the mean over the images. images: how many.

    who: MODEL, CONTROL, a baseline or another model. minus: set where value is the mean difference who − minus on the
    same images. low, high: 95 % interval. std: standard deviation over the images. method: how the mask was
    made. on: part or subset of the data, or the kind of noise. at: layer, or level of the noise.
    """

    measure: str
    who: str
    value: float
    images: int
    low: float | None = None
    high: float | None = None
    std: float | None = None
    method: str = ""
    on: str = ""
    minus: str = ""
    at: float | None = None

    def values(self) -> dict[str, Any]:
        """Only what is said."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, "")}


@dataclass(frozen=True)
class Result:
    """What one suite measured. date: UTC, to the second. commit: of this code, DIRTY behind it where the code was
    changed since; empty where there is no git.

    settings: everything that shaped the numbers. data: name, part, licence and number of images of the source.
    """

    suite: str
    date: str
    commit: str
    seconds: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    @property
    def code(self) -> str:
        """Which code measured it, in words: "commit 0123456789ab with local changes"; empty where that is not known."""
        clean = self.commit.removesuffix(DIRTY)
        return f"commit {clean}{' with local changes' if clean != self.commit else ''}" if clean else ""

    def values(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: dict(own[name]) for name in ("settings", "data")}
        return {**own, **plain, "rows": [row.values() for row in self.rows]}


def results_of(card: ModelCard) -> dict[str, Result]:
    """The results in a model's card by suite. Raises ExplorerError where they are not what `evaluate` writes."""
    try:
        return {suite: _result(suite, values) for suite, values in card.evaluation.items()}
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ExplorerError(
            f"{card.name} holds an evaluation that this version cannot read ({error}): evaluate it again."
        ) from error


def _result(suite: str, values: Mapping[str, Any]) -> Result:
    texts = {name: str(values[name]) for name in ("date", "commit")}
    rows = tuple(_row(row) for row in values["rows"])
    data = dict(values["data"])
    data |= {name: int(_finite(data[name])) for name in ("images", "of")}
    if not isinstance(data.get("sources", []), list):
        raise TypeError("sources should be a list")
    return Result(
        suite, **texts, seconds=_finite(values["seconds"]), rows=rows,
        settings=dict(values["settings"]), data=data,
    )  # fmt: skip


def _row(values: Mapping[str, Any]) -> Row:
    if unknown := set(values) - {*TEXTS, *NUMBERS}:
        raise ValueError(f"unknown field {min(unknown)}")
    texts = {name: str(values[name]) for name in TEXTS if name in values}
    numbers: dict[str, Any] = {name: _finite(values[name]) for name in NUMBERS if name in values}
    return Row(**{**texts, **numbers, "images": int(numbers["images"])})


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return value


def evaluated_numbers(
    cards: Sequence[ModelCard], suite: str, measure: str, who: str = MODEL, method: str = "", on: str = ""
) -> Array | None:
    """One number of every card's evaluation (cards,), None unless all have it."""
    values = []
    for card in cards:
        result = results_of(card).get(suite)
        wanted, rows = (measure, who, method, on, ""), result.rows if result else ()
        row = next((r for r in rows if (r.measure, r.who, r.method, r.on, r.minus) == wanted), None)
        if row is None:
            return None
        values.append(row.value)
    return np.array(values)
