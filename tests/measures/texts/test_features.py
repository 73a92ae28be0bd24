"""The feature counter by hand, window after window, against all values at once."""

import numpy as np

from explorer.measures.texts.features import (
    A_BAND,
    BANDS,
    BINS,
    FULL_SHADE,
    NOBODY,
    STRONGEST,
    FeatureCounter,
    FeatureIndex,
    feature_index,
    weaker_share,
)

TEXT = np.array([5, 1, 5, 2, 5, 3])
CODES = np.array([[2.0, 0], [0, 0], [1, -3], [0, 0], [3, 0.5], [1, 0]])


def index_of(text, codes, window, vocabulary) -> FeatureIndex:
    """The index of one layer: text (T,), codes (T,m)."""
    counter = FeatureCounter(codes.shape[1], vocabulary)
    for start in range(0, len(text), window):
        counter.add(text[start : start + window], codes[start : start + window])
    return feature_index(text, window, [counter], [counter])


def counted() -> FeatureIndex:
    """Two codes over two windows of three tokens: the first fires on token 5, the second once; below 0 counts not."""
    return index_of(TEXT, CODES, 3, 6)


def test_by_hand():
    index = counted()
    assert (index.tokens, index.window) == (6, 3)
    np.testing.assert_allclose(index.rate, [[4 / 6, 1 / 6]])
    np.testing.assert_allclose(index.mean, [[7 / 4, 0.5]])
    np.testing.assert_allclose(index.values[0, :, :3], [[3, 2, 0], [0.5, 0, 0]])
    np.testing.assert_array_equal(index.places[0, :, :3], [[4, 0, NOBODY], [4, NOBODY, NOBODY]])
    np.testing.assert_allclose(index.most, [[3, 0.5]])
    here = index.before
    np.testing.assert_array_equal(index.around(4)[here - 2 : here + 3], [NOBODY, 2, 5, 3, NOBODY])  # its window alone
    np.testing.assert_array_equal(index.shades[0, 0, 0, here - 2 : here + 3], [0, 0, 17, 6, 0])
    np.testing.assert_array_equal(index.shades[0, 0, 1, here - 2 : here + 3], [0, 0, 12, 0, 6])
    assert index.words[0, 0, :2].tolist() == [5, 3]
    np.testing.assert_allclose(index.word_shares[0, :, :3], [[6 / 7, 1 / 7, 0], [1, 0, 0]])


def test_every_band_has_its_firings():
    """100 firings 1 … 100, one a window: the strongest fifth are 81 … 100, and so on down."""
    values = np.random.default_rng(1).permutation(np.arange(1.0, 101))
    index = index_of(np.zeros(200, int), np.stack([values, 0 * values], axis=1).reshape(200, 1), 2, 3)
    bands = index.values[0, 0, STRONGEST:].reshape(BANDS, A_BAND)
    assert (bands > 0).all()
    for k, band in enumerate(bands):
        ceiling = 100 - 20 * k
        assert (band > ceiling - 22).all()  # the histogram's bins are 2 wide or finer
        assert (band <= ceiling + 2).all()
        assert (np.diff(band) <= 0).all()
    np.testing.assert_array_equal(values[index.places[0, 0, STRONGEST:] // 2], bands.ravel())


def test_what_is_drawn_is_drawn_evenly():
    """Of 400 firings of one value 40 are drawn: without a bias to early or late ones."""
    counter = FeatureCounter(60, 1)
    for _ in range(40):
        counter.add(np.zeros(10, int), np.ones((10, 60)))
    places = counter.drawn.places.ravel()
    assert len(places) == 60 * 40
    assert all(len(set(of_one)) == 40 for of_one in counter.drawn.places.tolist())
    np.testing.assert_allclose(np.bincount(places // 100, minlength=4) / len(places), 0.25, atol=0.04)


def test_the_histogram_counts_every_firing_in_bins_that_grow():
    rng = np.random.default_rng(2)
    values = np.exp(rng.standard_normal((50, 20, 3)) * 2) * (rng.random((50, 20, 3)) < 0.5)
    counter = FeatureCounter(3, 4)
    for window in values:
        counter.add(np.zeros(20, int), window)
    flat = values.reshape(-1, 3)
    for code in range(3):
        fired = flat[flat[:, code] > 0, code]
        width = counter.widths[code]
        expected = np.histogram(fired, np.arange(BINS + 1) * width)[0]
        np.testing.assert_array_equal(counter.histogram[code], expected)
        assert BINS / 2 * width <= fired.max() < BINS * width
        asked = np.array([3 * width, 7 * width])
        share = weaker_share(counter.histogram[code], width, asked)
        np.testing.assert_allclose(share, [(fired < one).mean() for one in asked])
    assert weaker_share(np.zeros(BINS), np.array(0.0), np.array([1.0])) == 0


def test_against_all_values_at_once():
    """Many windows: rates, means and sums are those of the whole; the largest are the windows' maxima, sorted."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 6, (20, 9))
    codes = np.maximum(rng.standard_normal((20, 9, 4)), 0)
    flat = codes.reshape(-1, 4)
    index = index_of(tokens.ravel(), flat, 9, 6)
    np.testing.assert_allclose(index.control_rate, index.rate)
    np.testing.assert_allclose(index.control_share, index.word_shares[..., 0])
    np.testing.assert_allclose(index.rate[0], (flat > 0).mean(axis=0))
    np.testing.assert_allclose(index.mean[0], flat.sum(axis=0) / (flat > 0).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        index.values[0, :, :STRONGEST], -np.sort(-codes.max(axis=1), axis=0)[:STRONGEST].T, rtol=1e-6
    )
    sums = np.stack([flat[tokens.ravel() == token].sum(axis=0) for token in range(6)])
    for code in range(4):
        best = np.argsort(-sums[:, code])[:3]
        assert index.words[0, code, :3].tolist() == best.tolist()
        np.testing.assert_allclose(index.word_shares[0, code, :3], sums[best, code] / sums[:, code].sum(), rtol=1e-5)
        for c, (value, place) in enumerate(zip(index.values[0, code], index.places[0, code], strict=True)):
            if place == NOBODY:
                continue
            np.testing.assert_allclose(value, flat[place, code], rtol=1e-6)
            around = index.around(int(place))
            assert around[index.before] == tokens.ravel()[place]
            there = np.flatnonzero(around != NOBODY)
            values = flat[place - index.before + there, code]
            np.testing.assert_array_equal(around[there], tokens.ravel()[place - index.before + there])
            shades = index.shades[0, code, c, there] / FULL_SHADE
            np.testing.assert_allclose(shades, values / flat[:, code].max(), atol=1 / FULL_SHADE)


def test_a_code_that_never_fires():
    index = index_of(np.array([0, 1]), np.zeros((2, 1)), 2, 3)
    assert index.rate.max() == index.mean.max() == index.values.max() == index.word_shares.max() == 0
    assert (index.places == NOBODY).all()
    assert index.histogram.max() == index.shades.max() == 0
