"""Photos and masks → what a vision model takes in: framed alike, checked, normalised."""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
from PIL import Image

from explorer.card import MAX_SIDE, Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.common import digest
from explorer.inputs.decode import decode, eight_bits, is_deep, read_photo
from explorer.inputs.framing import Size, check_framing, frame_of
from explorer.trace import Array, Prepared, read_only

MIN_SIDE = 8  # pixels; a thinner picture shows nothing that a patch could hold
MASK_ASPECT_TOLERANCE = 0.02
VOID = 255  # palette index that VOC masks give to "not labelled"
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

_decoding = threading.Lock()
"""One photo at a time, whoever asks: while it is decoded a large one takes most of what it may."""
_last_photo = lru_cache(maxsize=1)(read_photo)
"""What is prepared at one size is soon asked for at another, and a large HEIC takes seconds to decode."""


def prepare_photo(
    data: bytes,
    preprocessing: Preprocessing,
    patch: int,
    size: int | None = None,
    framing: str = "crop",
    name: str = "the upload",
) -> Prepared:
    """A photo as the model's input: (x/255 − mean) / std, float32 (1,3,H,W).

    size: side in pixels (default: the crop the model was trained on), a multiple of the patch. framing: see
    inputs/framing.py; padding is the mean colour, so exactly 0 in the data.
    Raises ExplorerError for a bad file, size or framing.
    """
    size = checked_size(size, preprocessing, patch, framing)
    with _decoding:
        photo = _not_thin(_last_photo(data, name), name)
    frame = frame_of(photo.size, preprocessing, patch, size, framing, name)
    fill = tuple(round(255 * value) for value in preprocessing.mean)
    picture = np.array(frame.apply(photo, FILTERS[preprocessing.interpolation], fill))
    pixels = np.array(picture.transpose(2, 0, 1)[None], np.float32, order="C") / np.float32(255)
    mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    data_of_model = (pixels - mean) / std
    left, top, right, bottom = frame.seen
    if frame.padded:
        around = np.ones(picture.shape[:2], bool)
        around[top:bottom, left:right] = False
        data_of_model[..., around] = 0
    made_from = digest("photo", data, size, framing, patch, *vars(preprocessing).values())
    return Prepared(
        read_only(data_of_model), read_only(picture), made_from, name, note=frame.note,
        seen=(top, left, bottom, right) if frame.padded else None,
    )  # fmt: skip


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
    size = checked_size(size, preprocessing, patch, framing)
    mask = decode(data, name)
    if (
        photo_size is not None
        and abs(mask.width * photo_size[1] / (mask.height * photo_size[0]) - 1) > MASK_ASPECT_TOLERANCE
    ):
        raise ExplorerError(
            f"{name} is {mask.width} × {mask.height} pixels but the photo is {photo_size[0]} × {photo_size[1]}: "
            "a mask must have the photo's aspect ratio: choose the mask that belongs to this photo."
        )
    foreground = Image.fromarray(_foreground(mask, threshold, name).astype(np.uint8))
    frame = frame_of(photo_size or mask.size, preprocessing, patch, size, framing, name)
    return read_only(np.array(frame.apply(foreground, Image.Resampling.NEAREST)) > 0)


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
    return _bright(np.asarray(mask if is_deep(mask) else mask.convert("RGB").convert("L")), threshold, name)


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
    return (values if values.dtype == np.uint8 else eight_bits(values, name)) > threshold


def checked_size(size: int | None, preprocessing: Preprocessing, patch: int, framing: str) -> int:
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
    check_framing(framing)
    size = crop if size is None else size
    if size % patch or not patch <= size <= MAX_SIDE:
        nearest = min(max(round(size / patch), 1), MAX_SIDE // patch) * patch
        raise ExplorerError(
            f"The size {size} does not fit: expected a multiple of the model's patch, {patch}, up to {MAX_SIDE}: "
            f"choose {nearest}."
        )
    return size
