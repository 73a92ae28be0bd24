"""Geometry of weights: cases by hand, invariants, random weights against their closed forms, edges."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from explorer.measures.weights.geometry import (
    absolute_cosines,
    axis_alignment,
    block_max,
    block_mean,
    dictionary_fit,
    head_singular_values,
    layer_geometry,
    mean_between,
    principal_angles,
    projected_ranks,
    span_overlap,
    within_between,
)
from explorer.trace import LayerWeights


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def planes(degrees: float) -> np.ndarray:
    """Two planes in four dimensions, as rows of U_kᵀ: they share one axis up to an angle, the others are orthogonal."""
    turn = np.radians(degrees)
    return np.array([[1, 0, 0, 0], [0, 1, 0, 0], [np.cos(turn), 0, np.sin(turn), 0], [0, 0, 0, 1.0]])


def test_cosines_by_hand():
    columns = np.array([[1.0, 3.0, 0.0], [0.0, -3.0, 0.0]])
    root = np.sqrt(0.5)
    expected = [[1, root, 0], [root, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(absolute_cosines(columns), expected, rtol=0, atol=1e-12)


def test_cosines_ignore_length_sign_and_rotation():
    columns, rotation = drawn(6, 4), np.linalg.qr(drawn(6, 6, seed=1))[0]
    changed = rotation @ columns * [2.0, -1.0, 0.1, 5.0]
    np.testing.assert_allclose(
        absolute_cosines(changed),
        absolute_cosines(columns),
        rtol=1e-12,
        atol=1e-12,
    )


def test_within_and_between_by_hand():
    cosines = np.full((4, 4), 0.1)
    cosines[:2, :2] = [[1, 0.6], [0.6, 1]]
    cosines[2:, 2:] = [[1, 0.2], [0.2, 1]]
    within, between = within_between(cosines, 2)
    np.testing.assert_allclose([within, between], [0.4, 0.1], rtol=1e-12)
    assert np.isnan(within_between(np.ones((2, 2)), 2)[0])
    assert np.isnan(within_between(np.ones((2, 2)), 1)[1])


def test_random_directions_have_the_expected_cosine():
    within, between = within_between(absolute_cosines(drawn(200, 120)), 6)
    np.testing.assert_allclose([within, between], np.sqrt(2 / (np.pi * 200)), rtol=0.03)


def test_angles_by_hand():
    angles = principal_angles(planes(30), 2)
    np.testing.assert_allclose(angles[0, 1], [30, 90], rtol=1e-9)
    np.testing.assert_array_equal(angles[1, 0], angles[0, 1])
    np.testing.assert_array_equal(angles[[0, 1], [0, 1]], 0)


def test_angles_agree_with_scipy_and_overlap_with_the_angles():
    subspaces = drawn(12, 10)
    angles, overlap = (
        principal_angles(subspaces, 3),
        span_overlap(subspaces, 3),
    )
    for j in range(3):
        for k in range(3):
            if j != k:
                both = subspace_angles(subspaces[4 * j : 4 * j + 4].T, subspaces[4 * k : 4 * k + 4].T)
                np.testing.assert_allclose(angles[j, k], np.degrees(np.sort(both)), rtol=1e-9)
    expected = np.mean(np.cos(np.radians(angles)) ** 2, axis=-1)
    np.testing.assert_allclose(overlap, expected, rtol=1e-9)


def test_spans_matter_and_bases_do_not():
    subspaces = drawn(8, 10)
    mixed = np.concatenate([drawn(4, 4, seed=s + 1) @ subspaces[4 * s : 4 * s + 4] for s in range(2)])
    np.testing.assert_allclose(
        span_overlap(mixed, 2),
        span_overlap(subspaces, 2),
        rtol=1e-9,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        principal_angles(mixed, 2),
        principal_angles(subspaces, 2),
        rtol=1e-7,
        atol=1e-5,
    )


def test_the_same_span_and_orthogonal_spans():
    same = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [1, -1, 0]])
    np.testing.assert_allclose(span_overlap(same, 2), 1, rtol=1e-12)
    np.testing.assert_allclose(principal_angles(same, 2)[0, 1], 0, atol=1e-5)
    np.testing.assert_allclose(span_overlap(np.eye(6), 3), np.eye(3), atol=1e-12)


def test_random_spans_overlap_by_p_over_d():
    overlaps = [span_overlap(drawn(16, 64, seed=seed), 2)[0, 1] for seed in range(40)]
    np.testing.assert_allclose(np.mean(overlaps), 8 / 64, rtol=0.03)


def test_mean_between():
    assert mean_between(np.array([[9, 1], [3, 9.0]])) == 2
    assert np.isnan(mean_between(np.ones((1, 1))))


def test_singular_values_of_a_scaled_basis_are_equal():
    basis = np.linalg.qr(drawn(6, 6))[0]
    values = head_singular_values(np.concatenate([2 * basis[:3], 0.5 * basis[3:]]), 2)
    np.testing.assert_allclose(values, [[2] * 3, [0.5] * 3], rtol=1e-12)


def test_an_orthonormal_dictionary_fits_and_a_longer_one_deviates_by_its_length():
    basis = np.linalg.qr(drawn(5, 5))[0]
    fit = dictionary_fit(basis)
    np.testing.assert_allclose([fit.deviation, fit.mean_cosine, fit.coherence], 0, atol=1e-12)
    longer = dictionary_fit(3 * basis)
    np.testing.assert_allclose([longer.deviation, longer.length, longer.coherence], [8, 3, 0], rtol=1e-12, atol=1e-12)


def test_an_overcomplete_dictionary_by_hand():
    """Three directions 120° apart in the plane reach Welch's bound, and DᵀD is a multiple of a projector."""
    turns = np.radians([0, 120, 240])
    fit = dictionary_fit(np.array([np.cos(turns), np.sin(turns)]))
    np.testing.assert_allclose([fit.mean_cosine, fit.coherence, fit.welch], 0.5, rtol=1e-12)
    np.testing.assert_allclose(fit.deviation, np.sqrt(6 * 0.25 / 3), rtol=1e-12)
    tight = dictionary_fit(np.array([np.cos(turns), np.sin(turns)]) * np.sqrt(2 / 3))
    np.testing.assert_allclose(tight.deviation, np.sqrt(1 - 2 / 3), rtol=1e-12)


