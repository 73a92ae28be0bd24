"""Counts on shared bins, against NumPy's and by hand."""

import numpy as np
import pytest

from explorer.measures.rates import histogram
from explorer.measures.rates.histogram import threshold_histogram


def test_every_value_is_counted_once():
    rng = np.random.default_rng(0)
    before = rng.standard_normal((50, 100))
    after = np.maximum(before - 0.3, 0)
    packed = threshold_histogram(before, after, 0.3)
    edges, counts = packed[0], packed[1:3]
    assert len(edges) - 1 <= histogram.MAX_BINS
    for row, values in zip(counts, (before, after), strict=True):
        np.testing.assert_array_equal(row[:-1], np.histogram(values, edges)[0])
    np.testing.assert_allclose(packed[3, :3], [0.3, 0, np.mean(after == 0)])
    assert not counts[:, -1].any()


def test_by_hand():
    # from −1 to 1 in 78 widths of 1/39: both ends and 0 are edges, so the zeros stand in the first bin above 0
    packed = threshold_histogram(np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), 0.5)
    np.testing.assert_allclose(packed[0], np.arange(-39, 40) / 39, atol=1e-12)
    assert [np.flatnonzero(row).tolist() for row in packed[1:3]] == [[0, 39, 77], [39, 77]]
    assert packed[2, [39, 77]].tolist() == [2, 1]
    np.testing.assert_allclose(packed[3, :3], [0.5, 1 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([0.0], [0.0]),
        ([3.0, 3.0], [3.0]),
        ([1e-30, 2e-30], [0.0]),
        ([1e8, 1e8 + 1], [1e8]),
        ([-7.0], [1e-9]),
        ([1.0, np.nextafter(1.0, 2.0)], [1.0]),
    ],
)
def test_extreme_samples_stay_in_the_bins(before, after):
    packed = threshold_histogram(np.array(before), np.array(after), 0.1)
    assert packed[1:3].sum(axis=1).tolist() == [len(before), len(after)]
    assert packed.shape[1] - 1 <= histogram.MAX_BINS
    assert (np.diff(packed[0]) >= 0).all()


def test_shared_edges_lose_nothing_over_many_ranges():
    rng = np.random.default_rng(1)
    for _ in range(300):
        sample = rng.standard_normal(50) * 10.0 ** rng.integers(-6, 6) + rng.standard_normal() * 10
        edges = histogram.shared_edges(sample)
        assert len(edges) - 1 <= histogram.MAX_BINS
        assert (np.diff(edges) > 0).all()
        np.testing.assert_array_equal(histogram.counts_in(sample, edges), np.histogram(sample, edges)[0])
        on_edges = histogram.counts_in(edges, edges)
        assert (on_edges[:-1] == 1).all()  # an edge belongs to the bin that it opens …
        assert on_edges[-1] == 2  # … and the last one to the last bin


@pytest.mark.parametrize("before", [np.array([1.0, np.nan]), np.array([np.inf]), np.array([])])
def test_what_cannot_be_counted_is_refused(before):
    with pytest.raises(ValueError, match="finite"):
        threshold_histogram(before, np.array([1.0]), 0.1)
