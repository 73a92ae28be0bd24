"""MaskCut on planted objects, and against a plain dense reference written from the description of the procedure."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.ndimage import gaussian_filter, label
from scipy.sparse.linalg import ArpackNoConvergence

from explorer.errors import ExplorerError
from explorer.measures.patches.maskcut import affinity, lapack_sign, maskcut, second_eigenvector
from explorer.measures.patches.projection import patch_features

GRID = (14, 16)


def with_cls(features: np.ndarray, heads: int) -> np.ndarray:
    """(rows,cols,K·p) patch features → (K,1+n,p) projections with a CLS row that must not be used."""
    flat = np.concatenate([np.full((1, features.shape[-1]), 50.0), features.reshape(-1, features.shape[-1])])
    return flat.reshape(len(flat), heads, -1).transpose(1, 0, 2)


def planted(parts: np.ndarray, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """Projections in which each part of a label map has its own direction."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    return with_cls(directions[parts] + noise * rng.standard_normal((*parts.shape, 12)), 3)


def smooth_scene(seed: int, grid: tuple[int, int] = GRID) -> np.ndarray:
    """Random features that vary smoothly over the grid, with noise: no planted cut."""
    rng = np.random.default_rng(seed)
    features = gaussian_filter(rng.standard_normal((*grid, 24)), (2, 2, 0))
    return with_cls(features / features.std() + 0.5 * rng.standard_normal(features.shape), 4)


