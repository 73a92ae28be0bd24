"""Photos, masks and arrays → what a vision model takes in.

Every byte that comes in is untrusted: size, format and dimensions are checked before a pixel is decoded, and whatever
is wrong becomes an ExplorerError that names the file. Colour profiles (ICC) are ignored, as they were in training.
"""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from explorer.card import MAX_SIDE, Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.common import digest, too_large
from explorer.trace import Array, Prepared, read_only

Size = tuple[int, int]  # width, height, as in PIL

MAX_BYTES = 32 << 20  # of a picture file
MAX_PIXELS = 40_000_000  # of a decoded or resized picture
ORIENTATION = 0x0112  # EXIF tag
MIN_SIDE = 8  # pixels; a thinner picture shows nothing that a patch could hold
MAX_ASPECT = 50  # longer side over shorter side
MAX_WHOLE = 3  # longer side over shorter side of a photo that is shown whole
MASK_ASPECT_TOLERANCE = 0.02
VOID = 255  # palette index that VOC masks give to "not labelled"

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SIGNATURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's decoders raise on damaged files (UnidentifiedImageError is an OSError).
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
)


def read_photo(data: bytes, name: str = "the upload") -> Image.Image:
    """The photo in these bytes as RGB: upright (EXIF), transparent pixels over white, 16 bits scaled down to 8.

    Of an animation, the first frame. Raises ExplorerError for anything that is not one whole picture of a known format
    within the limits above.
    """
    return _rgb(_decode(data, name), name)


