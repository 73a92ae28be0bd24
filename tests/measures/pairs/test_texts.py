"""What two runs predict of one text and what their tokens attend to, by hand."""

import numpy as np
import pytest

from explorer.measures.pairs.texts import causal_attention, compare_causal_attention, compare_next_tokens
from explorer.measures.patches.attention import attention_rows

RNG = np.random.default_rng(0)
U, V = RNG.standard_normal((2, 3, 5, 4))


def test_predicted_by_hand():
    a, b = np.log([[0.5, 0.5], [0.9, 0.1]]), np.log([[0.25, 0.75], [0.9, 0.1]])
    change = compare_next_tokens(a, b, np.array([0, 1]))
    np.testing.assert_allclose(change.divergence, [0.5 * np.log(2) + 0.5 * np.log(2 / 3), 0], atol=1e-12)
    assert change.agrees.tolist() == [False, True]
    np.testing.assert_allclose(change.surprise, [np.log(0.5) - np.log(0.75)])


def test_the_same_scores_are_no_change():
    logits = RNG.standard_normal((4, 7))
    change = compare_next_tokens(logits, logits + 3, np.array([1, 2, 3, 4]))
    np.testing.assert_allclose(change.divergence, 0, atol=1e-12)
    np.testing.assert_allclose(change.surprise, 0, atol=1e-12)
    assert change.agrees.all()


def test_causal_attention_row_by_row():
    found = causal_attention(U, V)
    for token in range(5):
        rows = attention_rows(U, V, token, causal=True)
        np.testing.assert_allclose(found[token], rows.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(causal_attention(U, V, 2)[token], rows[1], atol=1e-12)
        np.testing.assert_allclose(causal_attention(U, V, (1, 9))[token], rows[0], atol=1e-12)


def test_attention_change_by_hand():
    """Two tokens, one head: A spreads the second evenly, B looks at itself alone: JS = 1 − ¾ log₂ 3 + ½."""
    query = np.array([[[0.0], [0.0]]])
    sharp = np.array([[[0.0], [60.0]]])
    found = compare_causal_attention((query, query), (sharp, sharp), None)
    expected = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75)) - 0.5
    np.testing.assert_allclose(found, [0, expected], atol=1e-9)
    np.testing.assert_allclose(compare_causal_attention((U, V), (U, V)), 0, atol=1e-12)


def test_other_lengths():
    with pytest.raises(ValueError, match="5 and 4 tokens"):
        compare_causal_attention((U, V), (U[:, :4], V[:, :4]))
    with pytest.raises(ValueError, match="no tokens in common"):
        compare_next_tokens(np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(2, int))
