"""Photos, masks and arrays, on files that the tests make."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.decode import MAX_BYTES, read_photo, reading_note
from explorer.inputs.image import prepare_mask, prepare_photo

SMALL = Preprocessing(resize=128, crop=112)
ORIENTATION = 0x0112


def noise(width, height, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def photo_bytes(width=200, height=133):
    return encode(noise(width, height))


def with_size(png, width, height):
    """The PNG with another size in its header, and the right checksum for it."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def pixels(data):
    return np.asarray(read_photo(data))


# read_photo: what is refused


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"This is only a text.\n" * 9, "text"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive"),
        (b"\0\0\0\x18ftypmp42" + bytes(30), "a video"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
        (b"\xde\xad\xbe\xef" * 9, "unknown data"),
        (b"RIFF\0\0\0\0WAVEfmt ", "text"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_bytes_whatever_its_name(data, kind):
    with pytest.raises(ExplorerError, match=f"^holiday.jpg is not a PNG, JPEG, WebP.*but {kind}"):
        read_photo(data, "holiday.jpg")


def test_empty_and_huge_files_are_refused():
    with pytest.raises(ExplorerError, match=r"^a.png is empty"):
        read_photo(b"", "a.png")
    with pytest.raises(ExplorerError, match=r"^a.png has 80\.0 MiB: expected at most 80 MiB"):
        read_photo(bytes(MAX_BYTES + 1), "a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("kept", [0.03, 0.3, 0.6, 0.9])
def test_a_truncated_picture_is_refused(kind, kept):
    data = encode(noise(60, 40), kind)
    with pytest.raises(ExplorerError, match=r"^cut.img is damaged"):
        read_photo(data[: int(len(data) * kept)], "cut.img")


def test_a_flipped_byte_in_the_pixels_of_a_png_is_refused():
    data = bytearray(photo_bytes())
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ExplorerError, match="is damaged"):
        read_photo(bytes(data))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8_001, 10_000, 30_000])  # below Pillow's warning, in it, above Pillow's error
def test_a_decompression_bomb_is_refused_from_its_header(side):
    with pytest.raises(ExplorerError, match=r"pixels.*at most 64 million"):
        read_photo(with_size(encode(noise(4, 4)), side, side))


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_a_bomb_warning_that_became_an_error_is_refused_too():
    with pytest.raises(ExplorerError, match="at most 64 million"):
        read_photo(with_size(encode(noise(4, 4)), 10_000, 10_000))


def test_a_webp_of_the_greatest_size_is_refused_from_its_header():
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    body = extended + encode(noise(4, 4), "WEBP", lossless=True)[12:]
    with pytest.raises(ExplorerError):
        read_photo(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)


def test_extreme_aspect_ratios_are_refused():
    with pytest.raises(ExplorerError, match="1 × 2000 pixels: expected sides of at most 50:1"):
        read_photo(encode(noise(1, 2000)))
    assert read_photo(encode(noise(1, 50))).size == (1, 50)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of much before it gives up
def test_random_damage_never_escapes_as_another_exception():
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
        intact = encode(noise(20, 15), kind)
        for _ in range(60):
            data = bytearray(intact)
            for position in rng.integers(0, min(len(data), 300), 3):
                data[position] = rng.integers(256)
            try:
                read_photo(bytes(data))
            except ExplorerError:
                continue


# read_photo: what is read


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_pictures_are_read_exactly(kind):
    np.testing.assert_array_equal(pixels(encode(noise(30, 20), kind)), noise(30, 20))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_only_the_first_frame_is_decoded(kind, monkeypatch):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    frames = [Image.new("RGB", (16, 12), colour) for colour in colours]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.n_frames == 3
    monkeypatch.setattr(Image.Image, "seek", lambda *_: pytest.fail("another frame was asked for"))
    assert read_photo(data).size == (16, 12)
    assert (pixels(data) == colours[0]).all()


