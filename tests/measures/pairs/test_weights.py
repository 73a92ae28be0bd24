"""Heads, atoms and tensors of two models: planted changes that must be found again, chance levels, edges."""

import numpy as np
import pytest

from explorer.measures.pairs.weights import (
    AtomMatch,
    HeadMatch,
    atoms_by_chance,
    heads_by_chance,
    match_atoms,
    match_heads,
    weight_changes,
)
from explorer.measures.weights.geometry import principal_angles, span_overlap
from explorer.trace import LayerWeights


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def layer(subspaces: np.ndarray, heads: int = 1, dictionary: np.ndarray | None = None) -> LayerWeights:
    width = subspaces.shape[1]
    return LayerWeights(subspaces, None, (np.ones(width), np.zeros(width)), 1e-5, heads, dictionary)


def heads_of(a: LayerWeights, b: LayerWeights) -> HeadMatch:
    found = match_heads(a, b)
    assert found is not None
    return found


def atoms_of(a: np.ndarray, b: np.ndarray) -> AtomMatch:
    found = match_atoms(layer(a.T, dictionary=a), layer(b.T, dictionary=b))
    assert found is not None
    return found


def test_equal_subspaces_in_another_basis_and_order():
    """Head 1 of A is head 3 of B, 2 is 1, 3 is 2, each with other basis vectors of its own."""
    blocks = drawn(3, 2, 7)
    mixed = np.concatenate([drawn(2, 2, seed=k + 1) @ blocks[k] for k in (1, 2, 0)])
    found = heads_of(layer(blocks.reshape(6, 7), 3), layer(mixed, 3))
    assert found.pairs == ((1, 3), (2, 1), (3, 2))
    np.testing.assert_allclose(found.matched, 1, rtol=1e-12)
    assert found.mean == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(found.angles, 0, atol=1e-5)


def test_a_planted_rotation_of_one_direction():
    """e₁ of the plane (e₁, e₂) turns by 30° towards e₃: angles 0° and 30°, overlap (1 + ¾)/2."""
    turn = np.radians(30)
    plane = np.eye(4)[:2]
    rotated = np.array([[np.cos(turn), 0, np.sin(turn), 0], [0, 5.0, 0, 0]])
    found = heads_of(layer(plane), layer(rotated))
    np.testing.assert_allclose(found.angles, [[0, 30]], atol=1e-5)
    np.testing.assert_allclose(found.overlap, [[0.875]], rtol=1e-12)
    assert heads_of(layer(plane), layer(np.eye(4)[2:])).mean == 0


def test_other_numbers_and_widths_of_heads():
    """A has two heads of p = 2, B three of p = 1: lines in A's planes overlap fully, and one head of B is left over."""
    a = layer(np.eye(5)[:4], 2)
    b = layer(np.eye(5)[[4, 3, 0]], 3)
    found = heads_of(a, b)
    np.testing.assert_allclose(found.overlap, [[0, 0, 1], [0, 1, 0]], atol=1e-15)
    assert found.pairs == ((1, 3), (2, 2))
    assert found.angles.shape == (2, 1)
    assert heads_of(b, a).pairs == ((2, 2), (3, 1))


def test_overlap_within_one_layer_is_that_of_the_geometry():
    subspaces = drawn(6, 8)
    found = heads_of(layer(subspaces, 3), layer(subspaces, 3))
    np.testing.assert_allclose(found.overlap, span_overlap(subspaces, 3), rtol=1e-12)
    cross = heads_of(layer(subspaces[:2]), layer(subspaces[2:4]))
    np.testing.assert_allclose(cross.angles[0], principal_angles(subspaces, 3)[0, 1], atol=1e-6)


def test_heads_by_chance():
    """Two random layers lie at the level of chance; one head of one size has nothing to choose, so p/d."""
    a, b = layer(drawn(48, 48), 6), layer(drawn(48, 48, seed=1), 6)
    chance = heads_by_chance(a, b)
    assert chance is not None
    assert 8 / 48 < chance.mean < 0.25
    assert heads_of(a, b).mean == pytest.approx(chance.mean, abs=5 * chance.deviation)
    assert chance == heads_by_chance(b, a)  # sizes and the seed alone
    single = heads_by_chance(layer(drawn(4, 20)), layer(drawn(4, 20)), draws=200)
    assert single is not None
    assert single.mean == pytest.approx(4 / 20, abs=0.01)


