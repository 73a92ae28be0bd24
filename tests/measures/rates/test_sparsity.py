"""Counting zeros: by hand, at the edges."""

import numpy as np
import pytest

from explorer.measures.rates.sparsity import l0, l1, l1_mean, nonzero_fraction

Z = np.array([[0.0, -2.0, 1e-30], [0.5, 0.0, -0.0]])


def test_counts_by_hand():
    assert l0(Z) == 3  # 1e-30 is not zero: there is no tolerance; −0.0 is
    assert nonzero_fraction(Z) == 0.5
    assert l1(Z) == pytest.approx(2.5, rel=1e-15)
    assert l1_mean(Z) == pytest.approx(2.5 / 6, rel=1e-15)


def test_all_zero_and_all_filled():
    assert nonzero_fraction(np.zeros((3, 4))) == 0.0
    assert nonzero_fraction(np.full((3, 4), -1.0)) == 1.0
    assert l1(np.zeros((3, 4))) == 0.0


def test_l1_is_summed_in_float64():
    z = np.full(1_000_000, 1.1, np.float32)
    assert l1(z) == pytest.approx(float(np.float32(1.1)) * 1e6, rel=1e-12)


def test_scaling_changes_l1_but_not_l0():
    z = np.random.default_rng(0).standard_normal((8, 5)).clip(0)
    assert l0(3 * z) == l0(z)
    assert l1(3 * z) == pytest.approx(3 * l1(z), rel=1e-14)


@pytest.mark.parametrize("measure", [nonzero_fraction, l1_mean])
def test_nothing_to_count_is_refused(measure):
    with pytest.raises(ValueError, match="non-empty"):
        measure(np.zeros((0, 3)))