def test_sixteen_bit_greys_are_scaled_and_not_clipped():
    values = np.array([[0, 256, 257], [32768, 65280, 65535]], np.uint16)
    expected = [[0, 1, 1], [128, 254, 255]]  # value · 255 / 65535, rounded
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(pixels(encode(values, kind))[..., 0], expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 200.0]], np.float32), [0, 100, 200]),
        (np.array([[0.0, 32768.0, 65535.0]], np.float32), [0, 128, 255]),
        (np.array([[-1.0, 0.0, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[-3.0, -3.0]], np.float32), [0, 0]),
        (np.array([[0, 100, 200]], np.int32), [0, 100, 200]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 1 << 30, 1 << 31]], np.int64).clip(0, 2**31 - 1).astype(np.int32), [0, 128, 255]),
    ],
)
def test_deep_greys_keep_their_range(values, expected):
    np.testing.assert_array_equal(pixels(encode(values, "TIFF"))[0, :, 0], expected)


def test_floats_that_are_not_finite_are_refused():
    with pytest.raises(ExplorerError, match="NaN or infinite"):
        read_photo(encode(np.array([[0.0, np.nan]], np.float32), "TIFF"))


def test_cmyk_jpeg_becomes_rgb():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(pixels(encode(red, "JPEG", quality=95))[8, 8], (255, 0, 0), atol=4)


def test_lab_tiff_becomes_rgb():
    grey = Image.new("LAB", (8, 8), (128, 128, 128))  # L* = 50, a* = b* = 0: the sRGB grey 119
    np.testing.assert_allclose(pixels(encode(grey, "TIFF"))[4, 4], (119, 119, 119), atol=2)


def test_transparency_is_composed_over_white():
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    np.testing.assert_array_equal(pixels(encode(rgba))[0], [[255, 0, 0], [255, 255, 255], [127, 127, 127]])
    la = np.array([[[10, 255], [10, 0]]], np.uint8)
    np.testing.assert_array_equal(pixels(encode(la))[0], [[10, 10, 10], [255, 255, 255]])


def test_a_transparent_palette_entry_and_a_transparent_grey_become_white():
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([0, 1])
    np.testing.assert_array_equal(pixels(encode(palette, transparency=0))[0], [[255, 255, 255], [200, 100, 50]])
    grey = np.array([[7, 9]], np.uint8)
    np.testing.assert_array_equal(pixels(encode(grey, transparency=7))[0, :, 0], [255, 9])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(kind):
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:10, :10] = 255  # white top left corner
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # stored turned left: show it turned right by 90°
    stored = np.ascontiguousarray(np.rot90(upright, 1))
    photo = read_photo(encode(stored, kind, exif=exif))
    assert photo.size == (30, 20)
    assert np.asarray(photo)[:8, :8].min() > 200
    assert np.asarray(photo)[12:].max() < 50


def test_the_default_name_stands_in_the_message():
    with pytest.raises(ExplorerError, match=r"^the upload is empty"):
        read_photo(b"")


# prepare_photo


def test_the_crop_is_torchvisions():
    """200 × 133, resize 128, crop 112: Resize gives int(128 · 200 / 133) = 192 × 128; the crop starts at (8, 40)."""
    resized = Image.fromarray(noise(200, 133)).resize((192, 128), Image.Resampling.BILINEAR)
    expected = np.asarray(resized)[8 : 8 + 112, 40 : 40 + 112]
    prepared = prepare_photo(photo_bytes(), SMALL, patch=8)
    np.testing.assert_array_equal(prepared.picture, expected)


def test_the_crop_of_an_upright_photo_at_another_size_and_filter_rounds_ties_to_even():
    """133 × 200 at 56: Resize gives 64 × int(64 · 200 / 133) = 64 × 96, offsets (4, 20); at 64 × 97, 20.5 → 20."""
    preprocessing = Preprocessing(resize=128, crop=112, interpolation="bicubic")
    for height, new_height, top in ((200, 96, 20), (202, 97, 20), (206, 99, 22)):
        resized = Image.fromarray(noise(133, height)).resize((64, new_height), Image.Resampling.BICUBIC)
        prepared = prepare_photo(photo_bytes(133, height), preprocessing, patch=8, size=56)
        np.testing.assert_array_equal(prepared.picture, np.asarray(resized)[top : top + 56, 4:60])


