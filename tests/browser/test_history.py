"""Back, Forward and the place on the page, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from explorer import zoo
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, go, open_page, settle  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def url(serve: Serve, cards) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(cards["crate"].path.parent)})


def start(page: Page, address: str) -> None:
    """Streamlit loads what runs a page's scripts after the page itself: history.js may come later than all else."""
    open_page(page, address)
    page.wait_for_function("window.crateHistory", timeout=PATIENCE_MS)


def on(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible(timeout=PATIENCE_MS)
    settle(page)


def choose_a_part(page: Page) -> None:
    """A setting: the address shows it."""
    page.get_by_role("radio", name="What ε² decides").click()
    page.wait_for_url(re.compile("books=distortion"), timeout=PATIENCE_MS)
    settle(page)


def scrolled(page: Page) -> float:
    return page.get_by_test_id("stMain").evaluate("main => main.scrollTop")


def test_back_leads_to_the_page_before_and_forward_returns(page: Page, url: str):
    start(page, url)
    entries = page.evaluate("history.length")
    go(page, "Ledger")
    choose_a_part(page)
    go(page, "Experiment")
    assert page.evaluate("history.length") == entries + 2
    page.go_back()
    on(page, "Ledger")
    assert "books=distortion" in page.url
    page.go_back()
    on(page, "Look inside a white-box transformer")
    page.go_forward()
    on(page, "Ledger")
    page.go_forward()
    on(page, "Experiment")


def test_a_page_begins_at_its_top(page: Page, url: str):
    start(page, f"{url}/ledger")
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 1500)")
    assert scrolled(page) > 500
    go(page, "Experiment")
    assert scrolled(page) == 0
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 800)")
    page.go_back()
    on(page, "Ledger")
    assert scrolled(page) == 0