def test_other_widths_share_no_space():
    a, b = layer(drawn(4, 6), 2, drawn(6, 6)), layer(drawn(4, 8), 2, drawn(8, 8))
    assert match_heads(a, b) is None
    assert heads_by_chance(a, b) is None
    assert match_atoms(a, b) is None
    assert atoms_by_chance(a, b) is None


def test_atoms_that_were_permuted_scaled_and_mirrored():
    atoms = drawn(6, 4)
    changed = atoms[:, [2, 0, 3, 1]] * [-1.0, 4.0, 0.5, -2.0]
    found = atoms_of(atoms, changed)
    assert sorted(map(tuple, found.pairs.tolist())) == [(0, 1), (1, 3), (2, 0), (3, 2)]
    np.testing.assert_allclose(found.matched, 1, rtol=1e-12)


def test_atoms_by_hand():
    """Two atoms against three: e₁ is found, e₂ is 60° from the second, and an atom of zeros has no direction."""
    turn = np.radians(60)
    a = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    b = np.array([[0.0, 0.0, 3.0], [0.0, -np.cos(turn), 0.0], [0.0, np.sin(turn), 0.0]])
    found = atoms_of(a, b)
    np.testing.assert_allclose(found.cosines, [[0, 0.5, 0], [0, 0, 1]], atol=1e-15)
    assert found.pairs.tolist() == [[1, 2], [0, 1]]  # the most alike first
    np.testing.assert_allclose(found.matched, [1, 0.5], rtol=1e-12)
    assert found.mean == pytest.approx(0.75, rel=1e-12)


def test_atoms_by_chance_and_without_a_dictionary():
    a, b = drawn(12, 12), drawn(12, 48, seed=1)
    with_a, with_b = layer(a, dictionary=a), layer(drawn(12, 12), dictionary=b)
    chance = atoms_by_chance(with_a, with_b)
    assert chance is not None
    assert np.sqrt(2 / (np.pi * 12)) < chance.mean < 1
    assert atoms_of(a, b).mean == pytest.approx(chance.mean, abs=5 * chance.deviation)
    none = layer(drawn(4, 12))
    assert match_atoms(with_a, none) is None
    assert match_atoms(none, with_a) is None
    assert atoms_by_chance(with_a, none) is None


def test_weights_by_hand():
    a = {"same": np.ones(2), "w": np.array([[3.0, 4.0]]), "zero": np.zeros(2), "gone": np.ones(1), "bent": np.ones(2)}
    b = {
        "bent": np.ones(3),
        "zero": np.array([0, 1.0]),
        "w": np.array([[6.0, 0.0]]),
        "same": np.ones(2),
        "new": np.ones(1),
    }
    found = weight_changes(a, b)
    assert [one.name for one in found.tensors] == ["same", "w", "zero"]
    # (3, −4) over (3, 4) has length 1; the angle of (3, 4) to the first axis has cosine 0.6
    assert [one.relative for one in found.tensors] == pytest.approx([0, 1, np.inf])
    assert [one.cosine for one in found.tensors] == pytest.approx([1, 0.6, 0])
    assert (found.only_a, found.only_b, found.reshaped) == (("gone",), ("new",), ("bent",))


def test_independent_weights_and_unchanged_zeros():
    a, b = {"w": drawn(200, 200).astype(np.float32)}, {"w": drawn(200, 200, seed=1).astype(np.float32)}
    (change,) = weight_changes(a, b).tensors
    assert change.relative == pytest.approx(np.sqrt(2), rel=0.02)
    assert change.cosine == pytest.approx(0, abs=0.02)
    (still,) = weight_changes({"b": np.zeros(3)}, {"b": np.zeros(3)}).tensors
    assert (still.relative, still.cosine) == (0, 0)
