"""How fast the pages answer: real Chromium, a server of its own, times from the user's act to the last new pixel."""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from explorer import lens
from explorer.bench.chromium import PATIENCE_MS, app, chromium, free_port, settle
from explorer.card import ModelCard
from explorer.trace import Trace

VIEWPORT = {"width": 1400, "height": 900}
STEPS, WARM_UP = 14, 14
HOVERS = 60
STARTS = 3
FEW, MANY = 20, 200
"""Interactions between which the memory is compared."""


@dataclass(frozen=True)
class Figure:
    """One measured figure with its target. value, worst: median and 95th percentile of the samples, in unit."""

    name: str
    unit: str
    value: float
    worst: float
    target: float
    samples: int

    @property
    def met(self) -> bool:
        return self.value <= self.target


def measure_pages(card: ModelCard, progress: Callable[[str], None]) -> list[Figure]:
    """All figures, for a model of the zoo at its default setting. progress: told what is measured now.

    Raises ExplorerError without playwright or a Chromium.
    """
    with chromium() as browser:
        progress("lens frame at 785 tokens × 12 heads")
        figures = [_large_frame(browser, card)]
        progress("first page")
        figures += _first_page(browser, card)
        with app() as (url, process):
            tab = browser.new_page(viewport=VIEWPORT)
            progress("Segment page")
            _open(tab, f"{url}/segment?model={card.name}")
            figures += _segment(tab)
            progress("Layers page")
            _open(tab, f"{url}/layers?model={card.name}")
            figures += _layer_steps(tab, "Layers")
            progress("Ledger and Subspaces pages")
            _open(tab, f"{url}/ledger?books=photo&model={card.name}")
            figures += _layer_steps(tab, "Ledger, on the photo")
            _open(tab, f"{url}/subspaces?model={card.name}")
            figures.append(_slider_steps(tab, "Subspaces, tokens"))
            progress("Knobs page")
            _open(tab, f"{url}/knobs?model={card.name}")
            figures += _knobs(tab)
            progress("Compare page")
            _open(tab, f"{url}/compare?model={card.name}")
            figures += _compare(tab)
            progress(f"memory over {MANY} interactions")
            _open(tab, f"{url}/segment?model={card.name}")
            figures += _memory(tab, process)
    return figures


def _open(tab: Any, address: str) -> None:
    tab.goto(address)
    settle(tab)
    tab.evaluate((resources.files("explorer.bench") / "pages.js").read_text("utf-8"))


def _figure(name: str, samples: list[float], target: float, unit: str = "ms") -> Figure:
    worst = float(np.percentile(samples, 95))
    return Figure(name, unit, statistics.median(samples), worst, target, len(samples))


def _first_page(browser: Any, card: ModelCard) -> list[Figure]:
    """From the start of a server to photo, attention and curves drawn, and to all of the page; each time a new server.

    Warm: the browser has opened the app before, as from the second start on. The first start of a browser, which loads
    and compiles all of Streamlit's scripts, is measured too.
    """
    port, context = free_port(), browser.new_context(viewport=VIEWPORT)
    cold, *warm = [_start(context, port, card) for _ in range(1 + STARTS)]
    context.close()
    drawn, whole = zip(*warm, strict=True)
    return [
        _figure("start of the server → first photo, attention and curves", list(drawn), 4, "s"),
        _figure("start of the server → first page whole, objects too", list(whole), 4, "s"),
        _figure("the same in a browser that has never opened the app", [cold[1]], 4, "s"),
    ]


def _start(context: Any, port: int, card: ModelCard) -> tuple[float, float]:
    """Seconds from the start of a server on that port to the first lens drawn, and to the page whole."""
    started = time.perf_counter()
    with app(port) as (url, _):
        tab = context.new_page()
        tab.goto(f"{url}/?model={card.name}", wait_until="commit")
        tab.wait_for_selector(".lens[data-layer]", timeout=PATIENCE_MS)
        tab.wait_for_selector(".lens .chart polyline", timeout=PATIENCE_MS)
        drawn = time.perf_counter() - started
        tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)
        whole = time.perf_counter() - started
        tab.close()
    return drawn, whole


def _segment(tab: Any) -> list[Figure]:
    hover = tab.evaluate("count => bench.hover(count)", HOVERS)
    return [_figure("Segment: lens frame while hovering", hover, 16), *_layer_steps(tab, "Segment")]


def _layer_steps(tab: Any, page: str) -> list[Figure]:
    """Layer steps by key, forth and back: until the lens shows the new layer, and until the whole page does."""
    for i in range(WARM_UP):
        tab.evaluate("key => bench.lensStep(key)", _back_and_forth(i))
        tab.wait_for_timeout(400)
    lens_steps, page_steps = [], []
    for i in range(STEPS):
        lens_steps.append(tab.evaluate("key => bench.lensStep(key)", _back_and_forth(i)))
        tab.wait_for_timeout(700)
    for i in range(STEPS):
        page_steps.append(tab.evaluate("key => bench.pageStep(key)", _back_and_forth(i)))
    return [
        _figure(f"{page}: layer step → new pixels in the lens", lens_steps, 60),
        _figure(f"{page}: layer step → whole page", page_steps, 250),
    ]


