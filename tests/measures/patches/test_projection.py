"""Pictures from projections: planted colours, subspaces and clusters must come back."""

import numpy as np
import pytest

from explorer.measures.patches.projection import (
    kmeans_segments,
    patch_features,
    pca_coordinates,
    pca_rgb,
    strongest_subspace,
)

GRID = (8, 10)
OBJECT = np.zeros(GRID, bool)
OBJECT[2:6, 3:8] = True


def with_cls(features: np.ndarray, heads: int) -> np.ndarray:
    """(n,K·p) patch features → (K,1+n,p) projections with a CLS row that would spoil everything if it were used."""
    cls = np.full((1, features.shape[1]), 1e6)
    return np.concatenate([cls, features]).reshape(1 + len(features), heads, -1).transpose(1, 0, 2)


def scene(seed: int = 0) -> np.ndarray:
    """An object before a background of another direction, with a gradient inside the object."""
    rng = np.random.default_rng(seed)
    features = 0.05 * rng.standard_normal((*GRID, 12))
    features[..., 0] += np.where(OBJECT, 4.0, -4.0)
    features[..., 1] += np.where(OBJECT, np.linspace(-1, 1, GRID[1])[None], 0)
    return with_cls(features.reshape(-1, 12), 3)


def test_patch_features_by_hand():
    projections = np.arange(2 * 3 * 2).reshape(2, 3, 2)  # K=2, CLS and two patches, p=2
    assert patch_features(projections, (1, 2)).tolist() == [[2, 3, 8, 9], [4, 5, 10, 11]]


def test_rgb_sets_the_background_aside():
    picture = pca_rgb(scene(), GRID)
    assert np.array_equal(picture.foreground, OBJECT)
    assert (picture.rgb[~OBJECT] == 0).all()
    # within the object the gradient is the first component
    red = picture.rgb[..., 0][OBJECT].reshape(4, 5).mean(axis=0)
    assert np.all(np.diff(red) > 0) or np.all(np.diff(red) < 0)
    assert picture.explained[0] > 0.75


def test_rgb_takes_the_side_with_more_of_the_lead():
    lead = np.zeros(GRID, bool)
    lead[0, :4] = lead[2, 3:6] = True  # four patches of the background, three of the object
    assert np.array_equal(pca_rgb(scene(), GRID, lead=lead).foreground, ~OBJECT)
    tie = lead.copy()
    tie[0, 0] = False  # three of each: the border decides
    for undecided in (np.zeros(GRID, bool), tie):
        assert np.array_equal(pca_rgb(scene(), GRID, lead=undecided).foreground, OBJECT)


def test_rgb_does_not_depend_on_the_sign_of_the_features():
    assert np.array_equal(pca_rgb(-scene(), GRID).foreground, OBJECT)


def test_rgb_is_in_range_and_repeatable():
    first, second = (pca_rgb(scene(1), GRID) for _ in range(2))
    assert np.array_equal(first.rgb, second.rgb)
    assert first.rgb.min() >= 0
    assert first.rgb.max() <= 1
    assert np.all(np.diff(first.explained) <= 0)
    assert first.explained.sum() <= 1 + 1e-12


def test_rgb_takes_the_larger_side_if_it_keeps_off_the_border():
    large = np.zeros(GRID, bool)
    large[1:-1, 1:-1] = True  # 48 of 80 patches
    features = 0.05 * np.random.default_rng(0).standard_normal((*GRID, 12))
    features[..., 0] += np.where(large, 1.0, -1.0)
    assert np.array_equal(pca_rgb(with_cls(features.reshape(-1, 12), 3), GRID).foreground, large)


def test_rgb_without_a_split():
    assert pca_rgb(scene(), GRID, foreground=False).foreground.all()


def test_rgb_keeps_everything_when_one_side_is_tiny():
    features = 0.01 * np.random.default_rng(0).standard_normal((80, 12))
    features[33:36] += 5  # three patches
    assert pca_rgb(with_cls(features, 3), GRID).foreground.all()
    features[36] += 5  # four
    assert np.flatnonzero(pca_rgb(with_cls(features, 3), GRID).foreground).tolist() == [
        33,
        34,
        35,
        36,
    ]


@pytest.mark.parametrize("grid", [(1, 1), (1, 2), (1, 5), (2, 2), (3, 3)])
@pytest.mark.parametrize("constant", [True, False])
def test_rgb_on_tiny_grids(grid, constant):
    count = grid[0] * grid[1]
    features = np.ones((count, 4)) if constant else np.random.default_rng(0).standard_normal((count, 4))
    picture = pca_rgb(with_cls(features, 2), grid)
    assert picture.rgb.shape == (*grid, 3)
    assert np.isfinite(picture.rgb).all()
    assert np.isfinite(picture.explained).all()
    if constant:
        assert (picture.rgb == 0.5).all()


