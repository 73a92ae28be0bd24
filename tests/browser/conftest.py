"""A real browser for what AppTest cannot see: `serve` starts a Streamlit script, `page` is a fresh tab."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
READY_SECONDS = 90
HOW = "no Chromium found: install one, e.g. `apt install chromium` or Google Chrome, and have it on the PATH"

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Where there is none the tests are skipped, but on a CI machine they fail."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """serve(script_path, env) → URL of that Streamlit script, started once for the session in the project's root."""
    running: dict[tuple[object, ...], tuple[subprocess.Popen[bytes], str]] = {}

    def start(script: Path, env: Mapping[str, str] | None = None) -> str:
        wanted = (Path(script).resolve(), *sorted((env or {}).items()))
        if wanted not in running:
            running[wanted] = _start(wanted[0], env or {}, tmp_path_factory.mktemp("server") / "log.txt")
        return running[wanted][1]

    yield start
    for process, _ in running.values():
        process.terminate()
    for process, _ in running.values():
        process.wait(timeout=20)


@pytest.fixture
def console_errors() -> list[str]:
    """What the page's console reported as an error; a test that expects one clears the list."""
    return []


@pytest.fixture
def page(browser: Browser, console_errors: list[str]) -> Iterator[Page]:
    """A tab with its own session, 1280 px wide. The test fails if the console reported an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    tab = context.new_page()
    collect_errors(tab, console_errors)
    yield tab
    context.close()
    assert not console_errors


def collect_errors(tab: Page, errors: list[str]) -> None:
    """Append the console errors and uncaught exceptions of a tab to a list."""

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    tab.on("console", note)
    tab.on("pageerror", lambda error: errors.append(str(error)))


def _start(script: Path, env: Mapping[str, str], log: Path) -> tuple[subprocess.Popen[bytes], str]:
    url = f"http://127.0.0.1:{(port := _free_port())}"
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + READY_SECONDS
    while not _healthy(url):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"{script.name} did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.2)
    return process, url


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never ask a proxy for this machine
    try:
        return opener.open(f"{url}/_stcore/health", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
