"""A long text outlives a reload: in its link, or kept by the tab; a link that only has its mark says so."""

import random
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from explorer import zoo
from explorer.card import ModelCard
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, open_page, settle  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser
PROSE = "The cat saw the dog. " * 240
LETTERS = "the " + "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz ", k=20_000)).strip()


@pytest.fixture
def url(serve: Serve, word_card: ModelCard) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(word_card.path.parent)})


def box(page: Page):
    return page.get_by_role("textbox", name="Text", exact=True)


def test_a_text_of_5000_characters_is_in_its_link(page: Page, url: str, browser: Browser):
    open_page(page, f"{url}/text?text=the+cat")
    box(page).fill(PROSE)
    page.wait_for_url(re.compile("packed_text="), timeout=PATIENCE_MS)
    settle(page)
    page.reload()
    expect(box(page)).to_have_value(PROSE, timeout=PATIENCE_MS)
    with browser.new_context() as other:
        elsewhere = other.new_page()
        elsewhere.goto(page.url)
        expect(box(elsewhere)).to_have_value(PROSE, timeout=PATIENCE_MS)


def test_a_text_that_no_link_carries_is_kept_by_the_tab_alone(page: Page, url: str, browser: Browser):
    open_page(page, f"{url}/text?text=the+cat&layer=2")
    box(page).fill(LETTERS)
    page.wait_for_url(re.compile(f"kept_text={len(LETTERS)}-"), timeout=PATIENCE_MS)
    expect(page.get_by_text("too long for a link. It stays in this tab")).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    page.reload()
    expect(box(page)).to_have_value(LETTERS, timeout=PATIENCE_MS)
    page.wait_for_selector(".text-lens[data-view]", timeout=PATIENCE_MS)
    settle(page)
    assert f"kept_text={len(LETTERS)}-" in page.url
    assert "layer=2" in page.url
    with browser.new_context() as other:
        elsewhere = other.new_page()
        elsewhere.goto(page.url)
        said = elsewhere.get_by_text(f"a text of {len(LETTERS):,} characters, which a link cannot carry")
        expect(said).to_be_visible(timeout=PATIENCE_MS)
        expect(box(elsewhere)).to_have_value("")
        assert "kept_text=" in elsewhere.url
        box(elsewhere).fill("the cat")
        expect(said).to_have_count(0, timeout=PATIENCE_MS)
        elsewhere.wait_for_url(re.compile(r"text=the(\+|%20)cat"), timeout=PATIENCE_MS)
