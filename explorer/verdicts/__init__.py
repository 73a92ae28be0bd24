"""Numbers and the control's numbers → one sentence: what a curve says, above it on every page.

A room of its own, because the lens, the report and the pages all say it, and because what counts as a difference goes
by how a quantity is shown (figures.quantities). The sentences are neutral: below, above, falls, rises; whether that is
good is a caption's matter, and a ViT never claimed to compress.
"""

from explorer.verdicts.answers import answer
from explorer.verdicts.curves import AS_TRAINED, CONTROL, NOTHING, Measured, curve, medians, several, story
from explorer.verdicts.heads import (
    at_one,
    biggest_slice,
    farthest,
    heads,
    nearest_pair,
    ranking,
    steepest,
)
from explorer.verdicts.objective import HIGHER, LOWER, as_derived, losses, net_change, used_codes
from explorer.verdicts.places import LAYERS, Places
from explorer.verdicts.results import differences, results
from explorer.verdicts.rule import RANGE_SHARE, change, least_difference, number, rounding, sentence

__all__ = [
    "AS_TRAINED",
    "CONTROL",
    "HIGHER",
    "LAYERS",
    "LOWER",
    "NOTHING",
    "RANGE_SHARE",
    "Measured",
    "Places",
    "answer",
    "as_derived",
    "at_one",
    "biggest_slice",
    "change",
    "curve",
    "differences",
    "farthest",
    "heads",
    "least_difference",
    "losses",
    "medians",
    "nearest_pair",
    "net_change",
    "number",
    "ranking",
    "results",
    "rounding",
    "sentence",
    "several",
    "steepest",
    "story",
    "used_codes",
]
