"""Overlap of masks and upsampling, by hand and against direct formulas."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from explorer.errors import ExplorerError
from explorer.measures.patches.segmentation import best_overlap, iou, upsample, upsample_smooth


def test_iou_by_hand():
    a = np.array([[1, 1, 0], [0, 0, 0]], bool)
    b = np.array([[0, 1, 1], [0, 0, 1]], bool)
    assert iou(a, b) == 0.25
    assert iou(a, a) == 1.0
    assert iou(a, ~a) == 0.0
    assert iou(np.zeros(3, bool), np.zeros(3, bool)) == 0.0


def test_best_overlap_by_hand():
    segments = np.array([[7, 7, 2], [7, 2, 2]])
    mask = np.array([[0, 1, 1], [0, 1, 1]], bool)
    # label 2: 3 shared of 4; label 7: 1 shared of 6
    assert best_overlap(segments, mask) == (0.75, 2)
    assert best_overlap(segments, np.zeros((2, 3), bool)) == (0.0, 2)


def test_best_overlap_agrees_with_iou():
    rng = np.random.default_rng(0)
    segments, mask = rng.integers(-1, 5, (9, 8)), rng.random((9, 8)) < 0.4
    value, label = best_overlap(segments, mask)
    overlaps = {k: iou(segments == k, mask) for k in range(-1, 5)}
    assert value == max(overlaps.values())
    assert overlaps[label] == value


def test_masks_of_different_sizes_are_the_users_to_fix():
    with pytest.raises(ExplorerError, match=r"\(2, 2\) and \(2, 3\)"):
        iou(np.zeros((2, 2), bool), np.zeros((2, 3), bool))
    with pytest.raises(ExplorerError, match="resize"):
        best_overlap(np.zeros((2, 2), int), np.zeros((3, 2), bool))


def test_upsample_at_stride_patch_repeats_each_value():
    grid = np.arange(6).reshape(2, 3)
    expected = grid.repeat(4, axis=0).repeat(4, axis=1)
    assert np.array_equal(upsample(grid, 8, 12, 4, 4), expected)


def test_upsample_with_overlap_by_hand():
    # patch 4, stride 2, width 8: patches at 0, 2, 4, centres at 2, 4, 6; pixel centres ½ … 7½
    grid = np.array([[10, 20, 30]])
    assert upsample(grid, 4, 8, 4, 2).tolist() == [[10, 10, 10, 20, 20, 30, 30, 30]] * 4
    # patch 3, stride 2, width 8: patches at 0, 2, 4 and a pixel that no patch reaches; centres 1½, 3½, 5½
    # pixel 2 (centre 2½) is half-way between the first two: the later one wins
    assert upsample(grid, 3, 8, 3, 2)[0].tolist() == [10, 10, 20, 20, 30, 30, 30, 30]


@pytest.mark.parametrize(("patch", "stride", "size"), [(8, 8, 30), (8, 3, 29), (5, 2, 16), (4, 1, 9)])
def test_upsample_takes_a_nearest_centre(patch, stride, size):
    count = 1 + (size - patch) // stride
    picked = upsample(np.arange(count)[None], patch, size, patch, stride)[0]
    distance = np.abs((np.arange(size) + 0.5)[:, None] - (np.arange(count) * stride + patch / 2))
    assert np.array_equal(distance[np.arange(size), picked], distance.min(axis=1))


def test_upsample_keeps_the_type():
    assert upsample(np.eye(2, dtype=bool), 4, 4, 2, 2).dtype == bool


def test_smooth_by_hand():
    # centres at 1 and 3: flat outside, straight between them (pixel centres ½, 1½, 2½, 3½)
    smooth = upsample_smooth(np.array([[0.0, 4.0]]), 2, 4, 2, 2)
    np.testing.assert_allclose(smooth, [[0, 1, 3, 4]] * 2, rtol=1e-15, atol=0)


@pytest.mark.parametrize(("patch", "stride", "size"), [(8, 8, (32, 24)), (8, 3, (29, 40)), (4, 2, (4, 13))])
def test_smooth_matches_map_coordinates(patch, stride, size):
    counts = [1 + (s - patch) // stride for s in size]
    grid = np.random.default_rng(0).standard_normal(counts)
    places = np.meshgrid(*((np.arange(s) + 0.5 - patch / 2) / stride for s in size), indexing="ij")
    expected = map_coordinates(grid, places, order=1, mode="nearest")
    np.testing.assert_allclose(upsample_smooth(grid, *size, patch, stride), expected, rtol=1e-12, atol=1e-13)


def test_smooth_keeps_a_constant():
    smooth = upsample_smooth(np.full((3, 3), 2.5), 20, 20, 8, 6)
    np.testing.assert_allclose(smooth, 2.5, rtol=1e-14, atol=0)


@pytest.mark.parametrize("upsample", [upsample, upsample_smooth])
def test_a_grid_that_does_not_fit_is_refused(upsample):
    with pytest.raises(ValueError, match="gives a grid"):
        upsample(np.zeros((2, 3)), 8, 8, 4, 4)
    with pytest.raises(ValueError, match="at least 1"):
        upsample(np.zeros((2, 2)), 8, 8, 4, 0)