def test_coordinates_by_hand():
    # points on a line of direction (3,4)/5 at −5, 0, 5
    coordinates, explained = pca_coordinates(np.array([[-3.0, -4], [0, 0], [3, 4]]) + 7, 3)
    np.testing.assert_allclose(coordinates[:, 0], [-5, 0, 5], rtol=1e-12, atol=1e-12)
    assert (coordinates[:, 1:] == 0).all()
    np.testing.assert_allclose(explained, [1, 0, 0], rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(30, 6), (6, 30), (5, 5)])
def test_coordinates_match_the_svd(shape):
    features = np.random.default_rng(0).standard_normal(shape)
    coordinates, explained = pca_coordinates(features, 3)
    values = np.linalg.svd(features - features.mean(0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(coordinates, axis=0), values[:3], rtol=1e-10, atol=0)
    np.testing.assert_allclose(explained, (values**2 / (values**2).sum())[:3], rtol=1e-10, atol=0)


def test_coordinates_of_one_row_are_zero():
    coordinates, explained = pca_coordinates(np.ones((1, 4)), 2)
    assert not coordinates.any()
    assert not explained.any()


def test_strongest_subspace_by_hand():
    # two heads, three patches; energies of head 0: 16, 9, 9, of head 1: 1, 4, 1
    subspace = np.array([[[99.0], [4], [3], [3]], [[99.0], [1], [2], [1]]])
    assert strongest_subspace(subspace, (1, 3), relative=False).tolist() == [[0, 0, 0]]
    # divided by their means 34/3 and 2: 1.41, .79, .79 and .5, 2, .5
    assert strongest_subspace(subspace, (1, 3)).tolist() == [[0, 1, 0]]


def test_strength_is_energy_not_the_sum_of_magnitudes():
    # 3² + 0² = 9 beats 2² + 2² = 8
    subspace = np.array([[[0.0, 0], [3, 0]], [[0, 0], [2, 2]]])
    assert strongest_subspace(subspace, (1, 1), relative=False).tolist() == [[0]]


def test_relative_strength_ignores_the_scale_of_a_head():
    subspace = np.random.default_rng(0).standard_normal((4, 81, 3))
    scaled = subspace * np.array([1, 10, 0.1, 3])[:, None, None]
    assert np.array_equal(
        strongest_subspace(scaled, GRID),
        strongest_subspace(subspace, GRID),
    )
    assert (strongest_subspace(scaled, GRID, relative=False) == 1).mean() > 0.8


def test_strongest_subspace_survives_a_silent_head():
    subspace = np.random.default_rng(0).standard_normal((3, 81, 3))
    subspace[0] = 0
    winners = strongest_subspace(subspace, GRID)
    assert set(np.unique(winners)) == {1, 2}


def test_kmeans_finds_planted_parts_and_orders_them_by_size():
    rng = np.random.default_rng(0)
    parts = np.zeros(GRID, int)
    parts[:, 4:] = 1  # 48 patches
    parts[:2, :4] = 2  # 8 patches, leaving 24 for part 0
    directions = np.linalg.qr(rng.standard_normal((12, 12)))[0][:3]
    lengths = rng.uniform(0.5, 20, (80, 1))  # spherical: the length of a feature must not matter
    features = lengths * (directions[parts.ravel()] + 0.01 * rng.standard_normal((80, 12)))
    labels = kmeans_segments(with_cls(features, 3), GRID, clusters=3)
    assert np.array_equal(labels, np.choose(parts, [1, 0, 2]))


@pytest.mark.parametrize("seed", range(4))
def test_kmeans_is_repeatable_and_ordered(seed):
    first, second = (kmeans_segments(scene(seed), GRID, clusters=6, seed=seed) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.all(np.diff(np.bincount(first.ravel(), minlength=6)) <= 0)


@pytest.mark.parametrize("grid", [(1, 1), (1, 3), (2, 2)])
def test_kmeans_with_fewer_patches_than_clusters(grid):
    count = grid[0] * grid[1]
    features = np.random.default_rng(0).standard_normal((count, 4))
    labels = kmeans_segments(with_cls(features, 2), grid, clusters=6)
    assert sorted(labels.ravel()) == list(range(count))


@pytest.mark.filterwarnings("error")
def test_kmeans_of_equal_patches_is_one_segment():
    assert (kmeans_segments(np.ones((2, 81, 3)), GRID) == 0).all()
    assert (kmeans_segments(np.zeros((2, 81, 3)), GRID) == 0).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: patch_features(np.ones((3, 4)), (1, 3)),
        lambda: patch_features(np.ones((2, 5, 3)), (2, 3)),
        lambda: patch_features(np.ones((2, 1, 3)), (0, 3)),
        lambda: pca_coordinates(np.ones(3), 1),
        lambda: pca_coordinates(np.ones((3, 2)), 0),
        lambda: kmeans_segments(np.ones((2, 5, 3)), (2, 2), clusters=0),
    ],
)
def test_misuse_is_refused(call):
    with pytest.raises(ValueError, match=r"must be|do not fit|expected"):
        call()
