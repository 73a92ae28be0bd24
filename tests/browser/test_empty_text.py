"""Settings outlive an empty text: what is not drawn while the box is empty stands as it stood when it comes back."""

import pytest
from playwright.sync_api import Locator, Page, expect

from explorer import zoo
from explorer.card import ModelCard
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, open_page, settle  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def url(serve: Serve, word_card: ModelCard) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(word_card.path.parent)})


def type_anew(page: Page, text: str) -> None:
    """Clear the box, wait for the page to say so, and type, letter by letter."""
    box = page.get_by_role("textbox", name="Text", exact=True)
    box.fill("")
    expect(page.get_by_text("Type or paste something.")).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    box.press_sequentially(text, delay=60)
    expect(page.get_by_text("Type or paste something.")).to_have_count(0, timeout=PATIENCE_MS)
    settle(page)


def slider(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True).get_by_role("slider")


def test_the_sampling_stays_as_it_was_set(page: Page, url: str):
    open_page(page, f"{url}/generate?text=the+cat&temperature=1.3&top_p=0.7&seed=12&tokens=50")
    type_anew(page, "the dog saw")
    for name, value in (("Temperature", "1.3"), ("Top-p", "0.7")):
        expect(slider(page, name)).to_have_value(value)
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("12")
    page.get_by_role("button", name="Continue the text").click()
    expect(page.get_by_text("mean surprise").first).to_be_visible(timeout=PATIENCE_MS)
    assert "temperature=1.3" in page.url
    assert "tokens=50" in page.url


def test_a_part_stays_chosen_and_the_others_open(page: Page, url: str):
    open_page(page, f"{url}/text?text=the+cat")
    type_anew(page, "the dog saw")
    for part in ("Turn the knobs", "The ledger", "Layer by layer"):
        page.get_by_role("radio", name=part).click()
        settle(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    page.get_by_role("radio", name="The ledger").click()
    settle(page)
    expect(slider(page, "μ: price of a non-zero entry (nats)")).to_have_attribute("aria-valuetext", "0.0003")
    type_anew(page, "a cat sat")
    expect(page.get_by_role("radio", name="The ledger")).to_be_checked()
    expect(slider(page, "μ: price of a non-zero entry (nats)")).to_have_attribute("aria-valuetext", "0.0003")