def dense_second_eigenvector(features: np.ndarray, tau: float, released: bool = False) -> np.ndarray:
    """With LAPACK's own sign, as the released code takes it, or the largest |entry| positive."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.divide(features, length, out=np.zeros_like(features), where=length > 0)
    weights = np.where(unit @ unit.T > tau, 1.0, 1e-5)
    degree = np.diag(weights.sum(axis=1))
    vector = eigh(degree - weights, degree, subset_by_index=[1, min(2, len(weights) - 1)])[1][:, 0]
    return vector if released else vector * np.sign(vector[np.argmax(np.abs(vector))])


def reference(
    projections: np.ndarray, grid: tuple[int, int], objects: int, tau: float = 0.15, released: bool = True
) -> list[np.ndarray]:
    """MaskCut with a dense generalised eigensolver at every stage; one entry per stage, empty ones included."""
    features = projections[:, 1:].transpose(1, 0, 2).reshape(grid[0] * grid[1], -1)
    last, painted, masks = np.zeros(grid, bool), np.zeros(grid, bool), []
    for stage in range(objects):
        painted = painted | last
        vector = dense_second_eigenvector(features * ~painted.reshape(-1, 1), tau, released).reshape(grid)
        front = vector > vector.mean()
        corners = int(front[0, 0]) + int(front[0, -1]) + int(front[-1, 0]) + int(front[-1, -1])
        if corners >= 3 or not front.flat[np.argmax(np.abs(vector))]:
            front, vector = ~front, -vector
        parts = label(front)[0]
        mask = parts == parts[np.unravel_index(np.argmax(vector), grid)]
        if stage > 0:
            overlap = (mask & last).sum() / (mask | last).sum()
            if overlap > 0.5 or mask.sum() / mask.size <= 0.01:
                mask = np.zeros(grid, bool)
        last = mask
        masks.append(mask & ~np.any(masks, axis=0) if masks else mask)
    return masks


def parts_with(*boxes: tuple[slice, slice]) -> np.ndarray:
    parts = np.zeros(GRID, int)
    for index, box in enumerate(boxes, start=1):
        parts[box] = index
    return parts


def test_one_planted_object_comes_back():
    parts = parts_with(np.s_[4:9, 5:11])
    result = maskcut(planted(parts), GRID, objects=1)
    assert result.masks.shape == (1, *GRID)
    assert np.array_equal(result.masks[0], parts == 1)
    assert result.eigenvectors[0][parts == 1].min() > result.eigenvectors[0][parts == 0].max()


def test_the_corner_rule_decides_between_object_and_background():
    # the object is the larger side, so the largest entry lies in the background, which holds all four corners
    scenes = [parts_with(np.s_[top:13, 1:15]) for top in (1, 2, 3)] + [
        parts_with(np.s_[1:13, 2:right]) for right in (14, 15)
    ]
    own = [maskcut(planted(parts), GRID, objects=1, signs="own").masks[0] for parts in scenes]
    assert np.array_equal(own, [parts == 1 for parts in scenes])
    released = [maskcut(planted(parts), GRID, objects=1).masks[0] for parts in scenes]
    assert np.array_equal(released, [reference(planted(parts), GRID, 1)[0] for parts in scenes])
    background = [np.array_equal(mask, parts == 0) for mask, parts in zip(released, scenes, strict=True)]
    assert any(background), "where LAPACK makes the largest entry negative, the rule does not act"


def test_two_planted_objects_come_back_one_after_the_other():
    parts = parts_with(np.s_[2:6, 2:6], np.s_[7:12, 8:14])
    result = maskcut(planted(parts), GRID, objects=2)
    found = {mask.tobytes() for mask in result.masks}
    assert found == {(parts == 1).tobytes(), (parts == 2).tobytes()}


def test_only_the_part_connected_by_an_edge_is_kept():
    parts = np.zeros(GRID, int)
    parts[2:6, 2:6] = 1
    parts[6:11, 6:12] = 1  # the same direction, touching the first box at a corner only
    mask = maskcut(planted(parts), GRID, objects=1).masks[0]
    assert mask.sum() in (16, 30)
    assert mask[2:6, 2:6].all() != mask[6:11, 6:12].all()


def test_an_object_of_one_percent_is_dropped():
    parts = np.zeros((10, 10), int)
    parts[2:6, 2:6] = 1
    parts[8, 8] = 2  # exactly one percent
    assert len(maskcut(planted(parts, noise=0), (10, 10), objects=2).masks) == 1
    parts[8, 7] = 2
    assert len(maskcut(planted(parts, noise=0), (10, 10), objects=2).masks) == 2


def test_a_first_object_is_kept_however_small():
    parts = np.zeros((10, 10), int)
    parts[8, 8] = 1
    assert np.array_equal(maskcut(planted(parts, noise=0), (10, 10)).masks, [parts == 1])


def test_overlap_drops_a_mask_for_one_stage_only():
    # the second cut overlaps the first mask by more than a half and is dropped; the third is the same cut, but is
    # compared with the empty mask of the second, and what it adds to the first mask counts
    projections, grid = smooth_scene(0, (6, 7)), (6, 7)
    counts = [len(maskcut(projections, grid, objects, tau=0.4).masks) for objects in (1, 2, 3)]
    assert counts == [1, 1, 2]
    expected = [mask for mask in reference(projections, grid, 3, tau=0.4) if mask.any()]
    assert np.array_equal(maskcut(projections, grid, 3, tau=0.4).masks, expected)


@pytest.mark.parametrize("count", [2, 20, 70, 200])
def test_the_sign_is_that_of_the_released_codes_call(count):
    signs = []
    for seed in range(8):
        weights = affinity(np.random.default_rng(seed).standard_normal((count, 6)), 0.1)
        degree = np.diag(weights.sum(axis=1))
        released = eigh(degree - weights, degree, subset_by_index=[1, min(2, count - 1)])[1][:, 0]
        vector, _ = second_eigenvector(weights)
        signs.append(lapack_sign(weights, vector))
        np.testing.assert_allclose(signs[-1] * vector, released, rtol=1e-6, atol=1e-8)
    assert count == 2 or set(signs) == {1.0, -1.0}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("objects", [1, 4])
@pytest.mark.parametrize("signs", ["released", "own"])
def test_masks_agree_with_the_dense_reference(seed, objects, signs):
    projections = smooth_scene(seed)
    expected = [mask for mask in reference(projections, GRID, objects, released=signs == "released") if mask.any()]
    result = maskcut(projections, GRID, objects=objects, signs=signs)
    assert np.array_equal(result.masks, expected)


@pytest.mark.parametrize("grid", [(5, 6), (14, 16), (20, 20)])  # below and above the switch of solvers
def test_eigenvector_agrees_with_the_dense_solver(grid):
    features = patch_features(smooth_scene(3, grid), grid)
    vector, value = second_eigenvector(affinity(features, 0.15))
    np.testing.assert_allclose(vector, dense_second_eigenvector(features, 0.15), rtol=1e-6, atol=1e-9)
    weights = affinity(features, 0.15)
    degree = weights.sum(axis=1)
    np.testing.assert_allclose(degree * vector - weights @ vector, value * degree * vector, rtol=0, atol=1e-9)
    assert vector @ (degree * vector) == pytest.approx(1, rel=1e-9)
    assert vector @ degree == pytest.approx(0, abs=1e-8)


def test_eigenvector_of_noise_agrees_with_the_dense_solver():
    # no structure, so the second eigenvalue lies at the edge of a dense spectrum and takes many steps
    features = np.random.default_rng(0).standard_normal((300, 40))
    vector, _ = second_eigenvector(affinity(features, 0.15))
    np.testing.assert_allclose(vector, dense_second_eigenvector(features, 0.15), rtol=1e-6, atol=1e-9)


def test_eigenvector_falls_back_to_the_dense_solver(monkeypatch):
    def never(*_args, **_kwargs):
        raise ArpackNoConvergence("no convergence", np.zeros(0), np.zeros((0, 0)))

    features = patch_features(smooth_scene(3), GRID)
    weights = affinity(features, 0.15)
    expected, value = second_eigenvector(weights)
    monkeypatch.setattr("scipy.sparse.linalg.eigsh", never)
    vector, dense_value = second_eigenvector(weights)
    np.testing.assert_allclose(vector, expected, rtol=1e-6, atol=1e-9)
    assert dense_value == pytest.approx(value, rel=1e-9)


def test_eigenvector_survives_a_tiny_eigengap():
    # six groups that share no edge: five eigenvalues within 2e-4 of zero, while the spectrum reaches 1
    sizes = [20, 30, 40, 50, 60, 100]
    group = np.repeat(np.arange(6), sizes)
    weights = np.where(group[:, None] == group, 1.0, 1e-5)
    vector, value = second_eigenvector(weights)
    degree = np.diag(weights.sum(axis=1))
    values, vectors = eigh(degree - weights, degree, subset_by_index=[1, 2])
    expected = vectors[:, 0] * np.sign(vectors[np.argmax(np.abs(vectors[:, 0])), 0])
    assert values[1] - values[0] < 2e-5
    assert value == pytest.approx(values[0], rel=1e-8)
    np.testing.assert_allclose(vector, expected, rtol=1e-6, atol=1e-8)


def test_affinity_by_hand():
    features = np.array([[2.0, 0], [1, 1], [0, 3], [0, 0]])
    expected = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    assert np.array_equal(affinity(features, 0.5), np.where(expected, 1.0, 1e-5))


@pytest.mark.parametrize("seed", range(3))
def test_masks_are_disjoint_and_connected_and_repeatable(seed):
    projections = smooth_scene(10 + seed)
    result = maskcut(projections, GRID, objects=4)
    assert result.masks.sum(axis=0).max() <= 1
    assert result.masks.any(axis=(1, 2)).all()
    assert len(result.masks) == len(result.eigenvectors) == len(result.eigenvalues)
    assert np.array_equal(result.masks, maskcut(projections, GRID, objects=4).masks)


def test_the_length_of_features_does_not_matter():
    projections = smooth_scene(0)
    scaled = projections * np.random.default_rng(1).uniform(0.1, 10, (1, projections.shape[1], 1))
    assert np.array_equal(maskcut(scaled, GRID).masks, maskcut(projections, GRID).masks)


@pytest.mark.parametrize("grid", [(1, 1), (1, 2), (1, 9), (9, 1), (2, 2), (14, 16)])
@pytest.mark.parametrize("fill", ["zero", "equal", "random"])
def test_degenerate_inputs_give_masks_or_none(grid, fill):
    shape = (2, 1 + grid[0] * grid[1], 3)
    projections = {
        "zero": np.zeros(shape),
        "equal": np.ones(shape),
        "random": np.random.default_rng(0).standard_normal(shape),
    }[fill]
    result = maskcut(projections, grid)
    assert result.masks.shape == result.eigenvectors.shape == (len(result.eigenvalues), *grid)
    assert np.isfinite(result.eigenvectors).all()
    if fill != "random" or grid == (1, 1):
        assert len(result.masks) == 0


def test_too_many_patches_are_refused_with_their_number():
    with pytest.raises(ExplorerError, match=r"4,160 patches .* larger stride"):
        maskcut(np.zeros((1, 4161, 1)), (64, 65))


@pytest.mark.parametrize(
    "call",
    [
        lambda: maskcut(np.ones((2, 5, 3)), (2, 2), objects=0),
        lambda: maskcut(np.ones((2, 5, 3)), (2, 3)),
        lambda: affinity(np.ones(3), 0.1),
        lambda: second_eigenvector(np.ones((2, 3))),
        lambda: second_eigenvector(np.ones((1, 1))),
    ],
)
def test_misuse_is_refused(call):
    with pytest.raises(ValueError, match=r"must be|do not fit"):
        call()
