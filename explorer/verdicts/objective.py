"""What the accounts of the objective say, and whether the network's own headline holds for what is in view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.trace import Array
from explorer.verdicts.curves import NOTHING
from explorer.verdicts.places import LAYERS
from explorer.verdicts.rule import change, rounding

HIGHER, LOWER = 1, -1
"""Which way the objective wants a quantity."""
SPARSE, DENSE = 0.05, 0.2
"""Shares of the codes that a token uses: up to the first it is called sparse, from the second on dense."""


def losses(net: Array, better: int, label: str) -> Array:
    """Which layers move a quantity the wrong way by more than rounds to 0. net: (L,) changes; better: HIGHER, LOWER."""
    return better * np.asarray(net, float) <= -rounding(label, float(np.nanmax(np.abs(net), initial=0)))


def net_change(net: Array, control: Array | None, *, what: str, better: int, label: str) -> str:
    """Which layers move a quantity against the objective, and which of them most; and in the control.

    net, control: (L,), after the layer minus before it. what: the quantity in words.
    """
    net = np.asarray(net, float)
    if not np.isfinite(net).any():
        return NOTHING
    verb, wrong = ("Lower", "lowers") if better == HIGHER else ("Raise", "raises"), losses(net, better, label)
    if wrong.any():
        at = int(np.nanargmin(better * net))
        number = change(net[at], label)
        one = f", most of all {at + 1} ({number})" if wrong.sum() > 1 else f" ({number})"
        said = f"{verb[0]}{'s' if wrong.sum() == 1 else ''} {what}: {LAYERS.those(wrong)}{one}"
    else:
        at = int(np.nanargmin(better * net))
        said = f"No layer {verb[1]} {what} (nearest to it: layer {at + 1}, {change(net[at], label)})"
    if control is None:
        return said
    grey = losses(control, better, label)
    return f"{said}; in the control: {LAYERS.those(grey) if grey.any() else 'none'}"


def as_derived(
    operators: Sequence[str],
    lowered: tuple[int, int],
    layers: int,
    shares: tuple[Array, Array] | None,
    subject: str,
    codes: bool = False,
) -> str:
    """Whether a network's two steps did here what they are derived to do: in how many layers the first lowered R^c, and
    which share of the entries the second left.

    operators: their names, MSSA and ISTA. lowered: layers in which R^c fell, of the network and of its control.
    shares: of the entries that are not zero after every layer, (L,) each; None where nothing sets an entry to zero.
    subject: this photo or this text. codes: the shares are of codes, not of the tokens' own entries.
    """
    first, second = operators
    said = f"{first} lowers Rᶜ in {lowered[0]} of {layers} layers of {subject} (control: {lowered[1]})"
    if shares is None:
        return f"{said}; {second} sets no entry to zero"
    (low, high), (bottom, top) = ((100 * float(s.min()), 100 * float(s.max())) for s in shares)
    what = "codes" if codes else "entries"
    return f"{said}; {second} leaves {low:.0f}–{high:.0f} % of the {what} non-zero (control: {bottom:.0f}–{top:.0f} %)"


def used_codes(active: Array, atoms: int, control: Array | None = None, what: str = "Codes") -> str:
    """How many codes a token uses. active, control: for every token (N,) the number that is above 0, of `atoms`."""
    if not len(active) or not atoms:
        return NOTHING
    median = float(np.median(active))
    share = median / atoms
    word = "sparse" if share <= SPARSE else "dense" if share >= DENSE else "neither sparse nor dense"
    grey = "" if control is None or not len(control) else f" (control: {100 * np.median(control) / atoms:.0f} %)"
    return f"{what}: {median:.0f} of {atoms:,} are above 0 at the median token, {100 * share:.0f} %{grey}: {word}"
