"""The command that opens the app."""

from __future__ import annotations

from typing import Annotated

import typer


def app(
    port: Annotated[int | None, typer.Option(help="Port of the server; by default 8501 or the next free one.")] = None,
    headless: Annotated[bool, typer.Option(help="Do not open a browser.")] = False,
) -> None:
    """Open the app in the browser; the same as `streamlit run streamlit_app.py`, with a quicker first page."""
    from explorer.ui.launch import launch

    launch(port, headless)
