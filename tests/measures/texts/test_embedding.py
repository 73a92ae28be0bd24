"""Sparse codes of rows by hand and with a planted dictionary, the autoencoder's gradient, the Gaussian control."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import orthogonal_mp_gram

from explorer.constructed.autoencoder import Autoencoder, autoencoder_loss, train_autoencoder
from explorer.measures.texts.embedding import (
    SparseCode,
    alone_error,
    centre_rows,
    chance_agreement,
    decode,
    gaussian_rows,
    kind_agreement,
    label_agreement,
    learn_dictionary,
    left_over,
    matching_pursuit,
    nearest_rows,
    own_atoms,
    row_weights,
)

RNG = np.random.default_rng(0)
EVEN = np.full(2000, 1 / 2000)


def planted(rows: int = 2000, atoms: int = 40, width: int = 24, nonzeros: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three atoms each, with their dictionary."""
    rng = np.random.default_rng(5)
    dictionary = rng.standard_normal((atoms, width))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    places = np.argsort(rng.random((rows, atoms)), axis=1)[:, :nonzeros]
    values = rng.choice([-1, 1], places.shape) * rng.uniform(0.5, 1.5, places.shape)
    return decode(places, values, dictionary).astype(np.float32), dictionary


def error_of(found: SparseCode) -> float:
    return found.error


def test_pursuit_by_hand():
    """(3, 1, 0.1) with the axes and a diagonal: the first axis, then the second, then both values anew."""
    atoms = np.array([[1, 0, 0], [0, 1, 0], [0, np.sqrt(0.5), np.sqrt(0.5)]])
    row = np.array([[3, 1, 0.1]])
    places, values = matching_pursuit(row, atoms, 2)
    assert places.tolist() == [[0, 1]]
    np.testing.assert_allclose(values, [[3, 1]], atol=1e-8)
    places, values = matching_pursuit(row, np.array([[0.6, 0.8, 0], [1, 0, 0]]), 2)
    assert places.tolist() == [[1, 0]]  # 3 against 2.6
    np.testing.assert_allclose(values, [[3 - 0.75, 1.25]], atol=1e-6)  # 0.8·1.25 = 1, solved together


def test_pursuit_is_that_of_scikit_learn():
    atoms = RNG.standard_normal((40, 12))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rows = RNG.standard_normal((50, 12))
    places, values = matching_pursuit(rows, atoms, 5)
    ours = np.zeros((50, 40))
    np.put_along_axis(ours, places, values, axis=1)
    theirs = orthogonal_mp_gram(atoms @ atoms.T, atoms @ rows.T, n_nonzero_coefs=5).T
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_pursuit_of_unusual_rows():
    atoms = np.array([[1.0, 0], [1, 0], [0, 1]])  # two are the same
    rows = np.array([[2.0, 0], [0, 0], [3, 4]])
    places, values = matching_pursuit(rows, atoms, 3)
    np.testing.assert_allclose(decode(places, values, atoms), rows, atol=1e-6)
    with pytest.raises(ValueError, match=r"in 1 … 3, got 4"):
        matching_pursuit(rows, atoms, 4)


def test_a_planted_dictionary_is_found():
    """By the better of two starts: the problem has local minima."""
    rows, dictionary = planted()
    found = min((learn_dictionary(rows, EVEN, 40, 3, iterations=40, seed=seed) for seed in (0, 1)), key=error_of)
    alike = np.abs(found.atoms @ dictionary.T)
    ours, theirs = linear_sum_assignment(-alike)
    assert (alike[ours, theirs] > 0.95).all()
    assert found.error < 0.02
    fewer = learn_dictionary(rows, EVEN, 40, 1)
    gaussian = learn_dictionary(gaussian_rows(rows, EVEN), EVEN, 40, 3, iterations=20)
    assert 10 * found.error < gaussian.error < fewer.error


