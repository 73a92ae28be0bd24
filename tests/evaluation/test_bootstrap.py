"""Intervals against closed forms: a constant, the binomial, and pairs."""

import numpy as np
import pytest

from explorer.evaluation.bootstrap import intervals, mean_rows
from explorer.evaluation.record import Row


def test_a_constant_has_no_spread():
    np.testing.assert_allclose(intervals(np.full((9, 2), 0.3)), np.full((2, 2), 0.3), rtol=1e-12)


def test_the_interval_of_a_share_is_the_binomials():
    """Draws of n zeros and ones are exactly Binomial(n, p̂)/n: compare with its 2.5 % and 97.5 % quantiles."""
    from scipy.stats import binom

    n, hits = 400, 120
    values = (np.arange(n) < hits)[:, None].astype(float)
    expected = binom.ppf([0.025, 0.975], n, hits / n) / n
    np.testing.assert_allclose(intervals(values, draws=20_000)[0], expected, atol=1.01 / n)


def test_nineteen_of_twenty_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    samples = (rng.random((300, 250)) < 0.4).astype(float)  # 250 experiments of 300 images
    low, high = intervals(samples, draws=1000).T
    assert 0.90 < np.mean((low <= 0.4) & (high >= 0.4)) < 0.99


def test_columns_share_their_draws_so_that_differences_are_paired():
    noise = np.random.default_rng(0).standard_normal(200)
    low, high = intervals(np.stack([noise, noise + 1, (noise + 1) - noise], axis=1)).T
    np.testing.assert_allclose([low[1] - low[0], high[1] - high[0]], 1, rtol=1e-9)
    np.testing.assert_allclose([low[2], high[2]], 1, rtol=1e-9)  # while each alone is uncertain
    assert high[0] - low[0] > 0.2


def test_the_seed_decides():
    values = np.random.default_rng(0).random((50, 1))
    assert (intervals(values, 1) == intervals(values, 1)).all()
    assert (intervals(values, 1) != intervals(values, 2)).any()


@pytest.mark.parametrize("values", [np.zeros((0, 1)), np.zeros(3), np.full((2, 1), np.nan)])
def test_values_that_have_no_interval_are_refused(values):
    with pytest.raises(ValueError, match="expected finite values"):
        intervals(values)


def test_rows_carry_mean_and_interval_and_no_images_give_no_row():
    row = Row("CorLoc", "trained", 0, 0)
    (filled,) = mean_rows({row: np.array([0.0, 1.0, 1.0, 0.0])}, 0)
    assert (filled.value, filled.images) == (0.5, 4)
    assert filled.low is not None
    assert filled.high is not None
    assert 0 <= filled.low < 0.5 < filled.high <= 1
    assert mean_rows({row: np.zeros(0)}, 0) == []
