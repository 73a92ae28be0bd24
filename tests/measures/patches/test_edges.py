"""Masks with the photo's edges: the guided filter against its definition, its rules by hand, and connected parts."""

import numpy as np
import pytest

from explorer.measures.patches.edges import (
    Guide,
    carried,
    coloured_pixels,
    connected_parts,
    guide_of,
    guided_filter,
    photo_labels,
    sharpen,
)
from explorer.measures.patches.methods import Segments


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def by_definition(picture: np.ndarray, values: np.ndarray, reach: int, eps: float) -> np.ndarray:
    """A ridge regression in the window around every pixel, solved one by one, then the mean of their predictions."""
    height, width = values.shape
    colours = np.pad(picture / 255, ((2 * reach,) * 2, (2 * reach,) * 2, (0, 0)), mode="edge")
    padded = np.pad(values, 2 * reach, mode="edge")
    fits = np.zeros((height + 2 * reach, width + 2 * reach, 4))
    for row, col in np.ndindex(fits.shape[:2]):
        window = (slice(row, row + 2 * reach + 1), slice(col, col + 2 * reach + 1))
        i, p = colours[window].reshape(-1, 3), padded[window].ravel()
        slope = np.linalg.solve(np.cov(i.T, bias=True) + eps * np.eye(3), ((i - i.mean(0)) * p[:, None]).mean(0))
        fits[row, col] = [*slope, p.mean() - slope @ i.mean(0)]
    fits = np.pad(fits[reach:-reach, reach:-reach], ((reach,) * 2, (reach,) * 2, (0, 0)), mode="edge")
    means = np.array([
        [fits[row : row + 2 * reach + 1, col : col + 2 * reach + 1].mean(axis=(0, 1)) for col in range(width)]
        for row in range(height)
    ])  # fmt: skip
    return (picture / 255 * means[..., :3]).sum(-1) + means[..., 3]


def test_the_guided_filter_is_a_regression_in_every_window():
    picture, values = random_picture(11, 9), np.random.default_rng(1).random((11, 9))
    guide = guide_of(picture, patch=1, eps=0.01)
    assert (guide.step, guide.reach) == (1, 2)
    np.testing.assert_allclose(guided_filter(guide, values), by_definition(picture, values, 2, 0.01), rtol=0, atol=2e-5)


def test_a_constant_map_stays_and_maps_that_sum_to_one_still_do():
    """Why photo_labels need not filter the last of its maps; on a large picture, where there are fewer places."""
    guide = guide_of(random_picture(260, 230), patch=16)
    rows, cols = guide.places.shape[1:]
    assert (guide.step, rows, cols) == (2, 130, 115)
    assert np.ptp(guided_filter(guide, np.full((rows, cols), 0.3))) < 1e-4
    share = np.random.default_rng(2).random((rows, cols))
    both = guided_filter(guide, share) + guided_filter(guide, 1 - share)
    np.testing.assert_allclose(both, 1, rtol=0, atol=1e-4)


def test_the_border_moves_to_the_edge_of_the_photo():
    """A bright square that lies across the patches: blocks miss up to half a patch on each side, its edges do not."""
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[20:60, 37:91] = (200, 120, 90)
    truth = picture[..., 0] > 100
    labels = np.zeros((12, 16), np.uint8)
    labels[3:7, 5:11] = 7  # rows 24 to 56, columns 40 to 88
    guide = guide_of(picture, patch=8)
    found = photo_labels(labels, guide, 8, 8)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, 7 * truth)
    np.testing.assert_array_equal(photo_labels(np.full((12, 16), 2), guide, 8, 8), np.full((96, 128), 2))


@pytest.mark.parametrize("side", [1, 2, 4, 7])
def test_without_an_edge_a_segment_stays_about_where_it_was(side):
    """On a photo of one colour the filter only blurs, and windows of 4 patches would blur small segments away."""
    guide, labels = guide_of(np.full((96, 128, 3), 90, np.uint8), patch=8), np.zeros((12, 16), int)
    labels[3 : 3 + side, 5 : 5 + side] = 1
    found, blocks = photo_labels(labels, guide, 8, 8), labels.repeat(8, 0).repeat(8, 1)
    assert not found[blocks == 0].any()
    assert 0.3 <= found.sum() / blocks.sum() <= 1
    deep = np.zeros_like(blocks)
    deep[32 : 8 * (2 + side), 48 : 8 * (4 + side)] = 1  # a patch away from the border
    assert found[deep == 1].all()


def test_colours_reach_to_the_edge_and_end_there():
    picture = np.full((64, 64, 3), 30, np.uint8)
    picture[:, 28:] = 220
    labels = np.zeros((8, 8), np.uint8)
    labels[:, 4:] = 1  # from column 32
    colours = np.where(labels[..., None] > 0, [0.2, 0.4, 0.6], 0.0)
    sharp = sharpen(Segments("pca", 1, None, labels, colours), guide_of(picture, 8), 8, 8)
    assert (sharp.edges, sharp.labels.shape) == ("photo", (64, 64))
    np.testing.assert_allclose(sharp.colours, np.broadcast_to([0.2, 0.4, 0.6], (8, 8, 3)))
    large = coloured_pixels(sharp, 8, 8).colours
    assert large is not None
    np.testing.assert_allclose(large[:, 28:], np.broadcast_to([0.2, 0.4, 0.6], (64, 36, 3)))
    assert not large[:, :28].any()


def test_connected_parts_by_hand():
    """Label 1 is two bars, label 3 a bar and one pixel, which is too small and takes what lies beside it."""
    labels = np.zeros((10, 12), int)
    labels[1:3, 1:4], labels[1:4, 6:11] = 1, 1
    labels[6:9, 1:5], labels[8, 8] = 3, 3
    found = connected_parts(labels, smallest=0.02)  # of 120 pixels: 3 at least
    expected = np.zeros((10, 12), int)
    expected[1:4, 6:11], expected[1:3, 1:4], expected[6:9, 1:5] = 1, 2, 3
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(connected_parts(labels, smallest=0.5), 0 * labels)  # all of it is background
    corner = np.array([[1, 2], [2, 1]])  # pixels are connected by their sides; none is 60 %, and there is no background
    assert connected_parts(corner, smallest=0.25).tolist() == [[1, 3], [4, 2]]
    assert connected_parts(corner, smallest=0.6).tolist() == corner.tolist()


def test_parts_are_split_on_patches_as_well():
    found = carried(Segments("maskcut", 1, None, np.array([[1, 0, 1]])), None, 8, 8, parts=True)
    assert (found.labels.tolist(), found.edges) == ([[1, 0, 2]], "patches")
    assert carried(found, None, 8, 8) is found


@pytest.mark.parametrize(
    "call",
    [
        lambda: guide_of(np.zeros((4, 4), np.uint8), 2),
        lambda: guide_of(np.zeros((4, 4, 3), np.uint8), 0),
        lambda: guided_filter(guide_of(random_picture(8, 8), 2), np.zeros((8, 7))),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match=r"expected a picture|the map is"):
        call()


def test_a_guide_is_read_only():
    guide = guide_of(random_picture(8, 8), 2)
    assert isinstance(guide, Guide)
    assert not any(array.flags.writeable for array in (guide.picture, guide.places, guide.mean))
