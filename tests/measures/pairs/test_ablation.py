"""Predictions and masks with and without a head: by hand, against SciPy's definition, edges."""

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from explorer.measures.pairs.ablation import HeadEffect, feature_effects, head_effects, kl_divergence, ranked
from explorer.measures.prediction import log_probabilities, probabilities

QUARTERS = np.log([0.25, 0.25, 0.5])
UNEVEN = np.log([0.5, 0.25, 0.25])


def test_kl_by_hand():
    # ¼ ln(¼ : ½) + ¼ ln 1 + ½ ln(½ : ¼) = (−¼ + ½) ln 2
    assert kl_divergence(QUARTERS, UNEVEN) == pytest.approx(0.25 * np.log(2), rel=1e-12)
    assert kl_divergence(np.zeros(2), np.log([0.9, 0.1])) == pytest.approx(-0.5 * np.log(4 * 0.09), rel=1e-12)


def test_kl_as_scipy_defines_it_and_not_the_other_way_round():
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal((5, 7)), rng.standard_normal((5, 7))
    expected = rel_entr(softmax(p, axis=-1), softmax(q, axis=-1)).sum(axis=-1)
    np.testing.assert_allclose(kl_divergence(p, q), expected, rtol=1e-10, atol=1e-12)
    assert np.abs(kl_divergence(p, q) - kl_divergence(q, p)).max() > 1e-3


def test_kl_is_zero_for_the_same_prediction_and_finite_for_huge_logits():
    assert kl_divergence(QUARTERS, QUARTERS + 7.0) == pytest.approx(0, abs=1e-15)
    assert kl_divergence(QUARTERS, QUARTERS) >= 0
    assert kl_divergence(np.array([0.0, 5000.0]), np.array([5000.0, 0.0])) == pytest.approx(5000)
    with pytest.raises(ValueError, match="same classes"):
        kl_divergence(np.zeros(3), np.zeros(2))


def test_probabilities_sum_to_one_in_float64():
    logits = np.random.default_rng(1).standard_normal((4, 9)).astype(np.float32) * 50
    shares = probabilities(logits)
    assert shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(
        np.exp(log_probabilities(logits)), softmax(logits.astype(np.float64), axis=-1), rtol=1e-9
    )


def test_effects_by_hand():
    mask = np.array([[True, True], [False, False]])
    masks = np.array([mask, [[True, False], [True, False]], [[False, False], [False, False]]])
    found = head_effects(4, range(2, 5), QUARTERS, np.stack([QUARTERS, UNEVEN, UNEVEN]), mask, masks)
    assert [(one.layer, one.head, one.top) for one in found] == [(4, 2, 2), (4, 3, 0), (4, 4, 0)]
    assert [one.divergence for one in found] == pytest.approx([0, 0.25 * np.log(2), 0.25 * np.log(2)], abs=1e-12)
    assert [one.top_change for one in found] == pytest.approx([0, -0.25, -0.25], abs=1e-12)
    assert [one.mask_change for one in found] == pytest.approx([0, 2 / 3, 1])


def test_two_empty_masks_are_equal():
    empty = np.zeros((1, 2), bool)
    assert head_effects(1, [1], QUARTERS, QUARTERS[None], empty, empty[None])[0].mask_change == 0


def test_rows_must_fit():
    with pytest.raises(ValueError, match="do not fit"):
        head_effects(1, [1, 2], QUARTERS, QUARTERS[None], np.ones((1, 1), bool), np.ones((1, 1, 1), bool))


def test_ranked_by_divergence_then_by_place():
    places = [(1, 1, 0.1), (2, 1, 0.5), (1, 2, 0.5), (1, 3, 0.0)]
    effects = [HeadEffect(layer, head, kl, 0.0, 0, 0.0) for layer, head, kl in places]
    assert [(one.layer, one.head) for one in ranked(effects)] == [(1, 2), (2, 1), (1, 1), (1, 3)]


def test_without_a_head_the_features_say_how_much_changed():
    """Right angles and opposite directions, whatever the lengths."""
    mask = np.ones((2, 2), bool)
    ablated = np.array([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [0.0, 0.0]])
    found = feature_effects(1, [1, 2, 3, 4], np.array([1.0, 0.0]), ablated, mask, np.stack([mask] * 4))
    assert [one.feature_change for one in found] == pytest.approx([0, 1, 2, 1])
    assert {(one.divergence, one.top, one.top_change) for one in found} == {(None, None, None)}
    assert [one.head for one in ranked(found)] == [3, 2, 4, 1]
    with pytest.raises(ValueError, match="do not fit"):
        feature_effects(1, [1], np.zeros(2), ablated, mask, np.stack([mask] * 4))
