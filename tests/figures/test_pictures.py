"""Pictures: what is blended, what is left alone, and which pixels an outline may touch."""

import io

import numpy as np
import pytest
from PIL import Image

from explorer import figures
from explorer.figures import pictures, style


def photo(height: int = 12, width: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def ramp(height: int = 12, width: int = 16) -> np.ndarray:
    return np.arange(height * width, dtype=np.float64).reshape(height, width)


def test_heat_at_alpha_0_is_the_picture():
    np.testing.assert_array_equal(figures.heat_overlay(photo(), ramp(), 0), photo())


def test_heat_at_alpha_1_has_no_picture_in_it():
    one, other = (figures.heat_overlay(photo(seed=seed), ramp(), 1) for seed in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_blending_by_hand():
    # alpha ½ of black (level 0 of a grey scale) over 100 is 50; of white (level 255) over 100 is 177.5 → 178
    grey: style.Scale = [[0.0, "#000000"], [1.0, "#ffffff"]]
    picture = np.full((1, 2, 3), 100, np.uint8)
    result = figures.heat_overlay(picture, np.array([[0.0, 1.0]]), 0.5, grey, limits=(0, 1))
    assert result[0, :, 0].tolist() == [50, 178]


@pytest.mark.parametrize("value", [0.0, -3.0, 7.5])
def test_constant_heat_is_the_low_end_everywhere(value):
    result = figures.heat_overlay(photo(3, 4), np.full((3, 4), value), 1)
    assert (result == style.lookup(style.HEAT_SCALE)[0]).all()


def test_one_peak_among_many_equal_values_is_still_seen():
    heat = np.zeros((40, 40))
    heat[5, 7] = 1e-3
    result = figures.heat_overlay(photo(40, 40), heat, 1)
    assert result[5, 7].tolist() == style.lookup(style.HEAT_SCALE)[255].tolist()


def test_limits_are_shared_and_clipped():
    table = style.lookup(style.HEAT_SCALE)
    result = figures.heat_overlay(photo(1, 4), np.array([[-9.0, 0.0, 2.0, 99.0]]), 1, limits=(0, 2))
    np.testing.assert_array_equal(result[0], table[[0, 0, 255, 255]])


def test_lookup_ends_are_the_scale_ends():
    table = style.lookup(style.HEAT_SCALE)
    assert table.shape == (256, 3)
    np.testing.assert_array_equal(table[[0, -1]], style.colors_array(("#000004", "#fcffa4")))


def square(height: int = 12, width: int = 16) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[2:8, 3:11] = True
    return mask


def test_outline_by_hand():
    mask = square()
    inner = np.zeros_like(mask)
    inner[3:7, 4:10] = True
    np.testing.assert_array_equal(pictures.outline(mask), mask & ~inner)


def test_outline_is_2_px_wide_in_large_pictures():
    mask = np.zeros((200, 200), bool)
    mask[50:100, 50:100] = True
    assert pictures.outline(mask)[75].sum() == 4


def test_inputs_are_not_written_to():
    picture, mask = photo(), square()
    picture.flags.writeable = mask.flags.writeable = False
    figures.threshold_overlay(picture, mask)
    figures.label_overlay(picture, np.zeros((12, 16), int))


def test_labels_negative_are_left_alone_and_the_palette_repeats():
    labels = np.tile(np.arange(16), (12, 1))
    labels[0], labels[1, 0], labels[2, 0] = -1, 1, 1 + len(style.HEAD_COLORS)
    result = figures.label_overlay(photo(), labels, 1.0)
    np.testing.assert_array_equal(result[0], photo()[0])
    np.testing.assert_array_equal(result[1, 0], result[2, 0])


def test_threshold_dims_the_rest_only():
    mask, picture = square(), photo()
    result = figures.threshold_overlay(picture, mask, 1.0)
    assert not result[~mask].any()
    inside = mask & ~pictures.outline(mask)
    np.testing.assert_array_equal(result[inside], picture[inside])


def test_rgb_is_clipped_and_kept_to_the_foreground():
    rgb = np.full((12, 16, 3), 2.0)
    result = figures.rgb_overlay(photo(), rgb, square(), 1.0)
    assert (result[square()] == 255).all()
    assert not result[~square()].any()


def test_png_is_lossless_and_jpeg_is_close():
    smooth = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(figures.png_bytes(photo())))), photo())
    jpeg = np.asarray(Image.open(io.BytesIO(figures.jpeg_bytes(smooth))), np.int16)
    assert abs(jpeg - smooth).max() <= 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_heat_with_nan_is_refused(bad):
    heat = ramp()
    heat[3, 3] = bad
    with pytest.raises(ValueError, match="NaN"):
        figures.heat_overlay(photo(), heat)


@pytest.mark.parametrize(
    "call",
    [
        lambda: figures.heat_overlay(photo().astype(np.float32), ramp()),
        lambda: figures.heat_overlay(photo(), ramp(6, 8)),
        lambda: figures.heat_overlay(photo(), ramp(), 1.5),
        lambda: figures.label_overlay(photo(), ramp()),
        lambda: figures.threshold_overlay(photo(), ramp()),
        lambda: figures.rgb_overlay(photo(), np.zeros((12, 16)), square()),
        lambda: figures.png_bytes(photo()[..., 0]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match=r"must be|enlarge it first"):
        call()


def test_a_sheet_has_its_pictures_in_rows_and_columns():
    red, blue = np.full((10, 20, 3), [255, 0, 0], np.uint8), np.full((20, 10, 3), [0, 0, 255], np.uint8)
    page = figures.sheet(
        [[red, blue], [blue, red]], ["A", "a name that is far too long for it"], ["one", "two"], side=40
    )
    assert page.shape[2] == 3
    assert [tuple(page[y, x]) for y, x in ((40, 160), (40, 212), (90, 160), (90, 212))] == [
        (255, 0, 0), (0, 0, 255), (0, 0, 255), (255, 0, 0),
    ]  # fmt: skip
    dark = figures.sheet([[red]], ["A"], ["one"], side=40, dark=True)
    assert dark[0, 0, 3] == 0
    assert dark[..., 3].max() == 255
    assert Image.open(io.BytesIO(figures.png_bytes(dark))).mode == "RGBA"
    with pytest.raises(ValueError, match="uint8"):
        figures.jpeg_bytes(dark)
    assert dark.shape[:2] == figures.sheet([[red]], ["A"], ["one"], side=40).shape[:2]
    with pytest.raises(ValueError, match="do not fit"):
        figures.sheet([[red]], ["A", "B"], ["one"])
