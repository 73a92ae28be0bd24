"""How large a difference has to be to count, and how numbers are written: one rule for every verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from explorer.figures.quantities import Quantity
from explorer.figures.style import look_of
from explorer.trace import Array

RANGE_SHARE = 0.02
"""A difference between curves counts from this share of the range that all of them span: less is hardly to be seen."""
_FORMAT = re.compile(r",?\.(\d+)~?([fg%])")
"""The d3 formats of figures.quantities."""


def rounding(label: str, size: float = 1.0) -> float:
    """Half of the last digit that a quantity is shown with: a change below it would be written as 0.

    label: of figures.quantities. size: of the numbers, where they are shown with so many significant digits.
    """
    digits, kind = _format(look_of(label))
    if kind == "g":
        digits = digits - 1 - (int(np.floor(np.log10(size))) if size > 0 else 0)
    return 0.5 * 10.0 ** -(digits + 2 * (kind == "%"))


def least_difference(label: str, *curves: Array | None) -> float:
    """The least difference between curves that counts: RANGE_SHARE of the range of all that is drawn, and at least
    what rounding leaves. NaN is nothing."""
    drawn = np.concatenate([[], *(np.ravel(curve) for curve in curves if curve is not None)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return rounding(label)
    return max(RANGE_SHARE * float(np.ptp(drawn)), rounding(label, float(np.abs(drawn).max())))


def number(value: float, label: str, unit: bool = True) -> str:
    """A number as its quantity is shown, with its unit: "1,105.0 nats", "45.3 %"."""
    look = look_of(label)
    digits, kind = _format(look)
    if kind == "%":
        return _signs(f"{100 * value:.{digits}f} %")
    text = f"{value:,.{digits}f}" if kind == "f" else _significant(value, digits)
    return _signs(f"{text} {look.unit}".strip() if unit else text)


def change(value: float, label: str) -> str:
    """A difference with its sign; of shares in percentage points: "−212.4 nats", "+3.1 pp"."""
    text = number(abs(value), label)
    return f"{'−' if value < 0 else '+'}{text.removesuffix('%') + 'pp' if text.endswith('%') else text}"


def listed(names: Sequence[str]) -> str:
    """ "3", "3 and 5", "3, 5 and 7"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sentence(parts: Sequence[str]) -> str:
    """Parts in one sentence: the first with a capital, and no full stop, as of a headline."""
    text = "; ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def _format(look: Quantity) -> tuple[int, str]:
    found = _FORMAT.fullmatch(look.number)
    assert found, look
    return int(found[1]), found[2]


def _significant(value: float, digits: int) -> str:
    places = digits - 1 - (int(np.floor(np.log10(abs(value)))) if value else 0)
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _signs(text: str) -> str:
    """With a proper minus, and none before a zero."""
    return text.replace("-", "−" if re.search("[1-9]", text) else "")
