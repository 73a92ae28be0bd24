"""A real browser for what AppTest cannot see: `serve` starts a Streamlit script, `page` is a fresh tab."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from explorer import lens
from explorer.bench.chromium import chromium, server
from explorer.errors import ExplorerError

OPTIONS = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
}

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Where there is none the tests are skipped, but on a CI machine they fail."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(chromium())
        except ExplorerError as missing:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
        yield opened


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """serve(script_path, env) → URL of that Streamlit script, started once for the session in the project's root."""
    running: dict[tuple[object, ...], str] = {}
    with ExitStack() as servers:

        def start(script: Path, env: Mapping[str, str] | None = None) -> str:
            script, env = Path(script).resolve(), env or {}
            wanted = (script, *sorted(env.items()))
            if wanted not in running:
                running[wanted], _ = servers.enter_context(server(lambda port: _streamlit(script, port), env))
            return running[wanted]

        yield start


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


def _streamlit(script: Path, port: int) -> list[str]:
    options = {**OPTIONS, "server.port": port}
    return ["-m", "streamlit", "run", str(script), *(f"--{name}={value}" for name, value in options.items())]


@pytest.fixture
def lens_page(page: Page) -> Page:
    """A page with the lens's code, `sent` for what it reports, and `feed(text)` to bring it bytes."""
    page.set_content('<div style="width:900px"><div class="lens" role="application"></div></div>')
    page.add_style_tag(content=lens.asset("lens.css"))
    page.add_script_tag(content=lens.asset(*lens.SCRIPTS))
    page.evaluate("""() => {
        window.feed = (text) => receive(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
        window.sent = [];
    }""")
    return page


def bring(page: Page, feed: bytes) -> None:
    """Hand the lens a feed."""
    page.evaluate("text => feed(text)", base64.b64encode(feed).decode())
