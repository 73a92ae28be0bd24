"""Formats beyond the common ones, phone pictures, and files that lie about themselves."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from explorer.errors import ExplorerError
from explorer.inputs import decode, formats
from explorer.inputs.decode import photo_size, read_photo, reading_note
from tests.inputs.test_image import ORIENTATION, encode, noise, pixels, with_size

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
pillow_heif.register_heif_opener()
LOSSLESS = {"PPM": {}, "TGA": {}, "ICO": {}, "JPEG2000": {"irreversible": False}}
LOSSY = {"HEIF": {"quality": 90}, "AVIF": {"quality": 90, "speed": 10}}


def smooth(width: int, height: int) -> np.ndarray:
    """A picture that lossy codecs keep: red grows to the right, green downwards."""
    across, down = np.linspace(0, 255, width), np.linspace(0, 255, height)
    return np.stack(np.broadcast_arrays(across, down[:, None], 128), axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", LOSSLESS)
def test_more_lossless_formats_are_read_exactly(kind):
    np.testing.assert_array_equal(pixels(encode(noise(32, 32), kind, **LOSSLESS[kind])), noise(32, 32))


@pytest.mark.parametrize("kind", LOSSY)
def test_what_phones_write_is_read(kind):
    found = pixels(encode(smooth(96, 64), kind, **LOSSY[kind])).astype(int)
    assert found.shape == (64, 96, 3)
    assert np.abs(found - smooth(96, 64)).mean() < 4


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", *LOSSY])
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.9])
def test_what_is_cut_off_is_refused(kind, kept):
    data = encode(noise(48, 48), kind, **(LOSSLESS | LOSSY)[kind])
    with pytest.raises(ExplorerError, match=r"^cut.img (is damaged|has)"):
        read_photo(data[: int(len(data) * kept)], "cut.img")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*LOSSLESS, *LOSSY])
def test_random_damage_becomes_a_sentence(kind):
    rng, intact = np.random.default_rng(0), encode(noise(20, 16), kind, **(LOSSLESS | LOSSY)[kind])
    for _ in range(40):
        data = bytearray(intact)
        for position in rng.integers(0, min(len(data), 300), 3):
            data[position] = rng.integers(256)
        try:
            assert read_photo(bytes(data)).mode == "RGB"
        except ExplorerError:
            continue


def test_a_video_of_the_same_family_of_files_is_refused_by_its_brand():
    with pytest.raises(ExplorerError, match="but a video"):
        read_photo(b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(40))


# phone pictures: reduced decoding


def test_a_large_jpeg_is_decoded_at_a_part_of_its_sides(monkeypatch):
    """The limit is on what is decoded: 120 × 80 at most 2,400 pixels is decoded at half its sides, 60 × 40."""
    monkeypatch.setattr(decode, "LARGE_JPEG", 2_400)
    data = encode(smooth(120, 80), "JPEG", quality=95)
    found = read_photo(data)
    assert found.size == photo_size(data) == (60, 40)
    expected = smooth(120, 80).reshape(40, 2, 60, 2, 3).mean(axis=(1, 3))  # every pixel the mean of four
    assert np.abs(np.asarray(found) - expected).mean() < 2
    assert reading_note(data) == "Its 120 × 80 pixels are read as 60 × 40."
    monkeypatch.setattr(decode, "LARGE_JPEG", 200)
    assert read_photo(data).size == (15, 10)


def test_two_hundred_megapixels_are_read_within_the_memory():
    """A flat JPEG of 16384 × 12288: full decoding would take 800 MB."""
    flat = Image.new("L", (16_384, 12_288), 77)
    data = encode(flat, "JPEG", quality=30)
    del flat
    found = read_photo(data)
    assert found.size == (4_096, 3_072)
    assert found.getpixel((2_000, 2_000)) == (77, 77, 77)


def test_a_jpeg_beyond_all_phones_is_refused_from_its_header():
    data = bytearray(encode(noise(16, 16), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ExplorerError, match="60000 × 60000 pixels: expected at most 256 million"):
        read_photo(bytes(data))


def test_a_large_progressive_jpeg_is_refused_since_all_of_it_is_held():
    data = bytearray(encode(noise(16, 16), "JPEG", progressive=True))
    at = data.index(b"\xff\xc2") + 5
    data[at : at + 4] = struct.pack(">HH", 12_288, 16_384)
    with pytest.raises(ExplorerError, match="progressive JPEG of 16384 × 12288"):
        read_photo(bytes(data))
    assert formats.has_scans(encode(noise(16, 16), "JPEG", progressive=True))
    assert not formats.has_scans(encode(noise(16, 16), "JPEG"))
    assert not formats.has_scans(encode(noise(16, 16, 1), "JPEG"))
    assert formats.has_scans(b"\xff\xd8\xff\xe0\0\x10JFIF")


# files that lie


def icon(picture: bytes, width: int = 16, height: int = 16) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, width, height, 0, 0, 1, 32, len(picture), 22) + picture


def test_an_icon_whose_picture_is_larger_than_it_says_is_refused_before_it_is_decoded(monkeypatch):
    """Pillow decodes an icon while it opens it."""
    bomb = icon(with_size(encode(noise(4, 4)), 12_000, 12_000))
    with pytest.raises(ExplorerError, match="12000 × 12000 pixels: expected at most 64 million"):
        read_photo(bomb)
    header = struct.pack("<IiiHHIIiiII", 40, 12_000, 24_000, 1, 24, 0, 0, 0, 0, 0, 0)
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ExplorerError, match="pixels: expected at most"):
        read_photo(icon(header + bytes(64)))


def test_the_largest_picture_of_an_icon_is_shown():
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(buffer, "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
    np.testing.assert_array_equal(pixels(buffer.getvalue()), noise(64, 64))
    Image.fromarray(noise(32, 32)).save(buffer := io.BytesIO(), "ICO", sizes=[(32, 32)], bitmap_format="bmp")
    np.testing.assert_array_equal(pixels(buffer.getvalue()), noise(32, 32))


def test_the_note_of_a_bomb_decodes_nothing():
    assert reading_note(with_size(encode(noise(4, 4)), 12_000, 12_000)) is None


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_exif(png: bytes, exif: bytes, at_the_end: bool = False) -> bytes:
    at = len(png) - 12 if at_the_end else 33
    return png[:at] + chunk(b"eXIf", exif) + png[at:]


@pytest.mark.parametrize("exif", [b"junk", b"", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_png_with_good_pixels_and_bad_exif_is_read(exif, at_the_end):
    data = with_exif(encode(noise(20, 15)), exif, at_the_end)
    np.testing.assert_array_equal(pixels(data), noise(20, 15))
    assert reading_note(data) is None


@pytest.mark.parametrize("at_the_end", [False, True])
def test_the_exif_of_a_png_turns_it_wherever_it_stands(at_the_end):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = with_exif(encode(noise(20, 15)), exif.tobytes()[6:], at_the_end)
    np.testing.assert_array_equal(pixels(data), np.rot90(noise(20, 15), -1))
    assert photo_size(data) == (15, 20)
    assert "upright" in (reading_note(data) or "")


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "AVIF"])
def test_an_orientation_in_xmp_alone_turns_nothing_as_in_a_browser(kind):
    options = {"tiffinfo": {700: XMP}} if kind == "TIFF" else {"xmp": XMP}
    data = encode(smooth(40, 24), kind, **options)
    assert b"Orientation" in data
    assert read_photo(data).size == photo_size(data) == (40, 24)
    assert reading_note(data) is None


def test_every_orientation_is_undone_as_exif_defines_it():
    """Of each of the eight, where the row and the column of the upright picture start in the stored one."""
    upright = noise(6, 4)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }  # fmt: skip
    for number, picture in stored.items():
        exif = Image.Exif()
        exif[ORIENTATION] = number
        data = encode(np.ascontiguousarray(picture), "PNG", exif=exif)
        np.testing.assert_array_equal(pixels(data), upright, err_msg=str(number))


def test_what_deep_values_are_is_said():
    assert "floating-point values" in (reading_note(encode(np.zeros((9, 9), np.float32), "TIFF")) or "")
    assert "16-bit values" in (reading_note(encode(np.zeros((9, 9), np.uint16))) or "")
    assert "integer values" in (reading_note(encode(np.zeros((9, 9), np.int32), "TIFF")) or "")
