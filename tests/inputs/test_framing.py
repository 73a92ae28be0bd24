"""What of a photo a model sees: crops that move, padding, and what is said of it."""

import numpy as np
import pytest
from PIL import Image

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.framing import frame_of
from explorer.inputs.image import prepare_mask, prepare_photo
from tests.inputs.test_image import SMALL, encode, noise, photo_bytes

PLAIN = Preprocessing(resize=112, crop=112)


def frame(photo, framing, preprocessing=SMALL):
    return frame_of(photo, preprocessing, 8, 112, framing, "it")


@pytest.mark.parametrize(("framing", "left"), [("crop@0", 0), ("crop", 40), ("crop@50", 40), ("crop@100", 80)])
def test_a_crop_moves_along_the_longer_side_alone(framing, left):
    """200 × 133 is resized to 192 × 128, where a window of 112 has 80 pixels to move."""
    resized = Image.fromarray(noise(200, 133)).resize((192, 128), Image.Resampling.BILINEAR)
    prepared = prepare_photo(photo_bytes(), SMALL, 8, framing=framing)
    np.testing.assert_array_equal(prepared.picture, np.asarray(resized)[8:120, left : left + 112])
    upright = Image.fromarray(noise(133, 200)).resize((128, 192), Image.Resampling.BILINEAR)
    prepared = prepare_photo(photo_bytes(133, 200), SMALL, 8, framing=framing)
    np.testing.assert_array_equal(prepared.picture, np.asarray(upright)[left : left + 112, 8:120])


def test_the_middle_is_torchvisions_where_it_is_half_a_pixel():
    """206 at 133 becomes 198, so that 43 pixels are free on each side; with 201 it is 193: 40.5, which goes to 40."""
    assert frame((206, 133), "crop").corner == (43, 8)
    assert frame((201, 133), "crop").corner == frame((201, 133), "crop@50").corner == (40, 8)


def test_a_padded_photo_keeps_its_shape_and_the_rest_is_zero():
    """160 × 20 at 112: 112 × 14 in the middle, from row 49 to row 63."""
    prepared = prepare_photo(photo_bytes(160, 20), SMALL, 8, framing="pad")
    assert prepared.data.shape == (1, 3, 112, 112)
    assert prepared.seen == (49, 0, 63, 112)
    expected = Image.fromarray(noise(160, 20)).resize((112, 14), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(prepared.picture[49:63], np.asarray(expected))
    assert not prepared.data[:, :, :49].any()
    assert not prepared.data[:, :, 63:].any()
    assert (prepared.picture[:49] == np.rint(255 * np.array(SMALL.mean))).all()
    assert prepare_photo(photo_bytes(20, 160), SMALL, 8, framing="pad").seen == (0, 49, 112, 63)
    assert prepare_photo(photo_bytes(50, 50), SMALL, 8, framing="pad").seen is None


@pytest.mark.parametrize("framing", ["crop@0", "crop@80", "pad"])
@pytest.mark.parametrize("size", [(200, 133), (133, 200)])
def test_a_mask_is_framed_as_its_photo(framing, size):
    """The photo is its own mask, white on black: away from the edges both agree; padding is never foreground."""
    drawing = np.zeros((size[1], size[0]), np.uint8)
    drawing[20:90, 20:120] = 255
    data = encode(drawing)
    photo = prepare_photo(data, PLAIN, 8, framing=framing)
    mask = prepare_mask(data, PLAIN, 8, framing=framing, photo_size=size)
    assert mask.shape == (photo.height, photo.width)
    grey, inside = photo.picture[..., 0], np.zeros(mask.shape, bool)
    top, left, bottom, right = photo.seen or (0, 0, *mask.shape)
    inside[top:bottom, left:right] = True
    assert mask[inside & (grey > 200)].all()
    assert not mask[inside & (grey < 55)].any()
    assert not mask[~inside].any()


@pytest.mark.parametrize(
    ("photo", "framing", "said"),
    [
        ((1600, 200), "crop", "the middle 175 × 175 of 1600 × 200 pixels: 10% of"),
        ((1600, 200), "crop@25", "25% from the left, 175 × 175 of 1600 × 200 pixels: 10% of"),
        ((200, 1600), "crop@100", "100% from the top, 175 × 175 of 200 × 1600 pixels: 10% of"),
        ((1600, 200), "pad", "The whole 1600 × 200 pixels, padded to a square: 88% of the input"),
        ((300, 300), "crop", "the middle 262 × 262 of 300 × 300 pixels: 77% of"),
    ],
)
def test_what_is_not_seen_is_said(photo, framing, said):
    """At 112 of a resize to 128 the shorter side loses an eighth: 7/8 of 200 are 175, and 175² / 320,000 is 9.6 %."""
    assert said in frame(photo, framing).sentence()


def test_it_is_told_unasked_where_most_is_lost_or_something_is_added():
    assert "10%" in prepare_photo(photo_bytes(1600, 200), SMALL, 8).note
    assert "padding" in prepare_photo(photo_bytes(200, 133), SMALL, 8, framing="pad").note
    assert prepare_photo(photo_bytes(200, 133), SMALL, 8).note == ""
    assert frame((200, 133), "whole").sentence() == frame((112, 112), "pad").sentence() == ""


@pytest.mark.parametrize("framing", ["crop@101", "crop@-1", "crop@", "crop@5.5", "pad@3", ""])
def test_a_place_that_there_is_not_is_refused(framing):
    with pytest.raises(ExplorerError, match="is unknown: choose 'crop', 'crop@0' to 'crop@100'"):
        frame((200, 133), framing)


def test_two_places_are_two_inputs():
    digests = {
        prepare_photo(photo_bytes(), SMALL, 8, framing=one).digest for one in ("crop", "crop@0", "crop@1", "pad")
    }
    assert len(digests) == 4