def reading_note(data: bytes) -> str | None:
    """What reading this picture changes, in one sentence, or None: for pages and the command line to say so.

    Only the header is read. A file that is no picture gives None here and its error in read_photo.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            changes = [
                "only its first frame is used" if getattr(image, "n_frames", 1) > 1 else "",
                "its 16-bit values are scaled to 8 bits" if _is_deep(image) else "",
                "its CMYK colours are converted to RGB" if image.mode == "CMYK" else "",
                "its transparent parts are laid on white" if image.has_transparency_data else "",
                "it is turned upright, as its EXIF data says" if image.getexif().get(ORIENTATION, 1) != 1 else "",
            ]
    except (*DAMAGE, *BOMBS):
        return None
    said = "; ".join(filter(None, changes))
    return f"{said[0].upper()}{said[1:]}." if said else None


def prepare_photo(
    data: bytes,
    preprocessing: Preprocessing,
    patch: int,
    size: int | None = None,
    framing: str = "crop",
    name: str = "the upload",
) -> Prepared:
    """A photo as the model's input: (x/255 − mean) / std, float32 (1,3,H,W).

    size: side in pixels (default: the crop the model was trained on), a multiple of the patch.
    framing "crop": torchvision's Resize(r) and CenterCrop(size), with r = size · resize / crop.
    framing "whole": no crop; the shorter side becomes size, the longer one the nearest multiple of the patch.
    Raises ExplorerError for a bad file, size or framing.
    """
    size = _checked_size(size, preprocessing, patch, framing)
    photo = _frame(
        _not_thin(read_photo(data, name), name),
        preprocessing,
        patch,
        size,
        framing,
        FILTERS[preprocessing.interpolation],
        name,
    )
    picture = np.array(photo)
    pixels = np.array(picture.transpose(2, 0, 1)[None], np.float32, order="C") / np.float32(255)
    mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    made_from = digest("photo", data, size, framing, patch, *vars(preprocessing).values())
    return Prepared(read_only((pixels - mean) / std), read_only(picture), made_from, name)


def _not_thin(photo: Image.Image, name: str) -> Image.Image:
    """The photo itself. Raises ExplorerError if a side is too short to show anything."""
    if min(photo.size) < MIN_SIDE:
        size = f"{photo.width} × {photo.height}"
        raise ExplorerError(
            f"{name} has {size} pixels: expected at least {MIN_SIDE} × {MIN_SIDE}: choose another file."
        )
    return photo


def prepare_mask(
    data: bytes,
    preprocessing: Preprocessing,
    patch: int,
    size: int | None = None,
    framing: str = "crop",
    threshold: int = 127,
    name: str = "the mask",
    photo_size: Size | None = None,
) -> Array:
    """The foreground of a mask picture, bool (H,W), framed like the photo with nearest neighbours.

    Foreground is: in a coloured palette (VOC), every index but 0 and 255; in a cut-out of one colour, what is opaque;
    of two grey values the brighter one; else what is brighter than the threshold (0 to 255).
    photo_size: (width, height) of the upright photo; the mask must have its aspect ratio, within 2 %.
    Raises ExplorerError for a bad file, size or framing, and for a mask of another shape than the photo's.
    """
    size = _checked_size(size, preprocessing, patch, framing)
    mask = _decode(data, name)
    if (
        photo_size is not None
        and abs(mask.width * photo_size[1] / (mask.height * photo_size[0]) - 1) > MASK_ASPECT_TOLERANCE
    ):
        raise ExplorerError(
            f"{name} is {mask.width} × {mask.height} pixels but the photo is {photo_size[0]} × {photo_size[1]}: "
            "a mask must have the photo's aspect ratio: choose the mask that belongs to this photo."
        )
    foreground = Image.fromarray(_foreground(mask, threshold, name).astype(np.uint8))
    nearest = Image.Resampling.NEAREST
    return read_only(np.array(_frame(foreground, preprocessing, patch, size, framing, nearest, name, photo_size)) > 0)


def _decode(data: bytes, name: str) -> Image.Image:
    """The first frame, upright, in the mode of the file. Everything is checked before pixels are decoded."""
    if not data:
        raise ExplorerError(f"{name} is empty: expected a picture: choose another file.")
    if len(data) > MAX_BYTES:
        raise ExplorerError(too_large(name, len(data), MAX_BYTES, "save the picture smaller"))
    if not data.startswith(SIGNATURES) and not (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        raise ExplorerError(
            f"{name} is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture but {_kind(data)}: save it as PNG or JPEG."
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:  # lazy: reads the header only
            _check_dimensions(*image.size, name)
            image.load()
            return ImageOps.exif_transpose(image)
    except BOMBS as error:
        raise ExplorerError(f"{name} has too many pixels: {_limit()}.") from error
    except DAMAGE as error:
        raise ExplorerError(
            f"{name} is damaged, cut off or of a rare kind, so it cannot be decoded: save it again as PNG or JPEG."
        ) from error


def _kind(data: bytes) -> str:
    """What data that is no picture looks like, in words."""
    if data[4:8] == b"ftyp":
        return "HEIC, AVIF or a video"
    if b"<svg" in data[:1024].lower():
        return "an SVG drawing"
    known = {b"%PDF": "a PDF document", b"PK\x03\x04": "a ZIP archive", b"\x93NUM": "a NumPy array"}
    return known.get(data[:4]) or ("text" if data[:512].isascii() else "unknown data")


def _limit() -> str:
    return f"expected at most {MAX_PIXELS // 1_000_000} million: save the picture smaller"


def _check_dimensions(width: int, height: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ExplorerError(f"{name} has no pixels ({width} × {height}): choose another file.")
    if width * height > MAX_PIXELS:
        raise ExplorerError(f"{name} has {width} × {height} pixels: {_limit()}.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ExplorerError(
            f"{name} has {width} × {height} pixels: expected sides of at most {MAX_ASPECT}:1: crop the picture."
        )


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if _is_deep(image):
        image = Image.fromarray(_eight_bits(np.asarray(image), name))
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    """True for one channel of more than 8 bits, which Pillow's own conversions would clip."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _eight_bits(values: Array, name: str) -> Array:
    """Deep greys scaled to 0…255: from the smallest of the ranges 1 (floats), 255 and 65535 that holds them, else from
    their own range. Unsigned 16-bit values always span 65535."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ExplorerError(f"{name} holds values that are NaN or infinite: save it again as an 8-bit PNG.")
    ranges = {"u": (65535,), "i": (255, 65535), "f": (1, 255, 65535)}[values.dtype.kind]
    full = next((full for full in ranges if high <= full), None)
    if low < 0 or full is None:
        values, full = values.astype(np.float64) - low, high - low or 1.0
    elif values.dtype.kind != "f":
        values = values.astype(np.float32)  # half the memory of the float64 that NumPy would choose
    return np.rint(values * (255 / full)).astype(np.uint8)


def _foreground(mask: Image.Image, threshold: int, name: str) -> Array:
    if mask.has_transparency_data:
        rgba = np.asarray(mask.convert("RGBA"))
        colours, alpha = rgba[..., :3], rgba[..., 3]
        visible = colours[alpha > 0]
        if alpha.min() < alpha.max() and (visible == visible[0]).all():
            return _bright(alpha, threshold, name)
    if mask.mode == "P" and _is_coloured(mask):
        index = np.asarray(mask)
        return (index > 0) & (index != VOID)
    return _bright(np.asarray(mask if _is_deep(mask) else mask.convert("RGB").convert("L")), threshold, name)


def _is_coloured(mask: Image.Image) -> bool:
    """True if a palette picture uses a colour: a grey palette only stores a grey mask."""
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(mask.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    used = palette[np.unique(np.asarray(mask))]
    return bool((used != used[:, :1]).any())


def _bright(values: Array, threshold: int, name: str) -> Array:
    low, high = values.min(), values.max()
    if low == high:
        return values > 0
    if ((values == low) | (values == high)).all():  # a mask of 0 and 1 as well as one of 0 and 255
        return values == high
    return (values if values.dtype == np.uint8 else _eight_bits(values, name)) > threshold


def _checked_size(size: int | None, preprocessing: Preprocessing, patch: int, framing: str) -> int:
    resize, crop = preprocessing.resize, preprocessing.crop
    if not (
        1 <= patch <= MAX_SIDE
        and 1 <= crop <= resize <= 4 * crop
        and min(preprocessing.std) > 0
        and preprocessing.interpolation in FILTERS
    ):
        raise ExplorerError(
            f"The model's preprocessing (patch {patch}, resize {resize}, crop {crop}, {preprocessing.interpolation}) "
            f"is not supported: expected a patch up to {MAX_SIDE}, crop ≤ resize ≤ 4 · crop and one of "
            f"{', '.join(FILTERS)}: import the model again."
        )
    if framing not in ("crop", "whole"):
        raise ExplorerError(f"The framing {framing!r} is unknown: choose 'crop' or 'whole'.")
    size = crop if size is None else size
    if size % patch or not patch <= size <= MAX_SIDE:
        nearest = min(max(round(size / patch), 1), MAX_SIDE // patch) * patch
        raise ExplorerError(
            f"The size {size} does not fit: expected a multiple of the model's patch, {patch}, up to {MAX_SIDE}: "
            f"choose {nearest}."
        )
    return size


def _frame(
    image: Image.Image,
    preprocessing: Preprocessing,
    patch: int,
    size: int,
    framing: str,
    resample: Image.Resampling,
    name: str,
    like: Size | None = None,
) -> Image.Image:
    """Resize and crop. like: the size that the framing is worked out for, if not the image's own."""
    width, height = like or image.size
    short, long = sorted((width, height))
    if framing == "crop":
        new_short = round(size * preprocessing.resize / preprocessing.crop)
        new_long = int(new_short * long / short)  # cut down, as torchvision does
    else:
        new_short, new_long = size, round(size * long / short / patch) * patch
        if new_long > MAX_WHOLE * size:
            raise ExplorerError(
                f"{name} has {width} × {height} pixels: expected sides of at most {MAX_WHOLE}:1 to be shown whole: "
                "crop the picture or choose the centre crop."
            )
    if new_short * new_long > MAX_PIXELS:
        raise ExplorerError(
            f"{name} is too long ({width} × {height}) for the size {size}: crop it or choose a smaller one."
        )
    resized = image.resize((new_short, new_long) if width <= height else (new_long, new_short), resample)
    if framing == "whole":
        return resized
    left, top = (round((side - size) / 2.0) for side in resized.size)  # ties to even, as torchvision does
    return resized.crop((left, top, left + size, top + size))
