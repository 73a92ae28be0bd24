"""Many square pictures at once → a model's input, framed and normalised as a single photo is."""

from __future__ import annotations

import numpy as np
from PIL import Image

from explorer.card import Preprocessing
from explorer.inputs.framing import frame_of
from explorer.inputs.image import FILTERS, checked_size
from explorer.trace import Array, Prepared


def frame_squares(
    images: Array, preprocessing: Preprocessing, patch: int, size: int | None = None, framing: str = "crop"
) -> Array:
    """Square pictures uint8 (B,S,S,3) at the model's size, uint8 (B,size,size,3).

    size, framing: as for prepare_photo; "whole" keeps the whole square. Raises ExplorerError as it does.
    """
    size = checked_size(size, preprocessing, patch, framing)
    frame = frame_of(images.shape[2:0:-1], preprocessing, patch, size, framing, "the picture")
    resample = FILTERS[preprocessing.interpolation]
    return np.stack([np.asarray(frame.apply(Image.fromarray(image), resample)) for image in images])


def normalise_squares(pixels: Array, preprocessing: Preprocessing) -> Prepared:
    """Framed pictures (B,H,W,3), 0 to 255, as a model's input; it has no digest, because nobody caches a batch."""
    mean, std = (np.array(v, np.float32) for v in (preprocessing.mean, preprocessing.std))
    data = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    return Prepared(np.ascontiguousarray(data.transpose(0, 3, 1, 2)), None, "")
