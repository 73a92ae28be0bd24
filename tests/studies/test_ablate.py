"""Ablations in one batch: the same as one by one, and as a torch model without the head's output columns."""

import copy

import numpy as np
import pytest
import torch

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.measures.pairs.ablation import kl_divergence
from explorer.measures.patches.attention import attention_map, threshold_mass
from explorer.measures.patches.segmentation import iou
from explorer.measures.prediction import probabilities
from explorer.studies import ablate as ablation
from explorer.studies.ablate import ablate, batch_size, batches, silenced
from explorer.trace import Knobs
from tests.conftest import SIZES, pixels, prepared, torch_points

OUTPUT_MATRIX = {
    "crate": "transformer.layers.{i}.0.fn.to_out.0.weight",
    "crate_alpha": "transformer.layers.{i}.0.fn.to_out.0.weight",
    "vit": "blocks.{i}.attn.proj.weight",
}


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("layer", [1, 2])
def test_gain_zero_is_the_head_without_its_output_columns(opened, modules, family, layer):
    for head in (1, 2):
        without = copy.deepcopy(modules[family])
        matrix = dict(without.named_parameters())[OUTPUT_MATRIX[family].format(i=layer - 1)]
        with torch.no_grad():
            matrix[:, (head - 1) * 4 : head * 4] = 0  # p = 4
        theirs = torch_points(without, pixels(1), stride=2)
        knobs = Knobs(mssa_gain=silenced(opened[family].card, layer, [head]), stride=2)
        ours = runtime.run(opened[family], prepared(pixels(1)), None, knobs)
        for name, array in theirs.items():
            np.testing.assert_allclose(ours.points[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("family", SIZES)
def test_one_batch_equals_one_by_one_and_the_measures_done_by_hand(opened, family):
    model, photo = opened[family], prepared(pixels(1, 24, 24))
    trained = runtime.run(model, photo, None, Knobs(stride=2))
    found = [effect for batch in ablate(model, photo, 2, [1, 2]) for effect in batch]
    assert [(one.layer, one.head) for one in found] == [(1, 1), (1, 2), (2, 1), (2, 2)]

    def kept(trace):
        heads = attention_map(*trace.query_key(2), 0, trace.grid)
        return threshold_mass(heads.mean(axis=0), 0.6)

    for one in found:
        gains = np.ones((2, 2))
        gains[one.layer - 1, one.head - 1] = 0
        alone = runtime.run(model, photo, None, Knobs(mssa_gain=gains, stride=2))
        expected = float(kl_divergence(trained.logits[0], alone.logits[0]))
        assert one.divergence == pytest.approx(expected, abs=1e-5)
        best = int(trained.logits[0].argmax())
        change = probabilities(alone.logits[0])[best] - probabilities(trained.logits[0])[best]
        assert one.top_change == pytest.approx(change, abs=1e-5)
        assert one.top == alone.logits[0].argmax()
        assert one.mask_change == pytest.approx(1 - iou(kept(trained), kept(alone)), abs=1e-9)
        assert one.mask_change == 0 or one.layer == 1  # the last layer's attention is read before its heads act


@pytest.mark.parametrize("family", SIZES)
def test_logits_of_a_batch_are_those_of_single_runs(opened, family):
    model, card = opened[family], opened[family].card
    together = runtime.run(
        model, prepared(np.repeat(pixels(1), 2, axis=0)), [], Knobs(mssa_gain=silenced(card, 2, [1, 2]))
    )
    for i, head in enumerate((1, 2)):
        alone = runtime.run(model, prepared(pixels(1)), [], Knobs(mssa_gain=silenced(card, 2, [head])))
        np.testing.assert_allclose(together.logits[i], alone.logits[0], rtol=0, atol=1e-5)


def test_silenced_by_hand(cards):
    np.testing.assert_array_equal(silenced(cards["crate"], 2, [1, 2]), [[1, 1], [0, 1], [1, 1], [1, 0]])


@pytest.mark.parametrize(
    ("heads", "size", "expected"),
    [(6, 6, [[1, 2, 3, 4, 5, 6]]), (5, 2, [[1, 2], [3, 4], [5]]), (1, 4, [[1]]), (2, 1, [[1], [2]])],
)
def test_batches(heads, size, expected):
    assert [list(one) for one in batches(heads, size)] == expected


def test_a_batch_stays_within_the_limits(opened, monkeypatch):
    model, photo = opened["crate"], prepared(pixels(1))
    assert batch_size(model.card, photo, 4) == 2
    expected = [effect for batch in ablate(model, photo, None, [1]) for effect in batch]
    monkeypatch.setattr(ablation, "BATCH_S", 0.0)
    assert batch_size(model.card, photo, 4) == 1
    assert len(list(ablate(model, photo, None, [1]))) == 2
    monkeypatch.undo()
    one = runtime.estimate(model.card, 1, 12, 12, 4).memory_bytes
    monkeypatch.setenv(runtime.MEMORY_VARIABLE, str(1.5 * one / 1e9))
    assert batch_size(model.card, photo, 4) == 1
    split = [effect for batch in ablate(model, photo, None, [1]) for effect in batch]
    for ours, theirs in zip(split, expected, strict=True):
        assert ours.divergence == pytest.approx(theirs.divergence, abs=1e-6)


@pytest.mark.parametrize(
    ("layers", "images", "words"), [([3], 1, "no layer 3"), ([0], 1, "no layer 0"), ([1], 2, "one")]
)
def test_what_cannot_be_ablated(opened, layers, images, words):
    with pytest.raises(ExplorerError, match=words):
        next(ablate(opened["crate"], prepared(pixels(images)), None, layers))
