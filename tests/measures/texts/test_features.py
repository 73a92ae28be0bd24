"""The feature counter by hand, window after window, and the logit effect of an atom."""

import numpy as np

from explorer.measures.texts.features import NOBODY, FeatureCounter, codes_of_words, feature_index, logit_effect
from explorer.trace import Readout


def counted() -> FeatureCounter:
    """Two codes over two windows of three tokens: the first fires on token 5, the second once; below 0 counts not."""
    counter = FeatureCounter(2, vocabulary=6, contexts=2, words=2, around=(1, 1))
    counter.add(np.array([5, 1, 5]), np.array([[2.0, 0], [0, 0], [1, -3]]))
    counter.add(np.array([2, 5, 3]), np.array([[0, 0], [3, 0.5], [1, 0]]))
    return counter


def test_by_hand():
    index = feature_index([counted()], [counted()])
    assert (index.tokens, index.before) == (6, 1)
    np.testing.assert_allclose(index.rate, [[4 / 6, 1 / 6]])
    np.testing.assert_allclose(index.mean, [[7 / 4, 0.5]])
    np.testing.assert_allclose(index.top, [[[3, 2], [0.5, 0]]])
    np.testing.assert_array_equal(index.contexts[0, 0], [[2, 5, 3], [NOBODY, 5, 1]])
    np.testing.assert_array_equal(index.contexts[0, 1], [[2, 5, 3], [NOBODY] * 3])
    assert index.words[0, 0].tolist() == [5, 3]
    np.testing.assert_allclose(index.word_shares[0], [[6 / 7, 1 / 7], [1, 0]])


def test_against_all_values_at_once():
    """Many windows: rates, means and sums are those of the whole; the largest are the windows' maxima, sorted."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 6, (20, 9))
    codes = np.maximum(rng.standard_normal((20, 9, 4)), 0)
    counter = FeatureCounter(4, vocabulary=6, contexts=5, words=3)
    for window, values in zip(tokens, codes, strict=True):
        counter.add(window, values)
    index = feature_index([counter], [counter])
    np.testing.assert_allclose(index.control_rate, index.rate)
    np.testing.assert_allclose(index.control_share, index.word_shares[..., 0])
    flat = codes.reshape(-1, 4)
    np.testing.assert_allclose(index.rate[0], (flat > 0).mean(axis=0))
    np.testing.assert_allclose(index.mean[0], flat.sum(axis=0) / (flat > 0).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(index.top[0], -np.sort(-codes.max(axis=1), axis=0)[:5].T, rtol=1e-6)
    sums = np.stack([flat[tokens.ravel() == token].sum(axis=0) for token in range(6)])
    for code in range(4):
        best = np.argsort(-sums[:, code])[:3]
        assert index.words[0, code].tolist() == best.tolist()
        np.testing.assert_allclose(index.word_shares[0, code], sums[best, code] / sums[:, code].sum(), rtol=1e-5)
    at = index.contexts[0, :, :, index.before]
    windows = codes.max(axis=1).argmax(axis=0)
    for code in range(4):
        place = codes[windows[code], :, code].argmax()
        assert at[code, 0] == tokens[windows[code], place]


def test_a_code_that_never_fires():
    counter = FeatureCounter(1, vocabulary=3, contexts=2)
    counter.add(np.array([0, 1]), np.zeros((2, 1)))
    index = feature_index([counter], [counter])
    assert index.rate.max() == index.mean.max() == index.top.max() == index.word_shares.max() == 0
    assert (index.contexts == NOBODY).all()


def test_logit_effect_by_hand():
    """E of three tokens, scale (1,2): the atom (3,1) is centred to (1,−1), scaled to (1,−2)."""
    embedding = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    scored = np.array([1.0, -2.0, -1.0])
    readout = Readout(embedding, (np.array([1.0, 2.0]), np.zeros(2)), 1e-5)
    np.testing.assert_allclose(logit_effect(np.array([3.0, 1.0]), readout), scored - scored.mean())
    plain = logit_effect(np.array([3.0, 1.0]), Readout(embedding, None, 0.0))
    np.testing.assert_allclose(plain, np.array([1, -1, 0]))


def test_the_codes_of_words_by_hand():
    index = feature_index([counted()], [counted()])
    (first, second) = codes_of_words(index, {5}, 10)
    assert (first, second[:2]) == ((1, 1, 1.0), (1, 0))
    np.testing.assert_allclose(second[2], 6 / 7)
    assert codes_of_words(index, {5}, 1) == [first]
    assert codes_of_words(index, {0}, 10) == []
