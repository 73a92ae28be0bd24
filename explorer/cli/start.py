"""The command that opens the app."""

from __future__ import annotations

from typing import Annotated

import typer


def app(
    port: Annotated[int | None, typer.Option(help="Port of the server; by default 8501 or the next free one.")] = None,
    headless: Annotated[bool, typer.Option(help="Do not open a browser.")] = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets others in and turns shared mode on.")
    ] = "localhost",
) -> None:
    """Open the app in the browser; the same as `streamlit run streamlit_app.py`, with a quicker first page.

    It listens on this machine alone. With --host others may use it: then nobody imports by path or removes a model,
    and each session has quotas (CRATE_EXPLORER_SHARED=1 does the same behind a proxy of your own).
    """
    from explorer.ui.launch import launch

    launch(port, headless, host)
