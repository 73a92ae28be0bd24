"""What a model says of a photo, and at which size and stride it is as often right as is said."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.inputs.photo import sample
from explorer.ui.panels.prediction import accuracy_of, answer_of, photo_panel, prediction_caption
from explorer.ui.view.photo import View

ACCURACY = {
    "date": "2026-01-01T00:00:00", "commit": "", "seconds": 1.0, "settings": {"size": 96, "stride": 8},
    "data": {"images": 500, "of": 500},
    "rows": [
        {"measure": "top-1", "who": "random-init control", "value": 0.01, "images": 500},
        {"measure": "top-1", "who": "trained", "value": 0.62, "images": 500},
    ],
}  # fmt: skip


def view_of(card, stride: int = 4, logits=(0.0, 0.0, 3.0), photo=None) -> View:
    """As much of a view as a prediction asks for, of 96 pixels."""
    trace = SimpleNamespace(stride=stride, logits=np.array([logits]), card=card)
    prepared = SimpleNamespace(height=96, width=120)
    return SimpleNamespace(card=card, trace=trace, prepared=prepared, photo=photo or sample("panda"))  # pyright: ignore


@pytest.fixture
def card(cards):
    return dataclasses.replace(cards["crate"], measured={}, evaluation={}, classes=("emu", "panda", "English springer"))


def test_what_was_evaluated_is_said_with_its_size_and_stride(card):
    card = dataclasses.replace(card, evaluation={"accuracy": ACCURACY}, measured={"top1_val": 0.9})
    known = accuracy_of(card)
    assert known is not None
    assert (known.top1, known.size, known.stride, known.images) == (0.62, 96, 8, 500)
    caption = prediction_caption(view_of(card))
    assert "At 96 px and stride 8 this model is right on 62% of 500 held-out photos" in caption
    assert "here it looks at 96 px, stride 4" in caption
    assert prediction_caption(view_of(card, stride=8)).endswith("held-out photos as here.")


def test_what_training_measured_holds_at_the_trained_size_with_patches_side_by_side(card):
    card = dataclasses.replace(card, measured={"top1_val": 0.204}, provenance={"trained_size": 64})
    caption = prediction_caption(view_of(card))
    assert f"At 64 px and stride {card.patch} this model is right on 20% of its validation photos" in caption


def test_nothing_is_said_of_what_nobody_measured(card):
    assert prediction_caption(view_of(card)) == "The five most probable classes, softmax of the logits."
    broken = dataclasses.replace(card, evaluation={"accuracy": {"rows": 3}})
    assert prediction_caption(view_of(broken)) == "The five most probable classes, softmax of the logits."


def test_the_photo_carries_the_prediction_beside_the_gallerys_label(card):
    view = view_of(card)
    assert answer_of(view) == "panda ✗ 5 %, English springer 91 %"  # e³ / (2 + e³) = 0.909
    assert photo_panel(view).verdict == answer_of(view)
    assert answer_of(view_of(card, logits=(0.0, 3.0, 0.0))) == "panda ✓ 91 %"


def test_an_upload_has_no_label(card):
    photo = dataclasses.replace(sample("panda"), label="")
    assert answer_of(view_of(card, photo=photo)) == "English springer 91 %"