def test_the_error_is_what_the_code_leaves():
    rows, _ = planted(300)
    weights = row_weights(np.random.default_rng(2).integers(0, 50, 300))
    found = learn_dictionary(rows, weights, 12, 3, iterations=3)
    np.testing.assert_allclose(np.linalg.norm(found.atoms, axis=1), 1, rtol=1e-5)
    assert found.places.shape == found.values.shape == (300, 3)
    assert (np.bincount(found.places.ravel(), found.values.ravel()) >= 0).all()
    centred = rows - weights @ rows
    rest = centred - sum(found.values[:, [s]] * found.atoms[found.places[:, s]] for s in range(3))
    expected = (weights * (rest**2).sum(axis=1)).sum() / (weights * (centred**2).sum(axis=1)).sum()
    assert found.error == pytest.approx(expected, rel=1e-4)


def test_weights_decide_which_rows_are_coded_well():
    """Two kinds of rows and one atom: it goes to the kind that counts."""
    axes = np.repeat(np.eye(2, 6), 20, axis=0) * np.tile([1, -1], 20)[:, None]
    rows = (axes + 1e-3 * RNG.standard_normal((40, 6))).astype(np.float32)
    for kind in (0, 1):
        counts = np.where(np.arange(40) // 20 == kind, 9.0, 1.0)
        found = learn_dictionary(rows, row_weights(counts), 1, 1)
        assert abs(found.atoms[0, kind]) > 0.999
        assert found.error == pytest.approx(0.1, abs=1e-3)


def test_a_weight_is_that_many_rows():
    """Rows that count twice are rows that stand there twice: the same error for the same atoms."""
    rows = RNG.standard_normal((9, 4)).astype(np.float32)
    counts = np.array([1, 2, 3] * 3)
    many, even = np.repeat(rows, counts, axis=0), np.full(18, 1 / 18)
    np.testing.assert_allclose(
        centre_rows(many, even), np.repeat(centre_rows(rows, row_weights(counts)), counts, axis=0), atol=1e-6
    )
    shifted = centre_rows(rows, row_weights(counts))
    half = left_over(shifted, row_weights(counts), 0.5 * shifted)
    assert half == pytest.approx(0.25, rel=1e-6)


@pytest.mark.parametrize("atoms", [9, 20])
def test_as_many_atoms_as_rows_are_trivial(atoms):
    rows = RNG.standard_normal((9, 4)).astype(np.float32)
    for found in (
        learn_dictionary(rows, np.full(9, 1 / 9), atoms, 2), train_autoencoder(rows, np.full(9, 1 / 9), atoms, 2)
    ):  # fmt: skip
        assert found.trivial
        assert found.error == 0
        assert found.places[:, 0].tolist() == list(range(9))
        np.testing.assert_allclose(decode(found.places, found.values, found.atoms), rows - rows.mean(0), atol=1e-5)
    assert not learn_dictionary(rows, np.full(9, 1 / 9), 8, 2).trivial
    assert own_atoms(np.zeros((2, 3), np.float32), np.array([0.5, 0.5])).error == 0


def test_what_stands_alone_by_hand():
    rows = np.array([[2.0, 0], [-2, 0], [0, 1], [0, -1]])
    even = np.full(4, 0.25)
    assert [alone_error(rows, even, m) for m in (0, 1, 2, 4)] == pytest.approx([1, 0.6, 0.2, 0])


@pytest.mark.parametrize("counts", [np.ones(500), 1e4 / np.arange(1, 501)])
def test_the_gaussian_control_has_the_mean_and_covariance(counts):
    weights = row_weights(counts)
    rows = (RNG.exponential(1, (500, 6)) @ RNG.standard_normal((6, 6)) + 3).astype(np.float32)
    drawn = gaussian_rows(rows, weights, seed=3)
    np.testing.assert_allclose(weights @ drawn, weights @ rows, rtol=1e-4)
    wanted, has = ((weights * (part - weights @ part).T) @ (part - weights @ part) for part in (rows, drawn))
    np.testing.assert_allclose(has, wanted, atol=1e-3 * np.abs(wanted).max())
    assert np.abs(np.corrcoef(drawn[:, 0], rows[:, 0])[0, 1]) < 0.2  # nothing else of them


def test_gaussian_rows_are_no_better_than_gaussian_rows():
    """Of rows that are Gaussian themselves the control has their error: what it misses is not called structure."""
    rows = RNG.standard_normal((1500, 16)).astype(np.float32)
    weights = row_weights(1.0 / np.arange(1, 1501))
    errors = [learn_dictionary(one, weights, 48, 3).error for one in (rows, gaussian_rows(rows, weights, 8))]
    assert errors[0] == pytest.approx(errors[1], rel=0.12)


@pytest.mark.parametrize("part", ["encoder", "bias", "decoder"])
def test_the_gradient_of_the_autoencoder(part):
    """Against central differences in float64, at places where no unit is near to changing."""
    rng = np.random.default_rng(1)
    network = {"encoder": rng.standard_normal((5, 9)), "bias": rng.standard_normal(9), "decoder": np.eye(9, 5) + 0.3}
    rows, step = rng.standard_normal((7, 5)), 1e-6
    _, gradient = autoencoder_loss(Autoencoder(**network), rows, 3)
    slopes = np.zeros_like(network[part])
    for place in np.ndindex(slopes.shape):
        ends = []
        for side in (step, -step):
            moved = {name: value.copy() for name, value in network.items()}
            moved[part][place] += side
            ends.append(autoencoder_loss(Autoencoder(**moved), rows, 3)[0])
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    assert np.abs(slopes).max() > 0.1
    np.testing.assert_allclose(getattr(gradient, part), slopes, rtol=1e-5, atol=1e-7)


def test_the_autoencoder_learns_what_is_planted():
    rows, _ = planted()
    rows = np.abs(rows)
    found = train_autoencoder(rows, EVEN, 60, 4, steps=300)
    untrained = train_autoencoder(rows, EVEN, 60, 4, steps=0)
    assert found.error < 0.6 * untrained.error
    assert (found.values >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.atoms, axis=1), 1, rtol=1e-5)
    centred = centre_rows(rows, EVEN)
    assert found.error == pytest.approx(left_over(centred, EVEN, decode(found.places, found.values, found.atoms)))