def test_data_is_the_picture_normalised():
    preprocessing = Preprocessing(mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0), resize=16, crop=16)
    prepared = prepare_photo(encode(Image.new("RGB", (20, 30), (255, 0, 51))), preprocessing, patch=8)
    assert prepared.data.dtype == np.float32
    assert prepared.data.shape == (1, 3, 16, 16)
    np.testing.assert_allclose(prepared.data[0, :, 3, 4], [1.0, -1.0, 0.1], rtol=0, atol=1e-6)
    assert prepared.picture.dtype == np.uint8
    assert (prepared.picture == (255, 0, 51)).all()
    default = prepare_photo(photo_bytes(), Preprocessing(), patch=16)
    restored = default.data[0].transpose(1, 2, 0) * np.array(Preprocessing.std) + np.array(Preprocessing.mean)
    np.testing.assert_allclose(restored * 255, default.picture, rtol=0, atol=1e-3)


def test_what_travels_is_read_only_contiguous_and_labelled():
    prepared = prepare_photo(photo_bytes(), SMALL, patch=8, name="cat.png")
    assert not prepared.data.flags.writeable
    assert not prepared.picture.flags.writeable
    assert prepared.data.flags.c_contiguous
    assert prepared.label == "cat.png"


@pytest.mark.parametrize(
    ("size", "shape"),
    [((200, 133), (112, 168)), ((133, 200), (168, 112)), ((100, 100), (112, 112)), ((300, 100), (112, 336))],
)
def test_the_whole_photo_keeps_its_aspect_ratio(size, shape):
    prepared = prepare_photo(photo_bytes(*size), SMALL, patch=8, framing="whole")
    assert prepared.picture.shape == (*shape, 3)
    expected = Image.fromarray(noise(*size)).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(prepared.picture, np.asarray(expected))


def test_a_long_photo_is_not_shown_whole_but_can_be_cropped():
    with pytest.raises(ExplorerError, match=r"310 × 100 pixels: expected sides of at most 3:1.*pad, or a crop"):
        prepare_photo(photo_bytes(310, 100), SMALL, patch=8, framing="whole")
    assert prepare_photo(photo_bytes(310, 100), SMALL, patch=8).width == 112


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1), (7, 9)])
def test_a_photo_too_thin_to_show_anything_is_refused(size):
    with pytest.raises(ExplorerError, match="expected at least 8 × 8"):
        prepare_photo(encode(noise(*size)), SMALL, patch=8)


def test_the_smallest_photo_works():
    assert prepare_photo(encode(noise(8, 8)), SMALL, patch=8).data.shape == (1, 3, 112, 112)


def test_a_long_photo_is_not_blown_up_beyond_the_pixel_limit():
    with pytest.raises(ExplorerError, match=r"too long .8 × 400. for the size 1024"):
        prepare_photo(encode(noise(8, 400)), SMALL, patch=8, size=1024)


@pytest.mark.parametrize(
    ("size", "nearest"), [(100, 96), (3, 8), (0, 8), (-8, 8), (1025, 1024), (5000, 1024), (109, 112)]
)
def test_a_size_that_does_not_fit_names_the_nearest(size, nearest):
    with pytest.raises(ExplorerError, match=f"The size {size} .*patch, 8, up to 1024: choose {nearest}"):
        prepare_photo(photo_bytes(), SMALL, patch=8, size=size)
    assert prepare_photo(photo_bytes(), SMALL, patch=8, size=nearest).height == nearest


def test_the_nearest_size_below_the_limit_is_a_multiple_of_the_patch():
    with pytest.raises(ExplorerError, match="choose 1022"):
        prepare_photo(photo_bytes(), SMALL, patch=14, size=1024)


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(resize=100, crop=112),
        Preprocessing(resize=100_000, crop=224),
        Preprocessing(crop=0),
        Preprocessing(interpolation="nearest"),
        Preprocessing(std=(0.2, 0.0, 0.2)),
    ],
)
def test_an_impossible_preprocessing_is_refused(preprocessing):
    with pytest.raises(ExplorerError, match=r"preprocessing .* is not supported"):
        prepare_photo(photo_bytes(), preprocessing, patch=16)


def test_an_unknown_framing_is_refused():
    with pytest.raises(
        ExplorerError, match="'stretch' is unknown: choose 'crop', 'crop@0' to 'crop@100', 'whole' or 'pad'"
    ):
        prepare_photo(photo_bytes(), SMALL, patch=8, framing="stretch")


