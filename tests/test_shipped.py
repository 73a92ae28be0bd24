"""What ships: every model opens, was checked against torch, and does what its README says."""

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.inputs import gallery, gallery_photo, prepare_photo, prepare_words
from explorer.measures.patches.methods import on_pixels, segment_trace
from explorer.measures.patches.segmentation import iou
from explorer.measures.rates.layers import measure_curves, measure_layers
from explorer.measures.texts.language import next_tokens
from explorer.studies.features import read_index
from explorer.trace import Knobs

RUN = [f"crate-objects{share}" for share in ("_p0", "_p2", "_p3", "_p6", "_p12", "_p25", "_p50", "")]
TWINS = ["vit-objects_p0", "vit-objects", "crate-alpha-objects_p0", "crate-alpha-objects"]
TEXT_RUN, TEXT_TWIN = (
    [f"{name}{share}" for share in ("_p0", "_p3", "_p12", "_p50", "")] for name in ("crate-lm-novels", "gpt-novels")
)


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    monkeypatch.delenv(zoo.MODELS_VARIABLE, raising=False)


def curve(name: str, control: bool = False) -> np.ndarray:
    """Official R^c and non-zeros (2,L), averaged over six gallery photos."""
    card = zoo.find_model(name)
    drawn = zoo.draw_control(card) if control else None
    model, weights = runtime.open_model(card, drawn), zoo.layer_weights(card, drawn)
    values = []
    for photo in gallery()[:6]:
        prepared = prepare_photo(photo.path.read_bytes(), card.preprocessing, card.patch)
        rows = measure_layers(runtime.run(model, prepared), weights)
        values.append([[r.subspace_coding_rate_official for r in rows], [r.nonzero_fraction for r in rows]])
    return np.mean(values, axis=0)


def test_the_zoo_holds_the_shipped_models_and_each_agrees_with_torch():
    cards = {card.name: card for card in zoo.list_models()}
    assert {*RUN, *TWINS, *TEXT_RUN, *TEXT_TWIN} == set(cards)
    assert {zoo.FIRST_MODEL, zoo.FIRST_TEXT_MODEL} < set(cards)
    for name in cards:
        assert cards[name].parity["max_abs_error"] < 1e-4
        assert cards[name].size_bytes < 16e6
        assert ("public domain" if cards[name].reads_text else "research use") in cards[name].provenance["licence"]
        assert cards[name].provenance["run"]
        assert cards[name].evaluation
    for run in (RUN, TEXT_RUN, TEXT_TWIN):
        epochs = [cards[name].provenance["epoch"] for name in run]
        assert epochs[0] == 0
        assert epochs == sorted(epochs)


def test_the_drawn_control_agrees_with_the_runs_own_start():
    rate, sparsity = curve(RUN[0])
    drawn_rate, drawn_sparsity = curve(RUN[-1], control=True)
    np.testing.assert_allclose(drawn_rate, rate, rtol=0.04)
    np.testing.assert_allclose(drawn_sparsity, sparsity, atol=0.03)


def test_training_compresses_the_last_layers_below_the_control():
    trained, control = curve(RUN[-1])[0], curve(RUN[-1], control=True)[0]
    assert trained[-1] < 0.9 * control[-1]


def kangaroo() -> np.ndarray:
    """A mask drawn by hand from boxes on the photo's 128 pixels: its body and head."""
    mask = np.zeros((128, 128), bool)
    mask[28:56, 80:112] = mask[52:114, 46:94] = mask[82:120, 88:120] = True
    return mask


def test_maskcut_finds_the_kangaroo_and_random_weights_do_not():
    card = zoo.find_model(zoo.FIRST_MODEL)
    prepared = prepare_photo(gallery_photo("kangaroo").path.read_bytes(), card.preprocessing, card.patch)
    overlaps = []
    for weights in (None, zoo.draw_control(card)):
        trace = runtime.run(runtime.open_model(card, weights), prepared, None, Knobs(stride=4))
        found = on_pixels(segment_trace(trace, "maskcut"), trace, 128, 128)
        overlaps.append(iou(found.labels == 1, kangaroo()))
    assert overlaps[0] > 0.6
    assert overlaps[1] < overlaps[0] - 0.2


SENTENCE = "She looked at him with tears in her eyes, and he took her hand and said that he would never leave her."


@pytest.mark.parametrize("run", [TEXT_RUN, TEXT_TWIN])
def test_language_models_expect_english_more_and_more(run):
    """The cost of a plain sentence falls from checkpoint to checkpoint, and starts at that of equal chances."""
    costs = []
    for name in run:
        card = zoo.find_model(name)
        prepared = prepare_words(SENTENCE, card)
        logits = runtime.run(runtime.open_model(card), prepared).logits[0]
        costs.append(next_tokens(logits, prepared.data[0]).cross_entropy)
    assert costs[0] == pytest.approx(np.log(zoo.find_model(run[0]).vocabulary), abs=0.4)
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 3.8


def test_training_makes_the_last_codes_of_a_text_sparser_than_the_control():
    card = zoo.find_model(zoo.FIRST_TEXT_MODEL)
    prepared = prepare_words(SENTENCE, card)
    shares = [
        measure_curves(runtime.run(runtime.open_model(card, weights), prepared))[1]
        for weights in (None, zoo.draw_control(card))
    ]
    assert shares[0][-1] < 0.75 * shares[1][-1]


@pytest.mark.parametrize("name", [TEXT_RUN[-1], TEXT_TWIN[-1]])
def test_a_feature_index_lies_beside_the_end_of_each_run(name):
    card = zoo.find_model(name)
    index, _ = read_index(card)
    assert index.rate.shape == (card.layers, card.codes_dim)
    assert index.tokens > 250_000
