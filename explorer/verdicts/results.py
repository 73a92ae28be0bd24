"""What measured results with their intervals say: beside the control, and of differences, whether they leave 0 out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from explorer.verdicts.curves import CONTROL, NOTHING
from explorer.verdicts.rule import listed, number, rounding, sentence

Interval = tuple[float, float, float]
"""A value and the ends of its interval; both the value where it is unknown."""
MOST_NAMED = 3


def results(own: Mapping[str, Interval], control: Mapping[str, Interval], label: str) -> str:
    """Which results lie above, below and level with the control's of the same name: apart where their intervals are."""
    if len(own) == 1 and (name := next(iter(own))) in control:
        value, grey = own[name][0], control[name][0]
        side = _side(own[name], control[name], label)
        return sentence([f"{name}: {number(value, label)}, {side} {CONTROL} ({number(grey, label)})"])
    sides: dict[str, list[str]] = {}
    for name in own:
        if name in control:
            sides.setdefault(_side(own[name], control[name], label), []).append(name)
    if not sides:
        return ""
    return sentence([f"{side} {CONTROL}: {_names(names, len(own))}" for side, names in sides.items()])


def differences(found: Mapping[str, Interval], label: str, *, from_named: bool = False) -> str:
    """Which differences leave 0 out, and on which side. from_named: each is one value minus what the name names."""
    if not found:
        return NOTHING
    sides: dict[str, list[str]] = {}
    for name, interval in found.items():
        side = _side(interval, (0.0, 0.0, 0.0), label)
        sides.setdefault("not to be told from" if side == "level with" else side, []).append(name)
    zero = "" if from_named else "0: "
    return sentence([f"{side} {zero}{_names(names, len(found))}" for side, names in sides.items()])


def _side(own: Interval, other: Interval, label: str) -> str:
    (value, low, high), (grey, bottom, top) = own, other
    least = rounding(label, max(abs(value), abs(grey)))
    if value - grey >= least and low >= top:
        return "above"
    return "below" if grey - value >= least and high <= bottom else "level with"


def _names(names: Sequence[str], of: int) -> str:
    if len(names) == of > MOST_NAMED:
        return f"all {of}"
    more = len(names) - MOST_NAMED
    return listed([*names[:MOST_NAMED], f"{more} more"] if more > 0 else names)
