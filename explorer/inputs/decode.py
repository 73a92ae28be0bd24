"""The bytes of a picture file → its pixels, upright and whole.

Every byte that comes in is untrusted: size, format and the memory that the pixels need are checked before one is
decoded, and whatever is wrong becomes an ExplorerError that names the file. Colour profiles (ICC) are ignored, as they
were in training.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin

from explorer.errors import ExplorerError
from explorer.inputs.common import too_large
from explorer.inputs.formats import NAMES, format_of, has_scans, kind_of, largest_icon
from explorer.trace import Array

MAX_BYTES = 80 << 20  # of a picture file
MAX_MEMORY = 512 << 20  # bytes of a picture while it is decoded; see _reduction
MAX_PIXELS = 64_000_000  # of a decoded or resized picture
MAX_JPEG_PIXELS = 256_000_000  # of a JPEG, which can be decoded at a half, a quarter or an eighth of its sides
LARGE_JPEG = 40_000_000  # pixels of a JPEG beyond which it is
MAX_ASPECT = 50  # longer side over shorter side
REDUCTIONS = (1, 2, 4, 8)
BYTES_PER_PIXEL = {"JPEG2000": 16, "HEIF": 9, "AVIF": 9}
"""What decoders that hold planes of their own take beside Pillow's 4; the others' 8 are two pictures of Pillow's."""
COEFFICIENT_BYTES = 6  # a pixel of a JPEG in several scans: three components of two bytes
ORIENTATION = 0x0112  # EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""EXIF's orientations and what undoes them."""
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What the decoders raise on damaged files (UnidentifiedImageError is an OSError).
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
    RuntimeError,
)


def read_photo(data: bytes, name: str = "the upload") -> Image.Image:
    """The photo in these bytes as RGB: upright (EXIF), transparent pixels over white, deeper values scaled to 8 bits.

    Of an animation, the first frame; of a JPEG that is too large for the memory, every second, fourth or eighth pixel.
    Raises ExplorerError for anything that is not one whole picture of a known format within the limits above.
    """
    return to_rgb(decode(data, name), name)


def photo_size(data: bytes, name: str = "the upload") -> tuple[int, int]:
    """(width, height) of what read_photo returns, from the header where that says it.

    Raises ExplorerError as read_photo does.
    """
    with _opened(data, name) as (image, _):
        width, height = image.size
        return (height, width) if orientation(image) >= 5 else (width, height)


def reading_note(data: bytes) -> str | None:
    """What reading this picture changes, in one sentence, or None: for pages and the command line to say so.

    A file that cannot be read gives None here and its error in read_photo.
    """
    try:
        with _opened(data, "the picture") as (image, whole):
            several = "main picture" if image.format == "HEIF" else "first frame"
            changes = [
                f"only its {several} is used" if getattr(image, "n_frames", 1) > 1 else "",
                f"its {whole[0]} × {whole[1]} pixels are read as {image.width} × {image.height}"
                if image.size != whole
                else "",
                f"its {_depth(image)} values are scaled to 8 bits" if is_deep(image) else "",
                "its CMYK colours are converted to RGB" if image.mode == "CMYK" else "",
                "its transparent parts are laid on white" if image.has_transparency_data else "",
                "it is turned upright, as its EXIF data says" if orientation(image) != 1 else "",
            ]
    except ExplorerError:
        return None
    said = "; ".join(filter(None, changes))
    return f"{said[0].upper()}{said[1:]}." if said else None


def decode(data: bytes, name: str) -> Image.Image:
    """The first frame, upright, in the mode of the file. Everything is checked before pixels are decoded."""
    with _opened(data, name) as (image, _):
        image.load()
        return upright(image)


