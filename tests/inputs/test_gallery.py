"""The photos that come with the package."""

import pytest

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.gallery import PHOTOS, gallery, gallery_photo
from explorer.inputs.image import prepare_photo

OPEN_LICENCES = {"CC BY 4.0", "CC BY 2.0", "CC0", "public domain"}


def test_the_gallery_lists_exactly_the_photos_that_are_there():
    photos = gallery()
    assert len(photos) == 28
    assert {p.path.name for p in photos} == {p.name for p in PHOTOS.glob("*.jpg")}
    assert photos[0].name == "kangaroo"  # the order of credits.csv
    assert len({p.name for p in photos}) == 28


@pytest.mark.parametrize("photo", gallery(), ids=lambda photo: photo.name)
def test_every_photo_is_credited_and_prepares(photo):
    assert photo.label
    assert photo.source
    assert photo.licence in OPEN_LICENCES
    assert photo.caption == f"{photo.label} — {photo.source}, {photo.licence}"
    preprocessing = Preprocessing(resize=128, crop=112)
    data = photo.path.read_bytes()
    assert prepare_photo(data, preprocessing, patch=8).data.shape == (1, 3, 112, 112)
    whole = prepare_photo(data, preprocessing, patch=8, framing="whole")
    assert min(whole.height, whole.width) == 112
    assert whole.height % 8 == whole.width % 8 == 0


def test_a_photo_is_found_by_name():
    assert gallery_photo("chelsea").label == "cat"


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(ExplorerError, match=r"'../etc/passwd'.*kangaroo.*flower"):
        gallery_photo("../etc/passwd")
