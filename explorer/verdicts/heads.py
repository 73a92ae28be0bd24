"""What the heads of a layer say: which has most, which lie nearest, which stand out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.trace import Array
from explorer.verdicts.curves import CONTROL, NOTHING, Measured, beside
from explorer.verdicts.places import Places
from explorer.verdicts.rule import least_difference, listed, number, sentence

HEADS = Places("head")


def heads(per_head: Array, control: Array | None = None, *, label: str, share: bool = False) -> str:
    """The heads of one layer: the most and the least of them, and how many leave the control's.

    per_head, control: (K,). share: they add up to something of which the most is a part.
    """
    values = np.asarray(per_head, float)
    if not np.isfinite(values).any():
        return NOTHING
    least = least_difference(label, values, control)
    return sentence([_most_and_least(values, label, least, share), _leave(values, control, least)])


def _most_and_least(values: Array, label: str, least: float, share: bool) -> str:
    high, low = np.nanmax(values), np.nanmin(values)
    if len(values) == 1:
        return f"one head: {number(high, label)}"
    if high - low < least:
        return f"all heads alike, at {number(float(np.nanmean(values)), label)}"
    part = f", {high / np.nansum(values):.0%} of the sum".replace("%", " %") if share and np.nansum(values) > 0 else ""
    return (
        f"most in {HEADS.those(values > high - least)} ({number(high, label)}{part}), "
        f"least in {HEADS.those(values < low + least)} ({number(low, label)})"
    )


def _leave(values: Array, control: Array | None, least: float) -> str:
    """How many heads are below and above the control's."""
    if control is None:
        return ""
    gap = values - np.asarray(control, float)
    below, above = int((gap <= -least).sum()), int((gap >= least).sum())
    if not (below or above):
        return f"level with {CONTROL}'s"
    counts = [(below, f"below {CONTROL}'s"), (above, f"above {CONTROL}'s" if not below else "above them")]
    return ", ".join(
        f"{'every head' if n == len(values) else f'{n} of {len(values)}'} {where}" for n, where in counts if n
    )


def biggest_slice(per_head: Array) -> str:
    """The head with the largest share of its layer. per_head: (L,K), not negative."""
    sums = np.nansum(per_head, axis=1, keepdims=True)
    shares = np.divide(per_head, sums, out=np.zeros_like(per_head, float), where=sums > 0)
    layer, head = np.unravel_index(int(np.nanargmax(shares)), shares.shape)
    if len(per_head[0]) == 1 or shares[layer, head] == 0:
        return ""
    return f"largest slice: head {head + 1} of layer {layer + 1} ({100 * shares[layer, head]:.0f} %)"


def nearest_pair(angles: Sequence[Array], control: Sequence[Array] | None = None, first: int = 1) -> str:
    """The two subspaces that lie nearest. angles: of every layer (K,K) in degrees. first: the number of the first.

    Ties go to the first layer and heads.
    """
    found = _nearest(angles)
    if found is None:
        return "one head: no two subspaces to compare"
    degrees, layer, one, other = found
    beside_it = _nearest(control) if control is not None else None
    grey = f"; {CONTROL}'s nearest {beside_it[0]:.0f}°" if beside_it else ""
    return f"Most coherent: layer {layer + first}, heads {one + 1} and {other + 1} ({degrees:.0f}°){grey}"


def _nearest(angles: Sequence[Array]) -> tuple[float, int, int, int] | None:
    rows, columns = np.triu_indices(len(angles[0]), 1)
    if not len(rows):
        return None
    pairs = np.array([of_layer[rows, columns] for of_layer in angles])
    if not np.isfinite(pairs).any():
        return None
    layer, pair = np.unravel_index(int(np.nanargmin(pairs)), pairs.shape)
    return float(pairs[layer, pair]), int(layer), int(rows[pair]), int(columns[pair])


def steepest(spectra: Array, control: Array | None = None) -> str:
    """How much more a head reads its first direction than its median one. spectra, control: (K,m), falling."""
    ratios, grey = _slopes(spectra), None if control is None else _slopes(control)
    if not np.isfinite(ratios).any():
        return NOTHING
    head = int(np.nanargmax(ratios))
    said = f"Steepest: head {head + 1}, its first direction {ratios[head]:.1f} times its median one"
    return said + (
        "" if grey is None or not np.isfinite(grey).any() else f"; {CONTROL}'s at most {np.nanmax(grey):.1f}"
    )


def _slopes(spectra: Array) -> Array:
    median = np.median(spectra, axis=1)
    return np.divide(spectra[:, 0], median, out=np.full(len(spectra), np.nan), where=median > 0)


def farthest(distances: Array, expected: Array, control: Array | None = None) -> str:
    """How far out the farthest token of a head lies, against that of a Gaussian sample. distances: (K,N) ascending,
    expected: (N,) ascending, control: (K',N)."""
    if not expected[-1] > 0:
        return NOTHING
    ratios = distances[:, -1] / expected[-1]
    head = int(np.nanargmax(ratios))
    grey = "" if control is None else f"; {CONTROL}'s at most {np.nanmax(control[:, -1]) / expected[-1]:.1f} times"
    return f"Farthest out: a token in head {head + 1}, {ratios[head]:.1f} times as far as a Gaussian's farthest{grey}"


def ranking(names: Sequence[str], values: Array, label: str) -> str:
    """Things by what they change, the largest first: the first ones, and how many change nothing that is shown."""
    values = np.asarray(values, float)
    if not np.isfinite(values).any():
        return NOTHING
    top = [name for name, value in zip(names, values, strict=True) if number(value, label) == number(values[0], label)]
    first = listed(top[:3]) + (" and more" if len(top) > 3 else "")
    least = least_difference(label, values, np.zeros(1))
    return f"Most: {first} ({number(values[0], label)}); {(values < least).sum()} of {len(values)} next to nothing"


def at_one(value: float, control: float | None, *, label: str, where: str, spread: Array | None = None) -> str:
    """One number at a place, beside the control's. spread: all that is drawn, which says what counts."""
    if not np.isfinite(value):
        return NOTHING
    said = f"{where}: {number(value, label)}"
    if control is None or not np.isfinite(control):
        return said
    least = least_difference(label, [value, control] if spread is None else spread)  # pyright: ignore[reportArgumentType]
    side = beside(Measured(np.array([value])), Measured(np.array([control])), CONTROL, label, Places(), least)
    word = side.split(" ", 1)[0]
    return f"{said}, {word} {'with ' if word == 'level' else ''}{CONTROL} ({number(control, label)})"