def test_neighbours_by_hand():
    rows = np.array([[1.0, 0], [0, 2], [-3, 0], [0, 0], [5, 5]])
    places, cosines = nearest_rows(rows, np.array([2.0, 0]), 4)
    assert places.tolist() == [0, 4, 1, 3]
    np.testing.assert_allclose(cosines, [1, np.sqrt(0.5), 0, 0])


def test_agreement_by_hand():
    rows = np.array([[1.0, 0], [2, 0.1], [0, 1], [0.1, 1], [-1, 0]])
    found = label_agreement(np.array([[1.0, 0], [0, 1]]), rows, np.array([3, 3, 0, 1, 0]), 2)
    np.testing.assert_allclose(found, [1, 0.5])


@pytest.mark.parametrize("counts", [np.zeros(3), np.array([1, -1]), np.ones((2, 2))])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="expected counts"):
        row_weights(counts)


def test_the_kinds_of_neighbours_by_hand():
    """Two bundles of three rows; one row of the first is labelled like the second."""
    rows = np.array([[1, 0.1], [1, 0.2], [1, 0.3], [0.1, 1], [0.2, 1], [0.3, 1]])
    labels = np.array([0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(kind_agreement(rows, labels, count=2), [0.5, 0.5, 0, 1, 1, 1])
    assert chance_agreement(labels) == pytest.approx((2 * 1 + 4 * 3) / (6 * 5))
    drawn = np.random.default_rng(0).permutation(6)[:4]
    np.testing.assert_allclose(
        kind_agreement(rows, labels, count=2, sample=4), kind_agreement(rows, labels, count=2)[drawn]
    )


def test_rows_without_structure_agree_as_often_as_chance():
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((600, 20)), rng.integers(0, 3, 600)
    assert kind_agreement(rows, labels).mean() == pytest.approx(chance_agreement(labels), abs=0.02)
