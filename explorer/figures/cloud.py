"""Colours for tokens in a cloud, each with the legend that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explorer.figures import quantities, style
from explorer.figures.checks import finite, picture_of
from explorer.trace import Array, patch_grid

CORNERS = ((45, 90, 195), (0, 179, 159), (210, 69, 155), (240, 190, 45))
"""Colours of the corners of the position map: top left, top right, bottom left, bottom right."""
CLS_COLOR = (138, 143, 153)
"""CLS and others in front of the patches where a colouring says nothing of them."""
PHOTO_TURN = 0.618033988749895
"""Turns of the colour wheel between two photos: the golden section, so that neighbours in number differ most."""
LEGEND_STOPS = 9
_GREY = np.array(CLS_COLOR, np.uint8)


@dataclass(frozen=True)
class TokenColours:
    """rgb: uint8 (T,3), one for each token. legend: plain values that the component draws, by its "kind":

    bar (label, low, high, colors), list (entries with label, color, count), square (corners), text (text).
    photos: colours of the photos, where they are told apart by colour; else empty.
    """

    rgb: Array
    legend: dict[str, Any]
    photos: tuple[str, ...] = field(default=())


def position_colours(grid: tuple[int, int], photos: int = 1, front: int = 1) -> TokenColours:
    """Where on the photo each patch lies: a colour for each corner, mixed in between; the `front` tokens in front of
    them (CLS) are grey."""
    rows, cols = grid
    down, right = np.linspace(0, 1, rows)[:, None, None], np.linspace(0, 1, cols)[None, :, None]
    top_left, top_right, bottom_left, bottom_right = (np.array(corner, np.float64) for corner in CORNERS)
    mixed = (1 - down) * ((1 - right) * top_left + right * top_right)
    mixed = mixed + down * ((1 - right) * bottom_left + right * bottom_right)
    return TokenColours(
        _per_photo(mixed.round().astype(np.uint8).reshape(1, -1, 3).repeat(photos, axis=0), front),
        {"kind": "square", "label": "place on the photo", "corners": [_hex(corner) for corner in CORNERS]},
    )


def photo_colours(pictures: Sequence[Array], patch: int, stride: int, front: int = 1) -> TokenColours:
    """The mean colour of each patch; the `front` tokens in front of them (CLS) are grey. pictures: uint8 (H,W,3), all
    of one size; patch, stride in pixels."""
    means = np.stack([_patch_means(picture_of(picture), patch, stride) for picture in pictures])
    text = "the mean colour of each patch of the photo"
    return TokenColours(_per_photo(means, front), {"kind": "text", "text": text})


def label_colours(labels: Array, names: Sequence[str]) -> TokenColours:
    """One colour of the palette for each label (B,N); a negative label (no patch) is grey. names: of label 0, 1, …

    Raises ValueError for labels without a name.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.max(initial=-1) >= len(names):
        raise ValueError(f"labels must be (B,N) below {len(names)}, got {labels.shape} up to {labels.max(initial=-1)}")
    palette = style.colors_array(style.HEAD_COLORS)
    rgb = np.where((labels >= 0)[..., None], palette[labels % len(palette)], _GREY)
    counts = np.bincount(labels[labels >= 0].ravel(), minlength=len(names))
    entries = [
        {"label": name, "color": style.head_color(k), "count": int(count)}
        for k, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
    return TokenColours(rgb.reshape(-1, 3).astype(np.uint8), {"kind": "list", "entries": entries})


def value_colours(values: Array, label: str = quantities.TOKEN_RATE_LABEL) -> TokenColours:
    """Low to high on the scale of rates, between the 1st and the 99th percentile. values: (B,N), CLS included."""
    values = finite(values, 2, "values")
    low, high = np.percentile(values, (1, 99))
    span = high - low
    level = np.clip((values - low) / span, 0, 1) if span > 0 else np.zeros(values.shape)
    table = style.lookup(style.RATE_SCALE)
    stops = table[np.linspace(0, 255, LEGEND_STOPS).round().astype(int)]
    legend = {
        "kind": "bar",
        "label": label,
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
        "colors": [_hex(s) for s in stops],
    }
    return TokenColours(table[(level * 255).round().astype(int)].reshape(-1, 3), legend)


def photo_number_colours(photos: int, tokens: int) -> TokenColours:
    """One colour for each photo, for all its tokens; the photos are framed in the same colours."""
    colors = [_wheel(k) for k in range(photos)]
    rgb = np.repeat(np.array(colors, np.uint8), tokens, axis=0)
    text = "the photo it comes from: the photos have frames of the same colours"
    return TokenColours(rgb, {"kind": "text", "text": text}, tuple(_hex(color) for color in colors))


def contact_sheet(pictures: Sequence[Array], columns: int) -> Array:
    """Pictures of one size as a sheet, row by row, uint8; empty places are grey. Raises ValueError if there is none."""
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    height, width = picture_of(pictures[0]).shape[:2]
    sheet = np.full((-(-len(pictures) // columns) * height, columns * width, 3), 128, np.uint8)
    for k, picture in enumerate(pictures):
        row, col = divmod(k, columns)
        sheet[row * height : (row + 1) * height, col * width : (col + 1) * width] = picture_of(picture)
    return sheet


def _per_photo(patches: Array, front: int) -> Array:
    """Colours of patches (B,n,3) → of tokens (B·N,3), with grey ones in front of each photo's."""
    photos = len(patches)
    grey = np.broadcast_to(_GREY, (photos, front, 3))
    return np.concatenate([grey, patches], axis=1).reshape(-1, 3)


def _patch_means(picture: Array, patch: int, stride: int) -> Array:
    """(n,3), exact for overlapping patches too: from sums over everything above and left."""
    rows, cols = patch_grid(picture.shape[0], picture.shape[1], patch, stride)
    sums = np.pad(picture.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    top, left = np.arange(rows)[:, None] * stride, np.arange(cols)[None, :] * stride
    bottom, right = top + patch, left + patch
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return (total / patch**2).round().astype(np.uint8).reshape(-1, 3)


def _wheel(number: int) -> tuple[int, int, int]:
    """A colour of the wheel; every third is darker, so that similar hues differ in lightness too."""
    turn = number * PHOTO_TURN % 1
    lightness = (1.0, 0.72, 0.86)[number % 3]
    channels = 0.56 + 0.4 * np.cos(2 * np.pi * (turn + np.array([0, 2 / 3, 1 / 3])))
    red, green, blue = (round(255 * lightness * float(channel)) for channel in channels)
    return red, green, blue


def _hex(color: Any) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in color)