def test_the_digest_changes_with_every_parameter_and_with_nothing_else():
    base = {"data": photo_bytes(), "preprocessing": SMALL, "patch": 8, "size": 112, "framing": "crop"}
    changes = [
        {"data": photo_bytes(133, 200)},
        {"data": photo_bytes() + b"\0"},
        {"patch": 16},
        {"size": 96},
        {"framing": "whole"},
        {"preprocessing": Preprocessing(mean=(0.5, 0.456, 0.406), resize=128, crop=112)},
        {"preprocessing": Preprocessing(std=(0.5, 0.224, 0.225), resize=128, crop=112)},
        {"preprocessing": Preprocessing(resize=120, crop=112)},
        {"preprocessing": Preprocessing(resize=128, crop=104)},
        {"preprocessing": Preprocessing(resize=128, crop=112, interpolation="bicubic")},
    ]
    digests = [prepare_photo(**{**base, **change}).digest for change in [{}, *changes]]
    assert len(set(digests)) == len(digests)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    same = [{}, {"name": "other.png"}, {"size": None}, {"preprocessing": Preprocessing(resize=128, crop=112)}]
    assert {prepare_photo(**{**base, **change}).digest for change in same} == {digests[0]}


# prepare_mask

HALF = np.zeros((32, 32), bool)
HALF[:, 16:] = True
SQUARE = Preprocessing(resize=32, crop=32)


def mask_of(image, threshold=127):
    return prepare_mask(encode(image), SQUARE, 8, threshold=threshold)


@pytest.mark.parametrize(("dark", "bright"), [(0, 255), (0, 1), (0, 38), (10, 20)])
def test_the_brighter_of_two_greys_is_foreground(dark, bright):
    np.testing.assert_array_equal(mask_of(np.where(HALF, bright, dark).astype(np.uint8)), HALF)
    np.testing.assert_array_equal(mask_of(np.where(HALF, bright, dark).astype(np.uint16)), HALF)


def test_a_one_bit_mask_and_a_mask_of_true_colour_are_read():
    np.testing.assert_array_equal(mask_of(Image.fromarray(HALF)), HALF)
    np.testing.assert_array_equal(mask_of(np.where(HALF[..., None], (128, 0, 0), 0).astype(np.uint8)), HALF)


def test_many_greys_are_cut_at_the_threshold():
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    np.testing.assert_array_equal(mask_of(ramp), ramp > 127)
    np.testing.assert_array_equal(mask_of(ramp, threshold=40), ramp > 40)
    np.testing.assert_array_equal(mask_of(ramp.astype(np.uint16) * 257, threshold=40), ramp > 40)


def test_a_jpeg_mask_is_cut_at_the_threshold():
    data = encode(np.where(HALF, 255, 0).astype(np.uint8), "JPEG", quality=60)
    np.testing.assert_array_equal(prepare_mask(data, SQUARE, 8), HALF)


@pytest.mark.parametrize(("value", "foreground"), [(0, False), (1, True), (255, True)])
def test_a_mask_of_one_value_is_all_or_nothing(value, foreground):
    assert (mask_of(np.full((32, 32), value, np.uint8)) == foreground).all()


def test_alpha_is_the_mask_where_the_colour_says_nothing():
    rgba = np.zeros((32, 32, 4), np.uint8)  # black everywhere, opaque on the right
    rgba[HALF, 3] = 255
    np.testing.assert_array_equal(mask_of(rgba), HALF)
    rgba[..., :3][HALF] = (200, 30, 30)  # one colour where it can be seen
    np.testing.assert_array_equal(mask_of(rgba), HALF)
    la = np.stack([np.zeros((32, 32)), np.where(HALF, 255, 0)], axis=-1).astype(np.uint8)
    np.testing.assert_array_equal(mask_of(la), HALF)


def test_the_colour_is_the_mask_where_alpha_says_nothing():
    rgba = np.full((32, 32, 4), 255, np.uint8)
    rgba[~HALF, :3] = 0
    np.testing.assert_array_equal(mask_of(rgba), HALF)