def upright(image: Image.Image) -> Image.Image:
    """A copy, turned as its EXIF says."""
    turn = TURNS.get(orientation(image))
    return image.copy() if turn is None else image.transpose(turn)


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """The picture with its header read and checked, at the reduction that it will be decoded at, and its whole size.

    What goes wrong inside becomes an ExplorerError, too.
    """
    if not data:
        raise ExplorerError(f"{name} is empty: expected a picture: choose another file.")
    if len(data) > MAX_BYTES:
        raise ExplorerError(too_large(name, len(data), MAX_BYTES, "save the picture smaller"))
    kind = format_of(data)
    if kind is None:
        raise ExplorerError(f"{name} is not a {NAMES} picture but {kind_of(data)}: save it as PNG or JPEG.")
    try:
        if kind == "ICO":
            data = largest_icon(data)
            kind = str(format_of(data))
        with _lazy(data, kind, name) as image:
            image.info.pop("xmp", None)  # else Pillow turns a TIFF by it
            whole = image.size
            reduction = _reduction(data, kind, whole, name)
            if reduction > 1:
                image.draft(None, (whole[0] // reduction, whole[1] // reduction))
            yield image, whole
    except BOMBS as error:
        raise ExplorerError(f"{name} has too many pixels: {_limit()}.") from error
    except DAMAGE as error:
        raise ExplorerError(
            f"{name} is damaged, cut off or of a rare kind, so it cannot be decoded: save it again as PNG or JPEG."
        ) from error


def _lazy(data: bytes, kind: str, name: str) -> Image.Image:
    """The picture with only its header read."""
    stream = io.BytesIO(data)
    if kind == "JPEG":  # not by Image.open, whose guard knows no reduced decoding, and which takes a phone's for an MPO
        return JpegImagePlugin.JpegImageFile(stream)
    if kind == "ICO":
        _check_dimensions(*BmpImagePlugin.DibImageFile(io.BytesIO(data[22:])).size, name)
    if kind == "HEIF":
        import pillow_heif  # takes 60 ms, and most photos are not HEIC

        pillow_heif.register_heif_opener()
    return Image.open(stream, formats=[kind])


def _reduction(data: bytes, kind: str, size: tuple[int, int], name: str) -> int:
    """By how much the sides of a picture are divided while it is decoded. Raises ExplorerError where nothing fits."""
    bytes_per_pixel = BYTES_PER_PIXEL.get(kind, 8)
    if kind != "JPEG":
        _check_dimensions(*size, name, min(MAX_PIXELS, MAX_MEMORY // bytes_per_pixel))
        return 1
    _check_dimensions(*size, name, MAX_JPEG_PIXELS)
    pixels = size[0] * size[1]
    held = COEFFICIENT_BYTES * pixels if has_scans(data) else 0
    for reduction in REDUCTIONS:
        decoded = pixels / reduction**2
        if decoded <= LARGE_JPEG and held + bytes_per_pixel * decoded <= MAX_MEMORY:
            return reduction
    raise ExplorerError(
        f"{name} is a progressive JPEG of {size[0]} × {size[1]} pixels, all of which must be held to decode it: "
        f"expected at most {MAX_MEMORY // (COEFFICIENT_BYTES + 1) // 1_000_000} million: save it smaller, or as a "
        "JPEG that is not progressive."
    )


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where it has none or cannot be read. XMP's is ignored, as browsers do."""
    if image.format == "PNG" and "exif" not in image.info:
        image.load()  # the chunk may stand behind the pixels
    if image.format == "TIFF":
        found = getattr(image, "tag_v2", {}).get(ORIENTATION, 1)  # none once Pillow has turned it
    else:
        exif = Image.Exif()
        try:
            exif.load(image.info.get("exif") or b"")
        except DAMAGE:
            return 1
        found = exif.get(ORIENTATION, 1)
    return found if found in TURNS else 1


def is_deep(image: Image.Image) -> bool:
    """True for one channel of more than 8 bits, which Pillow's own conversions would clip."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _depth(image: Image.Image) -> str:
    """What kind of values a deep picture has."""
    return {"F": "floating-point", "I": "deep integer"}.get(image.mode, "16-bit")


def eight_bits(values: Array, name: str) -> Array:
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


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """An image as RGB: transparent pixels over white, more than 8 bits scaled down to 8."""
    if is_deep(image):
        image = Image.fromarray(eight_bits(np.asarray(image), name))
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _limit(most: int = MAX_PIXELS) -> str:
    return f"expected at most {most // 1_000_000} million: save the picture smaller"


def _check_dimensions(width: int, height: int, name: str, most: int = MAX_PIXELS) -> None:
    if width < 1 or height < 1:
        raise ExplorerError(f"{name} has no pixels ({width} × {height}): choose another file.")
    if width * height > most:
        raise ExplorerError(f"{name} has {width} × {height} pixels: {_limit(most)}.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ExplorerError(
            f"{name} has {width} × {height} pixels: expected sides of at most {MAX_ASPECT}:1: crop the picture."
        )
