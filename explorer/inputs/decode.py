"""The bytes of a picture file → its pixels, upright and whole.

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

from explorer.errors import ExplorerError
from explorer.inputs.common import too_large
from explorer.trace import Array

MAX_BYTES = 32 << 20  # of a picture file
MAX_PIXELS = 40_000_000  # of a decoded or resized picture
ORIENTATION = 0x0112  # EXIF tag
MAX_ASPECT = 50  # longer side over shorter side

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SIGNATURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
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
    return to_rgb(decode(data, name), name)


def reading_note(data: bytes) -> str | None:
    """What reading this picture changes, in one sentence, or None: for pages and the command line to say so.

    Only the header is read. A file that is no picture gives None here and its error in read_photo.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            changes = [
                "only its first frame is used" if getattr(image, "n_frames", 1) > 1 else "",
                "its 16-bit values are scaled to 8 bits" if is_deep(image) else "",
                "its CMYK colours are converted to RGB" if image.mode == "CMYK" else "",
                "its transparent parts are laid on white" if image.has_transparency_data else "",
                "it is turned upright, as its EXIF data says" if image.getexif().get(ORIENTATION, 1) != 1 else "",
            ]
    except (*DAMAGE, *BOMBS):
        return None
    said = "; ".join(filter(None, changes))
    return f"{said[0].upper()}{said[1:]}." if said else None


def decode(data: bytes, name: str) -> Image.Image:
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


def is_deep(image: Image.Image) -> bool:
    """True for one channel of more than 8 bits, which Pillow's own conversions would clip."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


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
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


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
