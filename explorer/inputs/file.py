"""A file by its path → its bytes."""

from __future__ import annotations

from pathlib import Path

from explorer.errors import ExplorerError
from explorer.inputs.common import too_large
from explorer.inputs.decode import MAX_BYTES


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
