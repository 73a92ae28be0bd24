"""What commands write: tables and JSON on the standard output, and files."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from explorer.errors import ExplorerError

TABLE_WIDTH = 110
"""Characters of a table that goes to a file or a pipe."""
ETA_SECONDS = 600.0
"""The remaining time is estimated from what was done in so many seconds."""
console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)


def print_json(value: dict[str, Any]) -> None:
    """One line of JSON."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def write_file(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file whole or not at all. Raises ExplorerError when the folder cannot be written."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ExplorerError(f"{path} cannot be written ({error.strerror}): choose a folder that exists.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ExplorerError(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def progress_bar() -> Progress:
    """A bar with the time that is left, on the standard error."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal, speed_estimate_period=ETA_SECONDS
    )
