"""Curves in words, with numbers whose verdict can be read off."""

import numpy as np
import pytest

from explorer import figures, verdicts
from explorer.verdicts import Measured, Places

RATE = figures.RATE_LABEL
FLAT = np.full(5, 100.0)


def mask(*chosen: int, count: int = 6) -> np.ndarray:
    return np.isin(np.arange(1, count + 1), chosen)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ((1, 2, 3, 4, 5, 6), "in every layer"),
        ((3, 4, 5, 6), "from layer 3 on"),
        ((1, 2), "up to layer 2"),
        ((6,), "in layer 6"),
        ((1,), "in layer 1"),
        ((2, 3), "in layers 2 and 3"),
        ((2, 3, 4, 6), "in layers 2–4 and 6"),
        ((1, 3, 5), "in 3 of 6 layers"),
        ((1, 3), "in layers 1 and 3"),
    ],
)
def test_places(chosen, said):
    assert verdicts.LAYERS.where(mask(*chosen)) == said


def test_places_have_names_of_their_own():
    epochs = Places("epoch", labels=["0", "1.9", "3.8", "76"])
    assert epochs.where(mask(3, 4, count=4)) == "from epoch 3.8 on"
    assert Places("step", first=0).where(mask(1, 2, count=4)) == "up to step 1"
    assert verdicts.LAYERS.where(mask(1, count=1)) == "in its one layer"


def test_a_curve_below_its_control():
    values = np.array([100.0, 101, 90, 80, 70])  # the range is 31, so 0.62 counts
    assert verdicts.curve(values, FLAT, label=RATE) == (
        "Below the control from layer 3 on, above in layer 2 (most in layer 5: −30.0 nats); "
        "falls from 100.0 to 70.0 nats, highest in layer 2 (101.0 nats)"
    )


def test_a_small_difference_is_none():
    values = np.array([100.0, 100.5, 90, 80, 70])  # of a range of 30.5: 0.61 counts, 0.5 does not
    assert verdicts.curve(values, FLAT, label=RATE) == (
        "Below the control from layer 3 on (most in layer 5: −30.0 nats); falls from 100.0 to 70.0 nats"
    )


def test_equal_to_the_control():
    assert verdicts.curve(FLAT, FLAT, label=RATE) == "Level with the control in every layer; stays at 100.0 nats"


def test_rounding_decides_where_the_range_is_nothing():
    assert verdicts.curve(FLAT, FLAT + 0.04, label=RATE).startswith("Level with the control")
    assert verdicts.curve(FLAT, FLAT + 0.06, label=RATE).startswith("Below the control in every layer")


def test_without_a_control():
    assert verdicts.curve(np.array([0.4, 0.3, 0.5]), label=figures.NONZERO_LABEL) == (
        "Rises from 40.0 % to 50.0 %, lowest in layer 2 (30.0 %)"
    )
    assert verdicts.curve(np.array([1.0, 9, 1]), label=RATE) == (
        "Ends where it begins, at 1.0 nats, highest in layer 2 (9.0 nats)"
    )


def test_one_layer():
    assert verdicts.curve(np.array([12.0]), label=RATE) == "12.0 nats in layer 1"
    assert verdicts.curve(np.array([12.0]), np.array([10.0]), label=RATE) == (
        "Above the control in its one layer (+2.0 nats); 12.0 nats in layer 1"
    )


def test_what_is_no_number_is_left_out():
    values, control = np.array([np.nan, 5.0, 1.0]), np.array([1.0, np.nan, 3.0])
    assert verdicts.curve(values, control, label=RATE) == (
        "Below the control in layer 3 (−2.0 nats); falls from 5.0 to 1.0 nats"
    )
    assert verdicts.curve(np.full(3, np.nan), FLAT[:3], label=RATE) == verdicts.NOTHING
    assert verdicts.curve(np.array([5.0, 1.0]), np.full(2, np.nan), label=RATE) == "Falls from 5.0 to 1.0 nats"


def test_a_level_that_means_something():
    assert verdicts.curve(np.array([0.3, -0.1, -0.2]), label=figures.COSINE_LABEL, level=("0", 0.0)) == (
        "Below 0 from layer 2 on, above in layer 1; falls from 0.300 to −0.200"
    )


def test_turned_knobs_are_held_against_the_network_as_trained_first():
    ghost = np.array([100.0, 90, 80])
    said = verdicts.curve(np.array([100.0, 85, 70]), FLAT[:3], label=RATE, ghost=ghost)
    assert said == (
        "Below the network as trained from layer 2 on (most in layer 3: −10.0 nats); "
        "below the control from layer 2 on (most in layer 3: −30.0 nats)"
    )


def test_intervals_must_lie_apart():
    ours = Measured(np.array([1.0, 5.0]), np.array([0.0, 4.5]), np.array([3.0, 5.5]))
    other = Measured(np.array([2.0, 2.0]), np.array([1.5, 1.5]), np.array([2.5, 2.5]))
    assert verdicts.several({"trained": ours}, other, label=RATE) == (
        "Trained above the control in layer 2 (+3.0 nats)"
    )


def test_several_curves_against_one_control():
    lines = {"A": FLAT - 10, "B": FLAT, "C": np.array([100.0, 130])}  # C is shallower
    assert verdicts.several(lines, FLAT, label=RATE, alone={"D": np.array([3.0, 9.0])}) == (
        "A below the control in every layer; B level with the control in every layer; C above the control in layer 2; "
        "D rises from 3.0 to 9.0 nats"
    )
    assert verdicts.several({"A": FLAT}, None, label=RATE) == "A stays at 100.0 nats"
    assert verdicts.several({}, None, label=RATE) == verdicts.NOTHING


def test_a_band_of_controls_is_left_only_outside_of_it():
    band = Measured(FLAT[:3], FLAT[:3] - 5, FLAT[:3] + 5)
    said = verdicts.several({"A": np.array([96.0, 94.0, 108.0])}, band, label=RATE)
    assert said == "A below the control in layer 2, above in layer 3 (most in layer 3: +8.0 nats)"


def test_the_story_of_a_training_run():
    epochs = Places("epoch", labels=["0", "3.8", "76"])
    said = verdicts.story(
        {"attention": np.array([0.1, 0.2, 0.4]), "MaskCut": np.array([np.nan, 0.3, 0.3]), "lost": np.full(3, np.nan)},
        {"attention": 0.1},
        label=figures.CORLOC_LABEL, along=epochs,
    )  # fmt: skip
    assert said == (
        "From epoch 0 to 76: attention 10.0 % → 40.0 %, above the control from epoch 3.8 on; MaskCut 30.0 % → 30.0 %"
    )
    assert verdicts.story({}, {}, label=RATE, along=epochs) == verdicts.NOTHING


def test_medians_of_what_is_drawn_sorted():
    values = {"A": np.array([0.1, 0.5, 0.2]), "control": np.array([0.5, np.nan]), "none": np.array([])}
    said = verdicts.medians(values, label=figures.FIRING_LABEL, what="code")
    assert said == "Median code: A 20.0 %, control 50.0 %"
    assert verdicts.medians({}, label=figures.FIRING_LABEL, what="code") == verdicts.NOTHING
