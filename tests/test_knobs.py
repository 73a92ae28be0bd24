"""Turned knobs as text: parts by hand, what does not fit, and the way there and back."""

import dataclasses

import numpy as np
import pytest

from explorer.card import ModelCard
from explorer.knobs import (
    Turn,
    largest,
    read_knobs,
    trained_values,
    turn_knobs,
    turns_of,
    values_of,
    words_of,
    write_knobs,
)
from explorer.trace import Knobs


@pytest.fixture
def card(cards) -> ModelCard:
    """L=3, K=2, with a λ of its own for each layer."""
    return dataclasses.replace(cards["crate"], layers=3, eta=(0.1,) * 3, lam=(0.1, 0.2, 0.3))


def test_the_example_by_hand(card):
    knobs, refused = read_knobs("g3:2=0,l*=0.25,e2=0.05", card)
    assert refused == []
    np.testing.assert_array_equal(knobs.mssa_gain, [[1, 1], [1, 1], [1, 0]])
    np.testing.assert_array_equal(knobs.ista_lambda, [0.25, 0.25, 0.25])
    np.testing.assert_array_equal(knobs.ista_eta, [0.1, 0.05, 0.1])
    assert knobs.stride is None
    assert write_knobs(knobs, card) == "g3:2=0,l*=0.25,e2=0.05"
    assert words_of(turns_of(knobs, card)) == ["layer 3, head 2: gain 0", "all layers: λ 0.25", "layer 2: η 0.05"]


def test_words_of_heads_with_one_gain_go_together():
    gains = [(1, 1, 0.0), (1, 3, 0.0), (1, 2, 0.5), (2, 1, 0.0), (3, None, 2.0)]
    words = words_of(Turn("g", *gain) for gain in gains)
    assert words == [
        "layer 1, heads 1, 3: gain 0", "layer 1, head 2: gain 0.5", "layer 2, head 1: gain 0",
        "layer 3, all heads: gain 2",
    ]  # fmt: skip


def test_stars_and_later_parts_win(card):
    knobs, _ = read_knobs("g1:*=0.5, g1:2=2 ,l*=0.4,l2=0.2", card)
    np.testing.assert_array_equal(knobs.mssa_gain, [[0.5, 2], [1, 1], [1, 1]])
    np.testing.assert_array_equal(knobs.ista_lambda, [0.4, 0.2, 0.4])
    assert write_knobs(knobs, card) == "g1:1=0.5,g1:2=2,l1=0.4,l3=0.4"
    assert write_knobs(read_knobs("g2:1=0,g2:2=0", card)[0], card) == "g2:*=0"
    np.testing.assert_array_equal(read_knobs("g2:*=0", card)[0].mssa_gain, [[1, 1], [0, 0], [1, 1]])


@pytest.mark.parametrize("text", ["", " ", ",", "g1:1=1", "e*=0.1", "g1:1=0,g1:1=1", "l1=0.1,l2=0.2"])
def test_as_trained_is_no_knob_at_all(card, text):
    knobs, refused = read_knobs(text, card)
    assert knobs == Knobs()
    assert refused == []
    assert write_knobs(knobs, card) == ""


@pytest.mark.parametrize(
    "part",
    [
        "g4:1=0", "g0:1=0", "g1:3=0", "g1:0=0", "g*:1=0", "g1=0", "l1:1=0.1", "l4=0.1", "l0=0.1", "x1=1", "g1:1=",
        "g1:1", "g1:1=2.1", "g1:1=-1", "g1:1=nan", "g1:1=inf", "g1:1=1e999", "l1=1.1", "e*=1.01", "=", "g²:1=0",
        "l١=0.1", "g" + "9" * 5000 + ":1=0", "<b>",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_the_rest_stands(card, part):
    knobs, refused = read_knobs(f"g2:1=0,{part}", card)
    assert refused == [part]
    assert write_knobs(knobs, card) == "g2:1=0"


def test_a_vit_has_gains_only(cards):
    knobs, refused = read_knobs("g1:1=0,l*=0.2,e1=0.1", cards["vit"])
    assert refused == ["l*=0.2", "e1=0.1"]
    assert write_knobs(knobs, cards["vit"]) == "g1:1=0"


def test_another_model_keeps_what_fits_it(card, cards):
    text = write_knobs(read_knobs("g3:1=0,g2:1=0.5,l*=0.15,e3=0.2", card)[0], card)
    knobs, refused = read_knobs(text, cards["crate"])  # two layers
    assert refused == ["g3:1=0", "e3=0.2"]
    assert write_knobs(knobs, cards["crate"]) == "g2:1=0.5,l*=0.15"


@pytest.mark.parametrize("seed", range(20))
def test_there_and_back(card, seed):
    rng = np.random.default_rng(seed)
    turned = [
        Turn("g", int(rng.integers(1, 4)), [None, 1, 2][rng.integers(3)], round(float(rng.uniform(0, 2)), 3))
        for _ in range(rng.integers(4))
    ] + [
        Turn(str(rng.choice(["l", "e"])), [None, 1, 2, 3][rng.integers(4)], None, float(rng.uniform(0, 1)))
        for _ in range(rng.integers(4))
    ]  # fmt: skip
    knobs = turn_knobs(Knobs(stride=2), card, turned)
    text = write_knobs(knobs, card)
    again, refused = read_knobs(text, card)
    assert refused == []
    for kind in "gle":
        np.testing.assert_array_equal(values_of(again, card, kind), values_of(knobs, card, kind))
    assert write_knobs(again, card) == text
    assert knobs.stride == 2


def test_a_trained_value_with_many_digits_can_be_reached_again(card):
    odd = dataclasses.replace(card, lam=(0.123456789, 0.2, 0.0))
    knobs, _ = read_knobs("l1=0.5", odd)
    assert turn_knobs(knobs, odd, [Turn("l", 1, None, 0.123456789)]) == Knobs()
    assert largest(odd, "l", 3) == 1.0
    assert largest(odd, "l") == 2.0
    assert largest(odd, "g") == 2.0


def test_values_given_out_are_not_the_ones_kept(card):
    knobs, _ = read_knobs("g1:1=0", card)
    before = values_of(knobs, card, "g").copy()
    turn_knobs(knobs, card, [Turn("g", 2, None, 0)])
    np.testing.assert_array_equal(values_of(knobs, card, "g"), before)
    np.testing.assert_array_equal(trained_values(card, "g"), np.ones((3, 2)))
