"""Boxes of masks, their overlap, trivial boxes, and the edges that stored boxes mean: all by hand."""

import numpy as np
import pytest

from explorer.dataset import box_edges
from explorer.evaluation.boxes import (
    box_area,
    box_overlap,
    colour_foreground,
    largest_part,
    mask_box,
    trivial_boxes,
)


def test_the_box_of_a_mask_by_hand():
    mask = np.zeros((4, 8), bool)
    mask[1, 2] = mask[2, 5] = True
    assert mask_box(mask) == (2 / 8, 1 / 4, 6 / 8, 3 / 4)
    assert mask_box(np.ones((3, 3), bool)) == (0, 0, 1, 1)
    assert mask_box(np.zeros((3, 3), bool)) == (0, 0, 0, 0)


def test_only_pixels_that_share_a_side_are_one_part():
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1]], bool)
    assert np.argwhere(largest_part(mask)).tolist() == [[0, 3], [1, 3], [2, 3]]
    assert not largest_part(np.zeros((2, 2), bool)).any()
    assert largest_part(np.array([[1, 0, 1]], bool)).tolist() == [[True, False, False]]


def test_overlap_of_boxes_by_hand():
    box = np.array([0.0, 0, 2, 2])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [1, 1, 3, 3], [2, 0, 4, 2], [0, 0, 0, 0], [0, 0, 4, 4]], float)
    np.testing.assert_allclose(box_overlap(box, others), [1, 2 / 6, 1 / 7, 0, 0, 4 / 16], rtol=1e-12)
    np.testing.assert_allclose(box_overlap(others, box), box_overlap(box, others))
    assert box_overlap(np.zeros(4), np.zeros(4)) == 0
    assert box_area(np.array([3.0, 0, 1, 5])) == 0


def test_last_pixels_become_edges_and_edges_stay():
    inside = np.array([[0, 0, 63, 63], [5, 6, 5, 9], [0, 0, 0, 0]], np.int16)
    assert box_edges(inside, 64).tolist() == [[0, 0, 64, 64], [5, 6, 6, 10], [0, 0, 0, 0]]
    edges = np.array([[0, 0, 64, 63], [5, 6, 7, 9]], np.int16)
    assert box_edges(edges, 64).tolist() == edges.tolist()


def test_trivial_boxes_and_the_square_that_colour_finds():
    image = np.full((1, 8, 8, 3), (10, 200, 30), np.uint8)
    image[0, 2:5, 3:7] = (220, 30, 30)
    boxes = trivial_boxes(image)
    assert boxes["whole image"].tolist() == [[0, 0, 1, 1]]
    assert box_area(boxes["centre box"])[0] == pytest.approx(0.75**2)
    assert boxes["colours alone"].tolist() == [[3 / 8, 2 / 8, 7 / 8, 5 / 8]]
    inverted = image[..., ::-1]
    assert trivial_boxes(255 - inverted)["colours alone"].tolist() == boxes["colours alone"].tolist()


def test_a_picture_of_one_colour_is_all_foreground():
    assert colour_foreground(np.full((4, 4, 3), 7, np.uint8)).all()


def test_clusters_of_colour_are_those_of_k_means():
    from sklearn.cluster import KMeans

    image = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    image[3:9, 3:9] //= 3
    found = colour_foreground(image).ravel()
    pixels = image.reshape(-1, 3).astype(float)
    fixed = KMeans(2, init=np.stack([pixels[~found].mean(0), pixels[found].mean(0)]), n_init=1).fit_predict(pixels)
    assert (fixed == found).all()  # a fixed point of Lloyd's algorithm
