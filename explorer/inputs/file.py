"""A file by its path → a model's input."""

from __future__ import annotations

from pathlib import Path

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.array import MAX_ARRAY_BYTES, load_array, prepare_array
from explorer.inputs.common import too_large
from explorer.inputs.decode import MAX_BYTES
from explorer.inputs.image import prepare_photo
from explorer.trace import Prepared


def prepare_input(
    path: Path, preprocessing: Preprocessing, patch: int, size: int | None = None, framing: str = "crop"
) -> Prepared:
    """A file as the model's input: .npy is fed as it is (size must be None), anything else is read as a photo.

    Raises ExplorerError for a path that is no readable file, and as prepare_array and prepare_photo do.
    """
    is_array = path.suffix.lower() == ".npy"
    if is_array and size is not None:
        raise ExplorerError(f"{path.name} is fed as it is: a size of {size} cannot be applied: leave the size out.")
    data = read_file(path, MAX_ARRAY_BYTES if is_array else MAX_BYTES)
    if is_array:
        return prepare_array(load_array(data, path.name), patch, path.name)
    return prepare_photo(data, preprocessing, patch, size, framing, path.name)


def read_file(path: Path, limit: int = MAX_BYTES) -> bytes:
    """A file's bytes. Raises ExplorerError, in one sentence, for what cannot be read or is larger than limit."""
    if not path.is_file():
        kind = "is a directory" if path.is_dir() else "does not exist"
        raise ExplorerError(f"{path} {kind}: check the path.")
    try:
        if (size := path.stat().st_size) > limit:
            raise ExplorerError(too_large(path.name, size, limit, "choose a smaller file"))
        return path.read_bytes()
    except OSError as error:
        raise ExplorerError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
