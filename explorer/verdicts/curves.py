"""What curves say: on which side of the control they run, and how they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explorer.trace import Array
from explorer.verdicts.places import LAYERS, Places
from explorer.verdicts.rule import change, least_difference, number, sentence

NOTHING = "No number here to say anything of"
CONTROL = "the control"
AS_TRAINED = "the network as trained"


@dataclass(frozen=True)
class Measured:
    """A curve, and where it is known the ends of its intervals: (n,) each."""

    values: Array
    low: Array | None = None
    high: Array | None = None


def curve(
    values: Array,
    control: Array | Measured | None = None,
    *,
    label: str,
    along: Places = LAYERS,
    level: tuple[str, float] | None = None,
    ghost: Array | None = None,
) -> str:
    """One curve in a sentence: against the control, against a level that means something, and how it goes.

    values: (n,). control: of the same length, NaN where either is unknown. level: a name and its height. ghost: the
    same as trained, where values are of turned knobs: then that is said first, and not how the curve goes.
    A difference counts from rule.least_difference on.
    """
    own, control = Measured(np.asarray(values, float)), _measured(control)
    if not np.isfinite(own.values).any():
        return NOTHING
    heights = None if level is None else np.full_like(own.values, level[1])
    least = least_difference(label, own.values, control and control.values, heights, ghost)
    parts = [] if ghost is None else [beside(own, Measured(ghost), AS_TRAINED, label, along, least)]
    parts += [] if control is None else [beside(own, control, CONTROL, label, along, least)]
    if level is not None and heights is not None:
        parts.append(beside(own, Measured(heights), level[0], label, along, least, most=False))
    return sentence([*parts, course(own.values, label, along, least) if ghost is None else ""])


def several(
    lines: Mapping[str, Array | Measured],
    control: Array | Measured | None,
    *,
    label: str,
    along: Places = LAYERS,
    name: str = CONTROL,
    alone: Mapping[str, Array] | None = None,
) -> str:
    """Some curves in a sentence, each against the same control. control: None where there is none; low and high: of a
    band of several. lines of another length are compared as far as both go. alone: curves that no control stands for;
    of these it is only said how they go."""
    found = {key: one for key, line in lines.items() if (one := _measured(line)) is not None}
    other, rest = _measured(control), {key: np.asarray(line, float) for key, line in (alone or {}).items()}
    least = least_difference(
        label, *(one.values for one in found.values()), *rest.values(), *(_ends(other) if other else ())
    )
    parts = []
    for key, one in found.items():
        if not np.isfinite(one.values).any():
            continue
        said = beside(one, other, name, label, along, least, most=len(found) == 1) if other else ""
        parts.append(f"{key} {said or course(one.values, label, along, least)}")
    parts += [f"{key} {course(line, label, along, least)}" for key, line in rest.items() if np.isfinite(line).any()]
    return sentence(parts) if parts else NOTHING


def story(
    lines: Mapping[str, Array], controls: Mapping[str, Array | float], *, label: str, along: Places, name: str = CONTROL
) -> str:
    """Some curves over a training run: from where to where, and when they leave their controls (of the same keys)."""
    parts = []
    for key, line in lines.items():
        values = np.asarray(line, float)
        known = np.flatnonzero(np.isfinite(values))
        if not len(known):
            continue
        went = f"{key} {number(float(values[known[0]]), label, unit=False)} → {number(float(values[known[-1]]), label)}"
        if key in controls:
            control = np.broadcast_to(np.asarray(controls[key], float), values.shape)
            least = least_difference(label, values, control)
            side = beside(Measured(values), Measured(control), name, label, along, least, most=False)
            went += f", {side}" if side else ""
        parts.append(went)
    if not parts:
        return NOTHING
    last = len(next(iter(lines.values()))) - 1
    return f"From {along.name(0)} to {along.name(last).removeprefix(along.axis).strip()}: {'; '.join(parts)}"


def beside(
    own: Measured, other: Measured, name: str, label: str, along: Places, least: float, most: bool = True
) -> str:
    """On which side of another curve one runs, and where; most: with the largest difference on that side.

    Where both have intervals, these must lie apart, too. Empty where the two have no place in common.
    """
    count = min(len(own.values), len(other.values))
    (low, values, high), (bottom, others, top) = (
        [np.asarray(end, float)[:count] for end in (_ends(one)[0], one.values, _ends(one)[1])] for one in (own, other)
    )
    below = (values - others <= -least) & (high <= bottom)
    above = (values - others >= least) & (low >= top)
    known = np.isfinite(values) & np.isfinite(others)
    if not known.any():
        return ""
    if not (below | above).any():
        return f"level with {name} {along.where(known)}"
    parts = []
    for word, chosen in (("below", below), ("above", above)):
        if chosen.any():
            parts.append(f"{word}{'' if parts else f' {name}'} {along.where(chosen)}")
    gap = np.where(below | above, values - others, 0.0)
    at = int(np.argmax(np.abs(gap)))
    one = int((below | above).sum()) == 1
    tail = f"({'' if one else f'most in {along.name(at)}: '}{change(gap[at], label)})"
    return ", ".join([*parts[:-1], f"{parts[-1]} {tail}" if most else parts[-1]])


def course(values: Array, label: str, along: Places, least: float) -> str:
    """How a curve goes from its first to its last place, and where it is highest or lowest in between."""
    at = np.flatnonzero(np.isfinite(values))
    if len(at) == 1:
        return f"{number(float(values[at[0]]), label)} in {along.name(int(at[0]))}"
    first, last = float(values[at[0]]), float(values[at[-1]])
    high, low = int(np.nanargmax(values)), int(np.nanargmin(values))
    if values[high] - values[low] < least:
        return f"stays at {number(float(np.nanmean(values)), label)}"
    ends = f"from {number(first, label, unit=False)} to {number(last, label)}"
    words = f"falls {ends}" if first - last >= least else f"rises {ends}" if last - first >= least else ""
    over, under = values[high] - max(first, last), min(first, last) - values[low]
    peak, word = (high, "highest") if over >= under else (low, "lowest")
    tail = f"{word} in {along.name(peak)} ({number(float(values[peak]), label)})" if max(over, under) >= least else ""
    return f"{words or f'ends where it begins, at {number(last, label)}'}, {tail}".removesuffix(", ")


def _measured(line: Array | Measured | None) -> Measured | None:
    return line if line is None or isinstance(line, Measured) else Measured(np.asarray(line, float))


def _ends(one: Measured) -> tuple[Array, Array]:
    return (one.values if one.low is None else one.low), (one.values if one.high is None else one.high)


def medians(values: Mapping[str, Array], *, label: str, what: str) -> str:
    """The median of some sets of numbers, which are drawn sorted. what: what the numbers are of."""
    found = {name: np.asarray(some, float)[np.isfinite(some)] for name, some in values.items()}
    said = [f"{name} {number(float(np.median(some)), label)}" for name, some in found.items() if len(some)]
    return f"Median {what}: {', '.join(said)}" if said else NOTHING
