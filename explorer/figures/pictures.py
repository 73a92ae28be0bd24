"""Pictures in, pictures out: uint8 (H,W,3) with heat, masks and labels laid over them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from explorer.figures import style
from explorer.figures.checks import finite, picture_of, share
from explorer.trace import Array

ROBUST_PERCENTILES = (1.0, 99.0)
SHEET_TEXT, SHEET_GAP = 18, 12
"""Pixels of a sheet's letters, and between its pictures."""
THICK_OUTLINE_FROM = 160
"""Shorter side in pixels from which an outline is 2 px wide."""


def heat_overlay(
    picture: Array,
    heat: Array,
    alpha: float = 0.6,
    scale: style.Scale | None = None,
    *,
    limits: tuple[float, float] | None = None,
) -> Array:
    """A picture with heat (H,W) over it: (1 − alpha)·picture + alpha·colour. alpha 0 is the picture itself.

    scale: one of style's, the one for attention by default. limits: heat at the two ends of the scale, the same for
    pictures that are compared; by default the 1st and 99th percentile of this heat.
    """
    picture, heat = picture_of(picture), finite(heat, 2, "heat")
    _same_size(picture, heat)
    return _blend(picture, style.lookup(scale or style.HEAT_SCALE)[_levels(heat, limits)], alpha)


def label_overlay(
    picture: Array, labels: Array, alpha: float = 0.6, colors: tuple[str, ...] = style.HEAD_COLORS
) -> Array:
    """Segments in the colours of a palette. labels: int (H,W); a negative one leaves its pixels untouched."""
    picture, labels = picture_of(picture), np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers (H,W), got {labels.dtype} {labels.shape}")
    _same_size(picture, labels)
    palette = style.colors_array(colors)
    return np.where((labels >= 0)[..., None], _blend(picture, palette[labels % len(palette)], alpha), picture)


def threshold_overlay(picture: Array, mask: Array, alpha: float = 0.7) -> Array:
    """What a threshold keeps: the rest of the picture goes dark by alpha, and the mask (H,W) gets an outline."""
    picture, mask = picture_of(picture), np.asarray(mask)
    if mask.dtype != bool:
        raise ValueError(f"mask must be bool, got {mask.dtype}")
    _same_size(picture, mask)
    result = np.where(mask[..., None], picture, _blend(picture, np.zeros(3, np.uint8), alpha))
    result[outline(mask)] = style.colors_array(style.OBJECT_COLORS)[0]
    return result


def rgb_overlay(picture: Array, rgb: Array, foreground: Array, alpha: float = 0.75) -> Array:
    """Three components as colours on the foreground (H,W); the background goes dark. rgb: (H,W,3), clipped to [0,1]."""
    picture, rgb, foreground = picture_of(picture), finite(rgb, 3, "rgb"), np.asarray(foreground)
    if rgb.shape != picture.shape or foreground.dtype != bool:
        raise ValueError(f"rgb must be {picture.shape} and foreground bool, got {rgb.shape} and {foreground.dtype}")
    _same_size(picture, foreground)
    colors = np.where(foreground[..., None], np.clip(rgb, 0, 1) * 255, 0)
    return _blend(picture, colors, alpha)


def sheet(
    pictures: Sequence[Sequence[Array]], columns: Sequence[str], rows: Sequence[str], side: int = 320,
    dark: bool = False,
) -> Array:  # fmt: skip
    """Pictures in rows and columns with their names: uint8 (H,W,3), black on white; dark: (H,W,4), white on clear.

    pictures: a list for each row, each picture (h,w,3), resized to a longer side of `side` pixels. columns, rows: a
    name for each; one that is too long for its column is cut. Raises ValueError if the counts differ.
    """
    if len(pictures) != len(rows) or any(len(row) != len(columns) for row in pictures) or not columns:
        raise ValueError(f"{len(rows)} rows and {len(columns)} columns do not fit the pictures")
    font = ImageFont.load_default(SHEET_TEXT)
    tiles = [[_fitted(picture_of(picture), side) for picture in row] for row in pictures]
    heights = [max(tile.height for tile in row) for row in tiles]
    left, line, step = SHEET_GAP + 8 * SHEET_TEXT, 2 * SHEET_TEXT, side + SHEET_GAP
    size = (left + step * len(columns), line + sum(heights) + SHEET_GAP * len(rows))
    ink = "white" if dark else "black"
    page = Image.new("RGBA", size, (255, 255, 255, 0)) if dark else Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for i, name in enumerate(columns):
        draw.text((left + i * step + side / 2, line / 2), _cut(name, font, side), ink, font, anchor="mm")
    top = line
    for name, row, height in zip(rows, tiles, heights, strict=True):
        draw.text((SHEET_GAP, top + height / 2), _cut(name, font, left - 2 * SHEET_GAP), ink, font, anchor="lm")
        for i, tile in enumerate(row):
            page.paste(tile, (left + i * step, top))
        top += height + SHEET_GAP
    return np.asarray(page)


def _fitted(picture: Array, side: int) -> Image.Image:
    """A picture whose longer side is `side` pixels."""
    image = Image.fromarray(picture)
    factor = side / max(image.size)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """A text of at most so many pixels, with … where it was cut."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def png_bytes(picture: Array) -> bytes:
    """The picture as a PNG file; (H,W,4) is clear where its last channel is 0."""
    return _encoded(picture, "PNG")


def jpeg_bytes(picture: Array, quality: int = 92) -> bytes:
    """The picture as a JPEG file, its colours at full resolution."""
    return _encoded(picture, "JPEG", quality=quality, subsampling=0)


def outline(mask: Array) -> Array:
    """The pixels of a mask (H,W) within 1 px of its border, 2 px in large pictures; the picture's edge is a border."""
    inner = mask
    for _ in range(2 if min(mask.shape) >= THICK_OUTLINE_FROM else 1):
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _levels(heat: Array, limits: tuple[float, float] | None) -> Array:
    """Heat as levels 0 … 255 between its limits; constant heat is level 0 everywhere."""
    low, high = limits or np.percentile(heat, ROBUST_PERCENTILES)
    if high <= low and limits is None:
        low, high = heat.min(), heat.max()
    if high <= low:
        return np.zeros(heat.shape, np.uint8)
    return (np.clip((heat - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)


def _blend(picture: Array, colors: Array, alpha: float) -> Array:
    weight = share(alpha)
    mixed = (1 - weight) * picture.astype(np.float32) + weight * colors.astype(np.float32)
    return mixed.round().astype(np.uint8)


def _same_size(picture: Array, plane: Array) -> None:
    if plane.shape != picture.shape[:2]:
        raise ValueError(f"the picture is {picture.shape[:2]}, what is laid over it {plane.shape}: enlarge it first")


def _encoded(picture: Array, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture_of(picture, clear=form == "PNG")).save(buffer, form, **options)
    return buffer.getvalue()
