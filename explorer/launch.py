"""Start the app: `python -m explorer.launch`, or `crate-explorer app`.

What the first page needs is imported and read while the browser loads, not when it has asked.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

APP = Path(__file__).parents[1] / "streamlit_app.py"

SERVER_S = 0.25
"""Seconds for the server's own imports: others beside them would only hold it back."""


def launch(port: int | None = None, headless: bool = False) -> None:
    """Serve streamlit_app.py until it is stopped. port: None for Streamlit's own choice."""
    from streamlit.web import bootstrap

    threading.Thread(target=_prepare, daemon=True).start()
    options = {"server_headless": headless} | ({"server_port": port} if port else {})
    bootstrap.load_config_options(options)
    bootstrap.run(str(APP), False, [], options)


def _prepare() -> None:
    """Import the pages' modules and compute the first view; a page that comes sooner waits for what is under way."""
    time.sleep(SERVER_S)
    from explorer import ui

    ui.prepare()


if __name__ == "__main__":
    launch(*(int(argument) for argument in sys.argv[1:2]), headless="--headless" in sys.argv)
