"""CKA and the Procrustes distance: by hand, invariances, against their other definitions, and the level of chance."""

from itertools import permutations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from explorer.measures.pairs.similarity import cka_map, linear_cka, procrustes_distance


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def turned(tokens: np.ndarray) -> np.ndarray:
    """Rotated in more dimensions, scaled and shifted."""
    width = tokens.shape[1] + 2
    wide = np.pad(tokens, ((0, 0), (0, 2)))
    return 3.7 * wide @ np.linalg.qr(drawn(width, width, seed=9))[0] + drawn(width, seed=8)


# columns of a Hadamard matrix: centred, and orthogonal to one another
SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])
SHAPES = [(12, 4), (5, 9), (2, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_turned_copy_is_the_same(shape):
    tokens = drawn(*shape)
    assert linear_cka(tokens, turned(tokens)) == pytest.approx(1, rel=1e-10)
    assert procrustes_distance(tokens, turned(tokens)) == pytest.approx(0, abs=1e-10)


def test_orthogonal_features_share_nothing():
    assert linear_cka(SIGNS[:, :1], SIGNS[:, 1:]) == pytest.approx(0, abs=1e-15)
    assert procrustes_distance(SIGNS[:, :1], SIGNS[:, 1:]) == pytest.approx(2, rel=1e-12)


def test_by_hand():
    """X = (s₁, s₂), Y = s₁: ‖YᵀX‖² = 16, ‖XᵀX‖_F = 4√2, ‖YᵀY‖_F = 4; ‖XᵀY‖_* of unit norms = 4/(√8·2) = 1/√2."""
    assert linear_cka(SIGNS[:, :2], SIGNS[:, :1]) == pytest.approx(1 / np.sqrt(2), rel=1e-12)
    expected = 2 - np.sqrt(2)
    assert procrustes_distance(SIGNS[:, :2], SIGNS[:, :1]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [((9, 4), (9, 6)), ((6, 20), (6, 3)), ((6, 20), (6, 30))])
def test_cka_from_the_gram_matrices(a, b):
    x, y = drawn(*a), drawn(*b, seed=1)
    centring = np.eye(len(x)) - 1 / len(x)
    k, m = (centring @ tokens @ tokens.T @ centring for tokens in (x, y))
    expected = np.sum(k * m) / np.linalg.norm(k) / np.linalg.norm(m)
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-10)


def test_procrustes_is_the_best_rotation():
    x, y = (tokens - tokens.mean(axis=0) for tokens in (drawn(9, 4), drawn(9, 4, seed=1)))
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    rotation = orthogonal_procrustes(y, x)[0]
    assert procrustes_distance(x, y) == pytest.approx(np.sum((x - y @ rotation) ** 2), rel=1e-10)


def test_symmetric_and_a_map_of_single_numbers():
    a, b = [drawn(10, 3), drawn(10, 15, seed=1)], [drawn(10, 5, seed=2), drawn(10, 2, seed=3), drawn(10, 3)]
    found = cka_map(a, b)
    assert found.values.shape == (2, 3)
    np.testing.assert_allclose(found.values, cka_map(b, a).values.T, rtol=1e-12)
    np.testing.assert_allclose(found.chance, cka_map(b, a).chance.T, rtol=1e-12)
    assert found.values[1, 0] == pytest.approx(linear_cka(a[1], b[0]), rel=1e-12)
    assert found.values[0, 2] == pytest.approx(1, rel=1e-12)
    assert procrustes_distance(a[0], b[0]) == pytest.approx(procrustes_distance(b[0], a[0]), rel=1e-10)


def test_chance_is_the_mean_over_all_permutations():
    x, y = drawn(5, 2), drawn(5, 7, seed=1)
    every = [linear_cka(x, y[list(order)]) for order in permutations(range(5))]
    assert cka_map([x], [y]).chance[0, 0] == pytest.approx(np.mean(every), rel=1e-10)


def test_random_features_are_at_the_level_of_chance_which_is_not_zero():
    found = cka_map([drawn(100, 50)], [drawn(100, 50, seed=1)])
    assert found.chance[0, 0] > 0.2
    assert found.values[0, 0] == pytest.approx(found.chance[0, 0], abs=0.02)


def test_tokens_that_are_all_alike_share_nothing():
    flat, tokens = np.tile(drawn(1, 4), (6, 1)).astype(np.float32), drawn(6, 3)
    found = cka_map([flat, tokens], [flat, tokens])
    np.testing.assert_allclose(found.values, [[0, 0], [0, 1]], atol=1e-12)
    np.testing.assert_array_equal(found.chance[0], 0)
    assert procrustes_distance(flat, tokens) == 2
    assert linear_cka(tokens[:1], tokens[:1]) == 0  # one token has no spread


@pytest.mark.parametrize(
    "call",
    [
        lambda: linear_cka(np.ones((3, 2)), np.ones((4, 2))),
        lambda: linear_cka(np.ones(3), np.ones(3)),
        lambda: cka_map([], [np.ones((3, 2))]),
        lambda: procrustes_distance(np.ones((3, 2)), np.ones((4, 2))),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()
