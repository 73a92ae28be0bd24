"""Square pictures in batches: the very input that a single photo gives."""

import io

import numpy as np
import pytest
from PIL import Image

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs import frame_squares, normalise_squares, prepare_photo

PREPROCESSING = Preprocessing(resize=14, crop=12)
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize("framing", ["crop", "whole"])
@pytest.mark.parametrize("size", [None, 24])
def test_a_batch_is_its_photos_side_by_side(framing, size):
    batch = normalise_squares(frame_squares(IMAGES, PREPROCESSING, 4, size, framing), PREPROCESSING)
    for image, data in zip(IMAGES, batch.data, strict=True):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        single = prepare_photo(file.getvalue(), PREPROCESSING, 4, size, framing)
        np.testing.assert_allclose(data, single.data[0], atol=1e-6)


def test_the_whole_square_at_its_own_size_is_untouched():
    assert (frame_squares(IMAGES, PREPROCESSING, 4, 20, "whole") == IMAGES).all()


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ExplorerError, match="choose 12"):
        frame_squares(IMAGES, PREPROCESSING, 4, 13)