def palette_mask(index, colours):
    mask = Image.fromarray(index).convert("P")
    mask.putdata(index.ravel().tolist())
    palette = np.zeros((256, 3), np.uint8)
    for position, colour in colours.items():
        palette[position] = colour
    mask.putpalette(palette.ravel().tolist())
    return mask


def test_in_a_voc_palette_every_index_but_background_and_void_is_foreground():
    index = np.where(HALF, 15, 0).astype(np.uint8)
    index[:8] = 1
    index[8:16] = 255
    mask = palette_mask(index, {1: (128, 0, 0), 15: (192, 128, 128), 255: (224, 224, 192)})
    np.testing.assert_array_equal(mask_of(mask), (index == 1) | (index == 15))


def test_a_grey_palette_only_stores_a_grey_mask():
    index = np.where(HALF, 0, 1).astype(np.uint8)
    np.testing.assert_array_equal(mask_of(palette_mask(index, {0: (255, 255, 255), 1: (0, 0, 0)})), HALF)
    index = np.where(HALF, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(mask_of(palette_mask(index, {255: (255, 255, 255)})), HALF)


@pytest.mark.parametrize("framing", ["crop", "whole"])
@pytest.mark.parametrize("size", [(200, 133), (133, 200)])
def test_a_mask_lies_on_its_photo(framing, size):
    """The photo is its own mask, white on black with straight edges: away from the edges both must agree."""
    drawing = np.zeros((size[1], size[0]), np.uint8)
    drawing[40:90, 60:120] = 255
    data = encode(drawing)
    photo = prepare_photo(data, SMALL, 8, framing=framing)
    mask = prepare_mask(data, SMALL, 8, framing=framing, photo_size=size)
    assert mask.dtype == bool
    assert mask.shape == (photo.height, photo.width)
    assert not mask.flags.writeable
    grey = photo.picture[..., 0]
    np.testing.assert_array_equal(mask[grey > 200], True)
    np.testing.assert_array_equal(mask[grey < 55], False)
    assert ((grey > 55) & (grey < 200)).mean() < 0.05


def test_a_mask_of_another_resolution_gets_the_photos_shape():
    """67 × 45 alone would become 112 × 166.8 → 168, 400 × 269 likewise; the photo decides."""
    for width, height in ((67, 45), (400, 269)):
        mask = prepare_mask(encode(noise(width, height, 1)), SMALL, 8, framing="whole", photo_size=(200, 133))
        assert mask.shape == (112, 168)
    tall = prepare_mask(encode(noise(100, 298, 1)), SMALL, 8, framing="whole", photo_size=(100, 293))
    assert tall.shape == (328, 112)  # the mask's own ratio would give 336


def test_a_mask_of_another_aspect_ratio_is_refused():
    data = encode(noise(200, 133, 1))
    prepare_mask(data, SMALL, 8, photo_size=(2000, 1330 + 26))
    for other in ((2000, 1330 + 28), (2000, 1330 - 28), (133, 200)):
        with pytest.raises(ExplorerError, match=r"m.png is 200 × 133 .* aspect ratio"):
            prepare_mask(data, SMALL, 8, photo_size=other, name="m.png")


def test_a_mask_is_guarded_like_a_photo():
    with pytest.raises(ExplorerError, match=r"^the mask is empty"):
        prepare_mask(b"", SMALL, 8)
    with pytest.raises(ExplorerError, match="choose 96"):
        prepare_mask(encode(noise(8, 8, 1)), SMALL, 8, size=99)


def test_what_reading_changes_is_said():
    assert reading_note(photo_bytes()) is None
    assert reading_note(b"no picture") is None
    assert reading_note(encode(Image.new("CMYK", (9, 9)), "JPEG")) == "Its CMYK colours are converted to RGB."
    assert "laid on white" in (reading_note(encode(Image.new("RGBA", (9, 9), (1, 2, 3, 4)))) or "")
    assert "8 bits" in (reading_note(encode(Image.fromarray(np.full((9, 9), 40000, np.uint16)))) or "")
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    animated = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert "first frame" in (reading_note(animated) or "")
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    assert "upright" in (reading_note(encode(Image.new("RGB", (9, 9)), "JPEG", exif=turned)) or "")
