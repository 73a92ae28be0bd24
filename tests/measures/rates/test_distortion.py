"""Rates against ε²: the rate itself, its finite difference, and bounds with hand-made subspaces."""

import numpy as np
import pytest

from explorer.measures.rates.distortion import distortion_curves, subspace_overlap
from explorer.measures.rates.layers import layer_norm
from explorer.measures.rates.rate import coding_rate, subspace_coding_rate
from explorer.trace import LayerWeights

EPS = [1e-4, 0.01, 0.5, 20.0]


@pytest.fixture(params=[4, 30])
def tokens(request):
    rng = np.random.default_rng(request.param)
    weights = LayerWeights(rng.standard_normal((6, 6)), None, (np.ones(6), np.zeros(6)), eps=1e-5, heads=2)
    return rng.standard_normal((request.param, 6)), weights


def test_bits_per_token_are_the_rate_in_another_unit(tokens):
    z, weights = tokens
    x = layer_norm(z, weights.norm, weights.eps)
    expected = [coding_rate(x, eps) / (len(z) * np.log(2)) for eps in EPS]
    np.testing.assert_allclose(distortion_curves(z, weights, EPS).bits_per_token, expected, rtol=1e-9)


def test_directions_are_the_slope_of_the_rate(tokens):
    z, weights = tokens
    x, step = layer_norm(z, weights.norm, weights.eps), 1e-4
    slope = [(coding_rate(x, eps * np.exp(-step)) - coding_rate(x, eps * np.exp(step))) / step for eps in EPS]
    found = distortion_curves(z, weights, EPS).directions
    np.testing.assert_allclose(found, slope, rtol=1e-5)
    assert (np.diff(found) < 0).all()
    assert found[0] <= min(len(z), 6)


def test_the_overlap_is_the_excess_of_the_heads_over_all_at_once():
    parts = np.random.default_rng(0).standard_normal((3, 9, 2))
    side_by_side = parts.transpose(1, 0, 2).reshape(1, 9, 6)
    for eps, found in zip(EPS, subspace_overlap(parts, EPS), strict=True):
        # the rate of one head of width 6 at 3ε² has the same α = 2/(9 ε²)
        joint = subspace_coding_rate(side_by_side, 3 * eps).sum()
        assert found == pytest.approx(1 - joint / subspace_coding_rate(parts, eps).sum(), rel=1e-9)


def test_uncorrelated_heads_do_not_overlap_and_equal_heads_overlap_wholly():
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((10, 4)))[0]
    apart = np.stack([basis[:, :2], basis[:, 2:]])
    np.testing.assert_allclose(subspace_overlap(apart, EPS), 0, atol=1e-12)
    same = np.stack([basis[:, :2]] * 4)
    assert subspace_overlap(same, [1e-12])[0] == pytest.approx(0.75, abs=0.02)
    assert subspace_overlap(same, [1e9])[0] == pytest.approx(0, abs=1e-6)


def test_a_rotation_within_a_head_changes_no_overlap():
    rng = np.random.default_rng(2)
    parts, turn = rng.standard_normal((2, 8, 3)), np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turned = np.stack([parts[0] @ turn, parts[1]])
    np.testing.assert_allclose(subspace_overlap(parts, EPS), subspace_overlap(turned, EPS), rtol=1e-9)


def test_edges():
    np.testing.assert_array_equal(subspace_overlap(np.zeros((2, 3, 2)), [0.1]), [0.0])
    np.testing.assert_array_equal(subspace_overlap(np.ones((1, 3, 2)), EPS), np.zeros(4))
    for bad in ([0.0], [0.1, -1.0], [np.nan]):
        with pytest.raises(ValueError, match="eps_squared"):
            subspace_overlap(np.ones((1, 3, 2)), bad)
