"""A real Chromium and a server of its own: what timing the pages, taking their pictures and testing them share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
READY_S = 90
PATIENCE_MS = 90_000
LOG_CHARACTERS = 4000


@contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's Chromium without a window. Raises ExplorerError where playwright or a Chromium is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ExplorerError("Playwright is missing: install it with `pip install playwright`.") from error
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise ExplorerError("No Chromium found: `apt install chromium`, or have Google Chrome on the PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def server(
    arguments: Callable[[int], list[str]], env: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Streamlit server of its own, run in the project's root: its address and its process, once it answers.

    arguments: the port → what follows `python`. env: variables beside those of this process. port: else a free one.
    Raises ExplorerError with the end of the server's log if it does not come up within 90 s.
    """
    port = port or free_port()
    url, command = f"http://127.0.0.1:{port}", [sys.executable, *arguments(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + READY_S
            while not _healthy(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    said = log.read().decode(errors="replace")[-LOG_CHARACTERS:]
                    raise ExplorerError(f"The server did not start ({' '.join(command)}):\n{said}")
                time.sleep(0.02)
            yield url, process
        finally:
            process.terminate()
            process.wait(timeout=20)


def app(port: int | None = None) -> AbstractContextManager[tuple[str, subprocess.Popen[bytes]]]:
    """A fresh server of the app: its address and its process."""
    return server(lambda port: ["-m", "explorer.ui.launch", str(port), "--headless"], port=port)


def settle(tab: Any) -> None:
    """Until the page's script has run and nothing has changed for a while."""
    tab.wait_for_selector('[data-testid="stMain"] h1', timeout=PATIENCE_MS)
    for pause in (500, 2500):  # the second for what is computed ahead
        tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)
        tab.wait_for_timeout(pause)


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never ask a proxy for this machine
    try:
        return opener.open(f"{url}/_stcore/health", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
