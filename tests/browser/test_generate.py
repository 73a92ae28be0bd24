"""The Generate page in a real browser: a drawn token tells its alternatives, and opens on the page Text."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer import zoo
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, open_page

__all__ = ["console_errors"]

pytestmark = pytest.mark.browser


@pytest.fixture
def url(serve: Serve, word_card) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(Path(word_card.path).parent)})


def test_a_drawn_token_is_pointed_at_and_opened(page: Page, url: str):
    open_page(page, f"{url}/generate?text=the%20cat&tokens=5&seed=1")
    page.get_by_role("button", name="Continue the text").click()
    tokens = page.locator(".drawn .words button")
    expect(tokens).to_have_count(5, timeout=PATIENCE_MS)
    tokens.nth(2).hover()
    hint = page.locator(".drawn .hint")
    expect(hint).to_be_visible()
    expect(hint.locator("div")).to_have_count(8)
    said = hint.locator("p").inner_text()
    tokens.nth(2).click()
    expect(tokens.nth(2)).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    opened = page.get_by_role("button", name="Open it on the page Text")
    expect(opened).to_be_visible(timeout=PATIENCE_MS)
    surprise = said.split(", ")[-1].removesuffix(" nats")
    expect(page.get_by_text(f"surprise {surprise} nats")).to_be_visible()
    opened.click()
    expect(page.get_by_role("heading", name="Text", exact=True, level=1)).to_be_visible(timeout=PATIENCE_MS)
    assert page.get_by_role("textbox", name="Text").input_value().startswith("the cat")
