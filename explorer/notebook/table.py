"""A small table as HTML, for what shows itself in Jupyter."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any


def html_table(title: str, rows: Iterable[tuple[str, Any]], note: str = "") -> str:
    """A title, two columns and a note as HTML, every word escaped."""
    cells = "".join(
        f'<tr><th style="text-align:left">{html.escape(key)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for key, value in rows
    )
    below = f"<p>{html.escape(note)}</p>" if note else ""
    return f"<p><b>{html.escape(title)}</b></p><table>{cells}</table>{below}"
