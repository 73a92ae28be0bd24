"""Attention rows against the dense softmax, and the two rules for a mask by hand."""

import numpy as np
import pytest

from explorer.measures.patches.attention import (
    attention_map,
    attention_rows,
    jensen_shannon,
    threshold_entries,
    threshold_mass,
)


def projections(heads: int, tokens: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((heads, tokens, width))


def dense_attention(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    logits = np.einsum("kip,kjp->kij", query, key) / np.sqrt(query.shape[-1])
    weights = np.exp(logits)
    return weights / weights.sum(-1, keepdims=True)


def test_row_by_hand():
    # p=4, so logits are halved: ⟨q,k⟩ = 0 and 2 ln 3 give weights 1 : 3
    query = np.array([[[1.0, 0, 0, 0], [0, 0, 0, 0]]])
    key = np.array([[[0.0, 1, 0, 0], [2 * np.log(3), 0, 0, 0]]])
    np.testing.assert_allclose(attention_rows(query, key, 0), [[0.25, 0.75]], rtol=1e-14, atol=0)
    np.testing.assert_allclose(attention_rows(query, key, 1), [[0.5, 0.5]], rtol=1e-14, atol=0)


@pytest.mark.parametrize("token", [0, 3, 6])
def test_rows_are_rows_of_the_dense_matrix(token):
    query, key = projections(3, 7, 5), projections(3, 7, 5, seed=1)
    expected = dense_attention(query, key)[:, token]
    np.testing.assert_allclose(attention_rows(query, key, token), expected, rtol=1e-12, atol=0)


def test_rows_sum_to_one_even_for_huge_logits():
    shared = 1e4 * projections(2, 6, 4).astype(np.float32)
    rows = attention_rows(shared, shared, 2)
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(rows.sum(-1), 1, rtol=1e-12, atol=0)


def test_map_leaves_cls_out_and_is_not_renormalised():
    shared = projections(2, 7, 4)
    maps, rows = (
        attention_map(shared, shared, 0, (2, 3)),
        attention_rows(shared, shared, 0),
    )
    assert maps.shape == (2, 2, 3)
    assert np.array_equal(maps[1, 1], rows[1, 4:7])
    np.testing.assert_allclose(maps.sum((1, 2)), 1 - rows[:, 0], rtol=1e-12, atol=0)


def test_entries_by_hand():
    values = np.array([[0.1, 0.4], [0.4, 0.2], [0.3, 0.0]])
    # 0.6 of 6 entries is 3.6, so 4
    assert threshold_entries(values, 0.6).tolist() == [
        [False, True],
        [True, True],
        [True, False],
    ]
    # a tie: the first in reading order wins
    assert threshold_entries(values, 1 / 6).tolist() == [
        [False, True],
        [False, False],
        [False, False],
    ]


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.35, 0.6, 1.0])
def test_entries_keeps_the_promised_number(keep):
    values = np.random.default_rng(0).integers(0, 4, 40)
    mask = threshold_entries(values, keep)
    assert mask.sum() == round(keep * 40)
    if 0 < keep < 1:
        assert values[mask].min() >= values[~mask].max()


def test_mass_by_hand():
    # DINO: ascending .1 .2 .3 .4 cumulates to .1 .3 .6 1; with keep .5 those above .5 stay
    values = np.array([[3.0, 1.0], [2.0, 4.0]])
    assert threshold_mass(values, 0.5).tolist() == [[True, False], [False, True]]
    # one large entry can hold the share alone, which the rule on entries would not notice
    peaked = np.array([97.0, 1.0, 1.0, 1.0])
    assert threshold_mass(peaked, 0.6).tolist() == [True, False, False, False]
    assert threshold_entries(peaked, 0.6).sum() == 2


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.9])
def test_mass_is_the_smallest_set_from_the_top(keep):
    values = np.random.default_rng(1).random(50)
    mask = threshold_mass(values, keep)
    held = values[mask].sum() / values.sum()
    assert held >= keep
    assert held - values[mask].min() / values.sum() < keep
    assert values[mask].min() > values[~mask].max()


def test_mass_edges():
    assert not threshold_mass(np.zeros(4), 0.6).any()
    assert threshold_mass(np.array([0.0, 1.0, 2.0]), 1.0).tolist() == [False, True, True]
    assert not threshold_mass(np.array([1.0, 2.0]), 0.0).any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: attention_rows(np.ones((2, 3, 4)), np.ones((2, 3, 5)), 0),
        lambda: attention_rows(np.ones((3, 4)), np.ones((3, 4)), 0),
        lambda: attention_rows(np.ones((2, 3, 4)), np.ones((2, 3, 4)), 3),
        lambda: attention_rows(np.ones((2, 3, 4)), np.ones((2, 3, 4)), -1),
        lambda: attention_map(np.ones((2, 7, 4)), np.ones((2, 7, 4)), 0, (3, 3)),
        lambda: threshold_entries(np.ones(3), 1.1),
        lambda: threshold_mass(np.ones(3), -0.1),
        lambda: threshold_mass(np.array([1.0, -1.0]), 0.5),
    ],
)
def test_misuse_is_refused(call):
    with pytest.raises(ValueError, match=r"must|do not fit|not negative"):
        call()


def test_jensen_shannon_by_hand():
    assert jensen_shannon(np.array([[0.5, 0.5], [0.5, 0.5]])) == 0
    assert jensen_shannon(np.eye(4)) == pytest.approx(2)  # four that share nothing: log₂ 4 bits
    half = np.array([[1.0, 0.0], [0.5, 0.5]])  # the mean is (¾, ¼)
    expected = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)) - 0.5
    assert jensen_shannon(half) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bad", [np.ones(3) / 3, np.array([[1.5, -0.5]]), np.array([[0.5, 0.1]])])
def test_jensen_shannon_takes_distributions_alone(bad):
    with pytest.raises(ValueError, match="distributions"):
        jensen_shannon(bad)
