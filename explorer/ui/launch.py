"""Start the app: `python -m explorer.ui.launch`, or `crate-explorer app`.

What the first page needs is imported and read while the browser loads, not when it has asked.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
import threading
import time
from pathlib import Path

LOCAL = "localhost"
"""Where the app listens unless told otherwise: for this machine only."""
SHARED_VARIABLE = "CRATE_EXPLORER_SHARED"
"""Read by explorer/ui/state/sharing.py, which imports Streamlit: too much for this place."""
APP = Path(__file__).parents[2] / "streamlit_app.py"
SERVER_S = 0.25
"""Seconds for the server's own imports: others beside them would only hold it back."""
DRAWN_S = 1.5
"""Seconds in which a browser that waits for the first page draws it."""


def launch(port: int | None = None, headless: bool = False, host: str = LOCAL) -> None:
    """Serve streamlit_app.py until it is stopped. port: None for Streamlit's own choice. host: the address to listen
    on; any but this machine's own turns shared mode on (explorer/ui/state/sharing.py)."""
    gc.disable()  # imports make many objects and hardly any garbage: searching for it would hold the first view up
    from streamlit import config
    from streamlit.web import bootstrap

    threading.Thread(target=_prepare, daemon=True).start()
    if host not in (LOCAL, "127.0.0.1", "::1"):
        if os.environ.setdefault(SHARED_VARIABLE, "1") == "1":
            mode = "Shared mode is on: no import by path, no removal, quotas for each session."
        else:
            mode = f"Shared mode is off, as {SHARED_VARIABLE} asks: anybody may import by path and remove models."
        print(f"Listening on {host}: whoever reaches this machine may use the app. {mode}", flush=True)
    options = {"server_headless": headless, "server_address": host} | ({"server_port": port} if port else {})
    config._main_script_path = str(APP)  # as `streamlit run` does: .streamlit beside it counts from anywhere
    bootstrap.load_config_options(options)
    bootstrap.run(str(APP), False, [], options)


def _prepare() -> None:
    """Import what the first page needs and compute its view; a page that comes sooner waits for what is under way. The
    other pages' modules follow once the first one is likely to be drawn: they take a quarter of a second."""
    try:
        time.sleep(SERVER_S)
        importlib.import_module("explorer.processors").limit_linear_algebra()
        importlib.import_module("explorer.ui.sections.start").prepare()
        time.sleep(DRAWN_S)
        sections = importlib.import_module("explorer.ui.sections")
        for module in pkgutil.walk_packages(sections.__path__, f"{sections.__name__}."):
            importlib.import_module(module.name)
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    launch(*(int(argument) for argument in sys.argv[1:2]), headless="--headless" in sys.argv)
