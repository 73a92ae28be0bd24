"""Narrow windows: nothing that can be read or used is cut, and no chart's buttons lie on its title."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from explorer import zoo
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, console_errors, open_page, settle

pytestmark = pytest.mark.browser
__all__ = ["console_errors"]
BESIDE = {"width": 769, "height": 900}
"""The narrowest window in which the sidebar stands beside the page: 469 px are left."""
TITLE, BUTTON = ".gtitle", ".modebar-btn"
HIDDEN = {"width": 768, "height": 900}
CUT = """() => {
    const main = document.querySelector('[data-testid="stMain"]'), found = [];
    if (main.scrollWidth > main.clientWidth) found.push(`the page scrolls sideways: ${main.scrollWidth} px`);
    const READ_OR_USED = "button, select, label p, [role=combobox], input[type=number]";
    const visible = (node) => node.checkVisibility({ visibilityProperty: true }) && node.clientWidth > 2;
    const name = (node) => node.getAttribute("aria-label") || node.value || node.textContent.trim();
    const above = (node) => node.parentElement ?? node.getRootNode().host;
    const clips = (node) => node === main || getComputedStyle(node).overflowX !== "visible";
    const look = (node) => {
        let box = above(node);
        while (!clips(box)) box = above(box);
        const over = node.getBoundingClientRect().right - box.getBoundingClientRect().right;
        if (over > 1) found.push(`${over.toFixed(0)} px of "${name(node)}" stick out`);
        if (node.scrollWidth > node.clientWidth + 1) found.push(`"${name(node)}" is cut`);
    };
    const search = (root) => {
        for (const node of root.querySelectorAll("*")) {
            if (node.shadowRoot) search(node.shadowRoot);
            if (node.matches(READ_OR_USED) && visible(node)) look(node);
        }
    };
    search(main);
    return found;
}"""


@pytest.fixture
def url(serve: Serve, cards) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(cards["crate"].path.parent)})


def cut(page: Page) -> list[str]:
    """What is cut once the page has settled: charts follow a window that changes a moment later."""
    for _ in range(20):
        if not (found := page.evaluate(CUT)):
            return []
        page.wait_for_timeout(250)
    return found


@pytest.mark.parametrize("path", ["knobs", "subspaces", "ledger", "compare"])
def test_nothing_is_cut(page: Page, url: str, path: str):
    """A page with its options, beside the sidebar and without it."""
    page.set_viewport_size(BESIDE)
    open_page(page, f"{url}/{path}")
    for options in page.get_by_text("Options", exact=True).all():
        options.click()
    settle(page)
    assert cut(page) == []
    page.set_viewport_size(HIDDEN)
    page.wait_for_timeout(300)
    assert cut(page) == []


def test_the_buttons_of_a_chart_leave_its_title_free(page: Page, url: str):
    page.set_viewport_size(BESIDE)
    open_page(page, f"{url}/ledger")
    chart = page.locator(".stPlotlyChart:has(.gtitle)").first
    chart.scroll_into_view_if_needed()
    chart.hover()
    box, title, button = (one.bounding_box() for one in (chart, *(chart.locator(of).first for of in (TITLE, BUTTON))))
    assert box
    assert title
    assert button
    assert box["y"] <= button["y"]
    assert button["y"] + button["height"] <= title["y"]
