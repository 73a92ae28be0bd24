"""Tokens as a cloud: vectors, labels and rates of one or several photos."""

import numpy as np
import pytest

from explorer.measures.patches.cloud import (
    NO_LABEL,
    centred_in_cube,
    cloud_clusters,
    cloud_rates,
    cloud_strongest,
    cloud_vectors,
)
from explorer.measures.patches.projection import kmeans_segments, strongest_subspace
from explorer.measures.rates.rate import coding_rate


def projections(photos: int = 2, heads: int = 3, rows: int = 4, cols: int = 5, width: int = 2, seed: int = 0):
    return np.random.default_rng(seed).standard_normal((photos, heads, 1 + rows * cols, width)).astype(np.float32)


def test_vectors_by_hand():
    tokens = np.arange(12.0).reshape(1, 2, 3, 2)  # one photo, two heads, three tokens, two directions
    assert cloud_vectors(tokens, 2).tolist() == [[6, 7], [8, 9], [10, 11]]
    assert cloud_vectors(tokens).tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]


def test_vectors_of_photos_follow_one_another():
    tokens = projections()
    together = cloud_vectors(tokens)
    assert together.shape == (42, 6)
    np.testing.assert_array_equal(together[21:], cloud_vectors(tokens[1:]))


def test_one_photo_gets_the_segments_of_the_other_pages():
    tokens = projections(photos=1)
    labels = cloud_clusters(tokens, (4, 5), clusters=3)
    assert labels[0, 0] == NO_LABEL
    np.testing.assert_array_equal(labels[0, 1:].reshape(4, 5), kmeans_segments(tokens[0], (4, 5), 3))
    strongest = cloud_strongest(tokens, (4, 5))
    np.testing.assert_array_equal(strongest[0, 1:].reshape(4, 5), strongest_subspace(tokens[0], (4, 5)))


def test_photos_are_clustered_together():
    """Two directions, mixed differently in two photos: the labels agree with the direction in both."""
    which = np.random.default_rng(1).integers(0, 2, (2, 21))
    tokens = np.zeros((2, 1, 21, 2))
    tokens[:, 0, :, 0], tokens[:, 0, :, 1] = which, 1 - which
    labels = cloud_clusters(tokens, (4, 5), clusters=2)
    for photo in range(2):
        agree = labels[photo, 1:] == which[photo, 1:]
        assert agree.all() or not agree.any()
    assert (labels[0, 1:] == which[0, 1:]).all() == (labels[1, 1:] == which[1, 1:]).all()


def test_clusters_of_a_head_see_that_head_alone():
    tokens = projections(photos=1)
    other = tokens.copy()
    other[:, 0] = 100.0
    np.testing.assert_array_equal(cloud_clusters(tokens, (4, 5), 2), cloud_clusters(other, (4, 5), 2))


def test_rates_are_what_the_rate_loses_without_the_token():
    tokens = projections()
    rates = cloud_rates(tokens, head=2)
    z = tokens[1, 1].astype(np.float64)
    for i in (0, 7):
        without = z.copy()
        without[i] = 0  # keeps N, and so the factor in front of ZᵀZ
        assert rates[1, i] == pytest.approx(coding_rate(z) - coding_rate(without), rel=1e-9)
    np.testing.assert_allclose(cloud_rates(tokens), sum(cloud_rates(tokens, k) for k in (1, 2, 3)), rtol=1e-12)


def test_the_mean_rate_of_tokens_far_beyond_epsilon_is_half_their_directions_a_token():
    """A trap: Σh_i tends to the number of directions, whatever the network."""
    tokens = np.random.default_rng(0).standard_normal((1, 4, 2000, 8)) * 30
    assert cloud_rates(tokens).mean() == pytest.approx(4 * 8 / (2 * 2000), rel=0.02)


def test_the_cube_keeps_proportions():
    places = np.array([[0.0, 10.0], [4.0, 10.0], [4.0, 12.0]])
    cube = centred_in_cube(places)
    np.testing.assert_allclose(cube, [[-1, -0.5], [1, -0.5], [1, 0.5]], atol=1e-6)
    assert not centred_in_cube(np.full((3, 2), 5.0)).any()


@pytest.mark.parametrize("head", [0, 4, -1])
def test_heads_that_are_not_there_are_refused(head):
    with pytest.raises(ValueError, match="head must be"):
        cloud_vectors(projections(), head)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(B,K,N,p\)"):
        cloud_rates(projections()[0])
    with pytest.raises(ValueError, match="do not fit"):
        cloud_clusters(projections(), (30, 50))
    with pytest.raises(ValueError, match="coordinates"):
        centred_in_cube(np.zeros(3))
