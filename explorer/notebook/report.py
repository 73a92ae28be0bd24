"""A report that shows itself in Jupyter and can be saved."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path

from explorer.errors import ExplorerError

FRAME_HEIGHT = 720
"""Pixels of a report in a notebook."""


@dataclass(frozen=True, repr=False)
class ReportFile:
    """A report. stem: what its file may be called, without .html; html: its bytes. It shows itself in Jupyter."""

    stem: str
    html: bytes

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write it, by default as {stem}.html here. Raises ExplorerError when the file cannot be written."""
        target = Path(path or f"{self.stem}.html")
        try:
            target.write_bytes(self.html)
        except OSError as error:
            raise ExplorerError(
                f"{target} cannot be written ({error.strerror}): choose a folder that exists."
            ) from error
        return target

    def __repr__(self) -> str:
        return f"<report {self.stem}, {len(self.html) / 1e6:.1f} MB: .save() writes it>"

    def _repr_html_(self) -> str:
        """In a frame of its own, which reaches neither the notebook nor the network."""
        page = html.escape(self.html.decode(), quote=True)
        return (
            f'<iframe sandbox="allow-scripts allow-downloads" width="100%" height="{FRAME_HEIGHT}" '
            f'style="border:0" srcdoc="{page}"></iframe>'
        )
