"""Which part of the photo the model sees: a setting, a slider that moves the crop, and a line that says what is cut."""

from __future__ import annotations

import io

import numpy as np
import streamlit as st
from PIL import Image

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.decode import photo_size, read_photo
from explorer.inputs.framing import MIDDLE, Frame, frame_of
from explorer.inputs.photo import Photo
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting

FRAMINGS = {"crop": "Square crop, as in training", "whole": "Whole photo", "pad": "Whole photo, padded to a square"}
SQUARE = 1.05
"""Longer over shorter side up to which a crop has no place to choose."""
MUCH_CUT = 0.4
"""Share of the photo in view below which it is drawn where the crop lies."""
PREVIEW_SIDE = 280


def choose_framing(card: ModelCard, photo: Photo | None, size: int) -> str:
    """The framing (explorer/inputs/framing.py); size: the side in pixels."""
    kind = url_setting(
        st.selectbox, "Framing", list(FRAMINGS), key="framing", default="crop", valid=list(FRAMINGS),
        format_func=FRAMINGS.__getitem__,
        help="Of a crop the margins go, too, as they did in training. Padding has the mean colour, which is 0 for the "
        "network; its patches are tokens like the others, but no segmentation counts them.",
    )  # fmt: skip
    if kind != "crop":
        st.query_params.pop("crop_at", None)
    sides = _sides(photo)
    if photo is None or sides is None:
        return kind  # the page says what is wrong with the photo
    framing = f"crop@{place}" if kind == "crop" and (place := _place(sides)) != MIDDLE else kind
    try:
        frame = frame_of(sides, card.preprocessing, card.patch, size, framing, photo.name)
    except ExplorerError:
        return framing  # and what is wrong with its shape
    if kind == "crop" and frame.share < MUCH_CUT:
        st.image(caches.once(photo.sha256, _preview, photo.data, frame=frame), width="stretch")
    if said := frame.sentence():
        st.caption(f":material/crop: {said}")
    return framing


def _place(sides: tuple[int, int]) -> int:
    """Where along the longer side the crop lies, in per cent."""
    if max(sides) <= SQUARE * min(sides):
        st.query_params.pop("crop_at", None)
        return MIDDLE
    ends = "left to right" if sides[0] > sides[1] else "top to bottom"
    return url_setting(
        st.slider, f"Place of the crop, {ends}", 0, 100, key="crop_at", default=MIDDLE, valid=range(101), format="%d%%"
    )


def _sides(photo: Photo | None) -> tuple[int, int] | None:
    """Width and height of a photo; None where it cannot be read."""
    try:
        return caches.once(photo.sha256, photo_size, photo.data) if photo else None
    except ExplorerError:
        return None


def _preview(data: bytes, frame: Frame) -> bytes:
    """The photo with what the model does not see in grey and pale."""
    photo = read_photo(data)
    photo.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(photo).astype(np.float32)
    shown = 0.35 * pixels.mean(axis=2, keepdims=True).repeat(3, axis=2) + 0.5 * 255
    left, top, right, bottom = (
        round(at * side) for at, side in zip(frame.window, (photo.width, photo.height) * 2, strict=True)
    )
    shown[top:bottom, left:right] = pixels[top:bottom, left:right]
    buffer = io.BytesIO()
    Image.fromarray(shown.astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