def test_one_column_has_no_pair():
    fit = dictionary_fit(np.array([[2.0], [0.0]]))
    assert (fit.mean_cosine, fit.coherence, fit.length, fit.deviation) == (0, 0, 2, 3)


def test_ranks_of_the_projected_tokens():
    line, ball = np.outer(np.arange(1.0, 6), [1, 0, 0]), np.concatenate([np.eye(3), -np.eye(3)])[:5] * 1.0
    ranks = projected_ranks(np.stack([line, ball]))
    np.testing.assert_allclose(ranks[0], 1, rtol=1e-9)
    assert 2.9 < ranks[1] <= 3


def test_axis_alignment_by_hand():
    width = 7
    np.testing.assert_allclose(axis_alignment(3 * np.eye(width)), (width + 2) / 3, rtol=1e-12)
    np.testing.assert_allclose(axis_alignment(-np.ones((2, width))), (width + 2) / (3 * width), rtol=1e-12)
    half = np.array([[1.0, 1, 0, 0]])  # two of four coordinates
    np.testing.assert_allclose(axis_alignment(half), (4 + 2) / 3 / 2, rtol=1e-12)


def test_axis_alignment_is_one_after_random_rotations():
    sparse = np.maximum(drawn(20, 12) - 1, 0) + 0.01
    generator = np.random.default_rng(0)
    rotated = []
    for _ in range(400):
        q, r = np.linalg.qr(generator.standard_normal((12, 12)))
        rotated.append(axis_alignment(sparse @ (q * np.sign(np.diag(r)))))
    assert axis_alignment(sparse) > 2
    np.testing.assert_allclose(np.mean(rotated), 1, rtol=0.02)


def test_axis_alignment_of_thresholded_gaussians_is_two():
    np.testing.assert_allclose(axis_alignment(np.maximum(drawn(50, 4000), 0)), 2, rtol=0.02)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_axis_alignment_ignores_scale_and_empty_tokens(scale):
    features = drawn(4, 5).astype(np.float32)
    with_zeros = np.concatenate([features * np.float32(scale), np.zeros((2, 5), np.float32)])
    np.testing.assert_allclose(
        axis_alignment(with_zeros),
        axis_alignment(features),
        rtol=1e-5,
    )
    assert axis_alignment(np.zeros((3, 5))) == 1


def test_reduced_matrices():
    matrix = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(block_max(matrix, 2), [[4, 5], [7, 8]])
    np.testing.assert_array_equal(block_mean(matrix, 2), [[2, 3.5], [6.5, 8]])
    np.testing.assert_array_equal(block_max(matrix, 1), matrix)
    np.testing.assert_array_equal(block_mean(matrix, 5), [[4]])


def test_a_layer_holds_the_single_numbers():
    subspaces, dictionary = drawn(6, 6).astype(np.float32), drawn(6, 9, seed=1).astype(np.float32)
    weights = LayerWeights(subspaces, None, (np.ones(6), np.zeros(6)), 1e-5, 3, dictionary)
    found = layer_geometry(weights)
    np.testing.assert_array_equal(found.cosines, absolute_cosines(subspaces.T))
    assert (found.within, found.between) == within_between(found.cosines, 3)
    np.testing.assert_array_equal(found.overlap, span_overlap(subspaces, 3))
    assert found.angles.shape == (3, 3, 2)
    assert found.singular_values.shape == (3, 2)
    assert found.dictionary == dictionary_fit(dictionary)
    assert layer_geometry(LayerWeights(subspaces, None, weights.norm, 1e-5, 3)).dictionary is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: absolute_cosines(np.ones(3)),
        lambda: within_between(np.ones((4, 4)), 3),
        lambda: principal_angles(np.ones((4, 4)), 3),
        lambda: span_overlap(np.ones((0, 4)), 1),
        lambda: axis_alignment(np.ones(4)),
        lambda: block_max(np.ones((2, 2)), 0),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()
