"""Colours of tokens and the sheet of photos."""

import numpy as np
import pytest

from explorer.figures import (
    contact_sheet,
    label_colours,
    photo_colours,
    photo_number_colours,
    position_colours,
    style,
    value_colours,
)
from explorer.figures.cloud import CLS_COLOR, CORNERS


def test_positions_take_the_corners_and_their_mean():
    rgb = position_colours((3, 3), photos=2).rgb.reshape(2, 10, 3)
    np.testing.assert_array_equal(rgb[0], rgb[1])
    assert tuple(rgb[0, 0]) == CLS_COLOR
    for token, corner in zip((1, 3, 7, 9), CORNERS, strict=True):
        assert tuple(rgb[0, token]) == corner
    np.testing.assert_allclose(rgb[0, 5], np.mean(CORNERS, axis=0), atol=0.51)


@pytest.mark.parametrize(("patch", "stride"), [(4, 4), (4, 2), (3, 5)])
def test_photo_colours_are_the_means_of_the_patches(patch, stride):
    pictures = list(np.random.default_rng(0).integers(0, 256, (2, 14, 13, 3), dtype=np.uint8))
    rgb = photo_colours(pictures, patch, stride).rgb.reshape(2, -1, 3)
    rows, cols = 1 + (14 - patch) // stride, 1 + (13 - patch) // stride
    assert rgb.shape[1] == 1 + rows * cols
    for row, col in ((0, 0), (rows - 1, cols - 1), (1, 1)):
        cut = pictures[1][row * stride : row * stride + patch, col * stride : col * stride + patch]
        np.testing.assert_allclose(rgb[1, 1 + row * cols + col], cut.mean(axis=(0, 1)), atol=0.51)


def test_labels_have_the_palette_and_are_counted():
    colours = label_colours(np.array([[-1, 0, 2, 2]]), ["a", "b", "c"])
    assert tuple(colours.rgb[0]) == CLS_COLOR
    np.testing.assert_array_equal(colours.rgb[1:], style.colors_array(style.HEAD_COLORS)[[0, 2, 2]])
    assert [(e["label"], e["count"]) for e in colours.legend["entries"]] == [("a", 1), ("b", 0), ("c", 2)]
    with pytest.raises(ValueError, match="below 2"):
        label_colours(np.array([[0, 2]]), ["a", "b"])


def test_values_run_along_the_scale_of_rates():
    colours = value_colours(np.linspace(0, 100, 101)[None])
    table = style.lookup(style.RATE_SCALE)
    np.testing.assert_array_equal(colours.rgb[[0, 50, 100]], table[[0, 128, 255]])
    assert (colours.legend["low"], colours.legend["high"]) == ("1.00", "99.00")
    assert len(np.unique(value_colours(np.ones((1, 4))).rgb, axis=0)) == 1
    with pytest.raises(ValueError, match="NaN"):
        value_colours(np.array([[np.nan]]))


def test_photos_have_colours_of_their_own_and_frames_of_the_same():
    colours = photo_number_colours(28, 3)
    assert len(np.unique(colours.rgb, axis=0)) == 28
    assert colours.photos[1] == "#" + bytes(colours.rgb[3].tolist()).hex()


def test_a_sheet_is_filled_row_by_row():
    pictures = [np.full((2, 3, 3), k, np.uint8) for k in (1, 2, 3)]
    sheet = contact_sheet(pictures, 2)
    assert sheet.shape == (4, 6, 3)
    assert [int(sheet[r, c, 0]) for r, c in ((0, 0), (0, 3), (2, 0), (2, 3))] == [1, 2, 3, 128]
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], 2)