def _slider_steps(tab: Any, page: str) -> Figure:
    """Layer steps by the page's slider, until the whole page shows the new layer."""
    steps = []
    for i in range(WARM_UP + STEPS):
        tab.get_by_role("slider", name="Layer").first.focus()
        tab.evaluate("bench.watch()")
        tab.keyboard.press("ArrowLeft" if _back_and_forth(i) == "[" else "ArrowRight")
        steps.append(tab.evaluate("bench.watched()")["last"])
    return _figure(f"{page}: layer step → whole page", steps[WARM_UP:], 250)


def _back_and_forth(step: int, reach: int = 3) -> str:
    return "[" if step % (2 * reach) < reach else "]"


def _knobs(tab: Any) -> list[Figure]:
    """A head gain, one step down and up again: until attention under the turned knob is drawn, and until all is."""
    first, last = [], []
    for i in range(STEPS + 2):
        tab.get_by_role("slider", name="Head 1").first.focus()
        before = tab.evaluate("bench.lens().dataset.view")
        tab.evaluate("bench.watch()")
        tab.keyboard.press("ArrowLeft" if i % 2 == 0 else "ArrowRight")
        first.append(tab.evaluate("before => bench.newView(before)", before))
        last.append(tab.evaluate("bench.watched()")["last"])
    return [
        _figure("Knobs: head gain → new pixels (attention)", first[2:], 300),
        _figure("Knobs: head gain → whole page", last[2:], float("inf")),
    ]


def _compare(tab: Any) -> list[Figure]:
    """Four epochs from one click, two of them not opened before: until all are drawn, and their layer steps.

    Nothing for a model whose run has no other epochs here.
    """
    button = tab.get_by_role("button", name="Epochs of this run")
    if not button.count():
        return []
    tab.evaluate("bench.watch()")
    button.click()
    drawn = tab.evaluate("bench.moreViews(2)")
    whole = tab.evaluate("bench.watched()")["last"]
    settle(tab)
    return [
        _figure("Compare: four models → drawn", [drawn], 1500),
        _figure("Compare: four models → whole page", [whole], float("inf")),
        *_layer_steps(tab, "Compare, four models"),
    ]


def _memory(tab: Any, process: subprocess.Popen[bytes]) -> list[Figure]:
    """Growth of server and tab between FEW and MANY interactions with the lens: layers, heads and patches."""
    keys = ("[", "[", "1", "ArrowRight", "ArrowDown", "]", "]", "0", "Escape", "3")
    tab.evaluate("bench.lens().focus()")
    server, heap = [], []
    for i in range(1, MANY + 1):
        tab.evaluate("key => bench.key(key)", keys[i % len(keys)])
        tab.wait_for_timeout(250)
        if i in (FEW, MANY):
            tab.wait_for_timeout(3000)
            server.append(_resident_mb(process.pid))
            heap.append(tab.evaluate("() => { window.gc?.(); return performance.memory.usedJSHeapSize / 1e6; }"))
    grown = {"server": server[-1] - server[0], "tab's heap": heap[-1] - heap[0]} if all(server) else {}
    return [
        Figure(f"growth of the {what}, {FEW} → {MANY} interactions", "MB", size, size, 50, 1)
        for what, size in grown.items()
    ]


def _resident_mb(pid: int) -> float:
    """Resident memory of a process in MB; 0 where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _large_frame(browser: Any, card: ModelCard) -> Figure:
    """A frame of the lens on 224 pixels at patch 8 with 12 heads of 64, random numbers, outside Streamlit."""
    tab = browser.new_page(viewport=VIEWPORT)
    tab.set_content('<div class="lens"></div>')
    tab.add_style_tag(content=lens.asset("lens.css"))
    tab.add_script_tag(content=lens.asset(*lens.SCRIPTS))
    tab.evaluate((resources.files("explorer.bench") / "pages.js").read_text("utf-8"))
    feeds, settings = large_lens(card)
    for feed in feeds:
        tab.evaluate("text => bench.feed(text)", base64.b64encode(feed).decode())
    times = tab.evaluate("([text, count]) => bench.large(text, count)", [json.dumps(settings), HOVERS])
    tab.close()
    return _figure("lens frame, 785 tokens × 12 heads", times, 16)


def large_lens(card: ModelCard) -> tuple[list[bytes], dict[str, Any]]:
    """Feeds and settings of a lens on a model of CRATE-B/8's size. card: of any CRATE, for all that is not a size."""
    card = replace(card, name="large", layers=1, heads=12, head_dim=64, dim=768, patch=8)
    tokens = np.random.default_rng(0).standard_normal((1, card.heads, 785, card.head_dim)).astype(np.float32)
    trace = Trace(card, {"subspace.1": tokens}, (28, 28), card.patch)
    picture = np.zeros((448, 448, 3), np.uint8)
    panels = [lens.PANELS[name] for name in ("photo", "attention", "kept")]
    settings = lens.settings(
        "large", {"large": lens.grid(trace, picture, 2)}, card, lens.LensChoice(1, (), 0),
        [lens.Section(panels), lens.Section(strip=True)], lens.LensLook(),
    )  # fmt: skip
    return [lens.photo_feed("photo", picture), lens.attention_feed("large", trace, 1)], settings
