"""Whatever a user gives, in a notebook or on the command line → a model's input."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.array import MAX_ARRAY_BYTES, load_array, prepare_array
from explorer.inputs.decode import MAX_BYTES, reading_note, to_rgb, upright
from explorer.inputs.file import read_file
from explorer.inputs.gallery import gallery_photo
from explorer.inputs.image import prepare_photo
from explorer.inputs.text import prepare_tokens, prepare_words
from explorer.trace import Array, Prepared

Given = str | os.PathLike[str] | bytes | Image.Image | Array | Sequence[int] | Prepared
"""What prepare takes."""
PICTURE = "the picture"
"""What a picture without a file is called."""


def prepare(
    given: Given, card: ModelCard, size: int | None = None, framing: str = "crop", column: str = "", row: int = 1
) -> Prepared:
    """Whatever a user gives as this model's input; note says what reading changed. What is prepared stays as it is.

    For a model of pictures: the path of a picture, the name of a gallery photo, a picture file's bytes, a PIL image, or
    uint8 pixels (H,W), (H,W,3) or (H,W,4), cut by size and framing as in prepare_photo; or float32 (B,3,H,W), an
    array or the path of a .npy, which is fed as it is.
    For a language model: a text, the path of one or of a table of texts (.csv, .tsv, .jsonl), of which column and row,
    from 1, say which (prepare_words), or token numbers (N,) or (B,N), an array or the path of a .npy. Raises
    ExplorerError for anything else, and for what the model cannot take.
    """
    if isinstance(given, Prepared):
        return given
    if card.reads_text:
        return _words(given, card, size, column, row)
    if column or row != 1:
        raise ExplorerError(f"{card.name} reads pictures, which have no columns and rows: leave them out.")
    fed = _fed_array(given)
    if fed is None:
        data, name = picture_of(given)
        found = prepare_photo(data, card.preprocessing, card.patch, size, framing, name)
        return replace(found, note=" ".join(filter(None, [reading_note(data), found.note])))
    array, name = fed
    if size is not None:
        raise ExplorerError(f"{name} is fed as it is: a size of {size} cannot be applied: leave the size out.")
    return prepare_array(array, card.patch, name)


def picture_of(given: Given) -> tuple[bytes, str]:
    """The bytes of a picture file, and what it is called. A path that exists goes before a gallery photo of that name;
    images and pixels become a PNG. Raises ExplorerError for what is no picture."""
    if isinstance(given, bytes):
        return given, PICTURE
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if not path.exists() and path.name == os.fspath(given) and not path.suffix:
            path = gallery_photo(path.name).path
        return read_file(path, MAX_BYTES), path.name
    if isinstance(given, Image.Image):
        name = Path(getattr(given, "filename", "") or PICTURE).name
        return _png(upright(given), name), name
    pixels = np.asarray(given) if hasattr(given, "__array__") else None
    if pixels is not None and pixels.dtype == np.uint8 and pixels.size and _is_picture(pixels.shape):
        return _png(Image.fromarray(pixels), PICTURE), PICTURE
    came = type(given).__name__ if pixels is None else f"{pixels.dtype} {pixels.shape}"
    raise ExplorerError(
        f"{came} is no picture: give a path, the name of a gallery photo, bytes, a PIL image or uint8 pixels (H,W,3)."
    )


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))


def _png(image: Image.Image, name: str) -> bytes:
    buffer = io.BytesIO()
    to_rgb(image, name).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _fed_array(given: Given) -> tuple[Array, str] | None:
    """What is fed as it is, and its name; None for a picture."""
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if path.suffix.lower() != ".npy":
            return None
        return load_array(read_file(path, MAX_ARRAY_BYTES), path.name), path.name
    if isinstance(given, Image.Image) or not hasattr(given, "__array__"):
        return None
    array = np.asarray(given)
    return None if array.dtype == np.uint8 else (array, "the array")


def _words(given: Given, card: ModelCard, size: int | None, column: str, row: int) -> Prepared:
    if size is not None:
        raise ExplorerError(f"{card.name} reads text, which has no size: leave it out.")
    if isinstance(given, (str, os.PathLike)):
        if not isinstance(given, str) and not Path(given).is_file():
            read_file(Path(given))  # says what is wrong with the path: it is no text itself
        return prepare_words(os.fspath(given), card, column, row)
    if isinstance(given, (bytes, Image.Image)):
        raise ExplorerError(f"{card.name} reads text: give a text, the path of one, or token numbers (N,) or (B,N).")
    array = np.asarray(given)
    return prepare_tokens(array[None] if array.ndim == 1 else array, card.vocabulary, card.context)
