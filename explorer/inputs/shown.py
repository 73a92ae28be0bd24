"""The photo as it is shown: framed as for the model, at a resolution that people like to look at."""

from __future__ import annotations

from explorer.card import ModelCard
from explorer.inputs.image import prepare_photo
from explorer.trace import Array, Prepared

DISPLAY_SIDE = 448
"""Pixels that the shorter side of a shown photo has at least."""


def shown_picture(
    data: bytes, card: ModelCard, prepared: Prepared, size: int | None, framing: str
) -> tuple[Array, int]:
    """(picture, scale): uint8 (H,W,3), scale times as large as what the model sees, with its very framing.

    data: the photo's bytes, from which prepared was made at this size (None: as trained) and framing.
    """
    assert prepared.picture is not None  # photos always have one
    scale = max(1, -(-DISPLAY_SIDE // min(prepared.height, prepared.width)))
    wanted = (size or card.preprocessing.crop) * scale
    shown = prepare_photo(data, card.preprocessing, card.patch, wanted, framing, prepared.label).picture
    if shown is None or shown.shape[:2] != (prepared.height * scale, prepared.width * scale):
        shown = prepared.picture.repeat(scale, axis=0).repeat(scale, axis=1)  # a longer side may be rounded otherwise
    return shown, scale
