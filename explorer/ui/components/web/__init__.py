"""The files of the browser components, as text."""

from __future__ import annotations

from importlib import resources


def sources(*names: str) -> str:
    """Files of this folder joined to one: a component takes a single script, without imports."""
    folder = resources.files("explorer.ui.components.web")
    return "\n".join((folder / name).read_text("utf-8") for name in names)
