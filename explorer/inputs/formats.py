"""Which picture format bytes are in: by the bytes alone, whatever the file's name says."""

from __future__ import annotations

import re
import struct

NAMES = "PNG, JPEG, WebP, HEIC, AVIF, GIF, BMP, TIFF, JPEG 2000, PPM, TGA or ICO"
TYPES = ("jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "gif", "bmp", "tif", "tiff", "jp2", "j2k", "ppm", "pgm",
         "pbm", "pnm", "tga", "ico")  # fmt: skip
"""Endings of such files, for the dialogue that chooses one."""
SIGNATURES = {
    b"\x89PNG\r\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"\0\0\1\0": "ICO",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    **dict.fromkeys((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "JPEG2000"),
}  # fmt: skip
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
TGA_KINDS, TGA_DEPTHS = {1, 2, 3, 9, 10, 11}, {1, 8, 15, 16, 24, 32}


def format_of(data: bytes) -> str | None:
    """Pillow's name of the format, None for what is no picture."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if re.match(rb"P[1-6f]\s", data):
        return "PPM"
    if brands := _brands(data):
        return "AVIF" if brands & AVIF_BRANDS else "HEIF" if brands & HEIF_BRANDS else None
    known = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), None)
    return known or ("TGA" if _like_targa(data) else None)


def kind_of(data: bytes) -> str:
    """What data that is no picture looks like, in words."""
    if _brands(data):
        return "a video"
    if b"<svg" in data[:1024].lower():
        return "an SVG drawing"
    known = {b"%PDF": "a PDF document", b"PK\x03\x04": "a ZIP archive", b"\x93NUM": "a NumPy array"}
    return known.get(data[:4]) or ("text" if data[:512].isascii() else "unknown data")


def largest_icon(data: bytes) -> bytes:
    """Of an ICO file the largest picture alone, as a PNG or as an ICO that holds nothing else.

    Pillow decodes an icon when it opens it, before anyone can ask for its size. Raises struct.error and ValueError for
    a damaged directory.
    """
    count = struct.unpack("<H", data[4:6])[0]
    entries = [data[6 + 16 * i : 22 + 16 * i] for i in range(count)]
    best = max(entries, key=lambda one: ((one[0] or 256) * (one[1] or 256), one[6:8][::-1]))
    size, offset = struct.unpack("<II", best[8:])
    picture = data[offset : offset + size]
    if format_of(picture) == "PNG":
        return picture
    return data[:4] + struct.pack("<H", 1) + best[:12] + struct.pack("<I", 22) + picture


def has_scans(jpeg: bytes) -> bool:
    """Whether a JPEG comes in several scans (progressive), so that all of its coefficients must be held at once.

    A file that cannot be followed to its first scan counts as one that does.
    """
    at, components = 2, b""
    while at + 4 < len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (0xC0, 0xC1):
            components = jpeg[at + 9 : at + 10]
        elif marker == 0xDA:
            return components != jpeg[at + 4 : at + 5]
        elif 0xC2 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return True
        at += 2 + length
    return True


def _brands(data: bytes) -> set[bytes]:
    """What a file of ISO boxes says it is: HEIC, AVIF and videos."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _like_targa(data: bytes) -> bool:
    """TGA has no signature: whether the first bytes could be its header."""
    return len(data) > 18 and data[1] in (0, 1) and data[2] in TGA_KINDS and data[16] in TGA_DEPTHS and data[17] < 64
