"""Whatever a user gives: the same photo or text in every form, and what is refused."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from explorer.errors import ExplorerError
from explorer.inputs import gallery_photo, given, prepare, prepare_photo, prepare_text
from tests.conftest import pixels
from tests.inputs.test_image import encode, photo_bytes

TURNED = 6  # EXIF: turn by 90°


@pytest.fixture
def card(cards):
    return cards["crate"]


def jpeg(**options) -> bytes:
    values = np.random.default_rng(3).integers(0, 255, (20, 30, 3), np.uint8)
    return encode(Image.fromarray(values), "JPEG", **options)


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = TURNED
    return jpeg(exif=exif)


def test_a_photo_is_the_same_in_every_form(card, tmp_path):
    data = photo_bytes()
    (tmp_path / "cat.png").write_bytes(data)
    expected = prepare_photo(data, card.preprocessing, card.patch, 24, "whole", "cat.png")
    image = Image.open(io.BytesIO(data))
    for one in (tmp_path / "cat.png", str(tmp_path / "cat.png"), data, image, np.asarray(image.convert("RGB"))):
        found = prepare(one, card, 24, "whole")
        np.testing.assert_array_equal(found.data, expected.data)
        np.testing.assert_array_equal(found.picture, expected.picture)
    assert prepare(tmp_path / "cat.png", card, 24, "whole").digest == expected.digest
    assert prepare(tmp_path / "cat.png", card).label == "cat.png"
    assert prepare(expected, card) is expected


@pytest.mark.parametrize(
    "data",
    [turned_jpeg(), encode(Image.new("RGBA", (9, 12), (200, 10, 10, 99))), encode(Image.new("CMYK", (9, 9)), "JPEG"),
     encode(Image.fromarray(np.arange(120, dtype=np.uint16).reshape(10, 12) * 300))],
    ids=["EXIF", "alpha", "CMYK", "16 bits"],
)  # fmt: skip
def test_an_image_in_hand_is_read_as_its_file_is(card, data):
    np.testing.assert_array_equal(prepare(Image.open(io.BytesIO(data)), card).data, prepare(data, card).data)
    assert prepare(data, card).note


def test_a_photo_of_the_gallery_by_its_name_but_a_path_goes_before(card, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = gallery_photo("kangaroo").path.read_bytes()
    found = prepare("kangaroo", card)
    assert found.digest == prepare(kept, card).digest
    assert found.label == "kangaroo.jpg"
    (tmp_path / "kangaroo").write_bytes(photo_bytes())
    assert prepare("kangaroo", card).digest == prepare(photo_bytes(), card).digest


def test_arrays_are_fed_as_they_are(card, tmp_path):
    np.save(tmp_path / "x.NPY.npy", pixels(2))
    for one in (pixels(2), tmp_path / "x.NPY.npy"):
        found = prepare(one, card)
        np.testing.assert_array_equal(found.data, pixels(2))
        assert found.picture is None
        with pytest.raises(ExplorerError, match="fed as it is: a size of 96 cannot be applied"):
            prepare(one, card, 96)


def test_a_text_is_the_same_in_every_form(word_card, tmp_path):
    (tmp_path / "cat.txt").write_text("the cat")
    expected = prepare_text("the cat", word_card.tokenizer, word_card.context)
    tokens = expected.data[0]
    np.save(tmp_path / "t.npy", tokens[None])
    for one in ("the cat", tmp_path / "cat.txt", str(tmp_path / "cat.txt"), tokens, list(map(int, tokens)),
                tokens[None], tmp_path / "t.npy"):  # fmt: skip
        np.testing.assert_array_equal(prepare(one, word_card).data, expected.data)
    assert prepare(tmp_path / "cat.txt", word_card).pieces == expected.pieces


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ("none.png", "none.png does not exist"),
        ("folder", "is a directory"),
        ("quagga", "has no photo 'quagga'"),
        ("big.png", r"^big.png has 3\.0 MiB: expected at most 2 MiB"),
        ("empty.jpg", "^empty.jpg is empty"),
        (7, "int is no picture"),
        ([1, 2], "list is no picture"),
        (np.zeros((2, 2, 2), np.uint8), r"uint8 \(2, 2, 2\) is no picture"),
        (np.zeros((0, 2, 3), np.uint8), r"uint8 \(0, 2, 3\) is no picture"),
        (np.zeros((1, 3, 8, 8)), "expected float32"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(card, tmp_path, monkeypatch, one, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "big.png").write_bytes(bytes(3 << 20))
    (tmp_path / "empty.jpg").touch()
    monkeypatch.setattr(given, "MAX_BYTES", 2 << 20)
    with pytest.raises(ExplorerError, match=words):
        prepare(one, card)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (b"the cat", "give a text"),
        (Image.new("RGB", (9, 9)), "give a text"),
        (0.5, "whole numbers"),
        ([1 << 20], "holds tokens"),
        ("missing.txt", "does not exist"),
    ],
)
def test_what_is_no_text_is_refused_in_a_sentence(word_card, one, words):
    with pytest.raises(ExplorerError, match=words):
        prepare(one, word_card)
    with pytest.raises(ExplorerError, match="has no size"):
        prepare("the cat", word_card, 64)
