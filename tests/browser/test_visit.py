"""An uploaded photo past a reload: this browser finds it, another one does not."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from explorer import zoo
from explorer.inputs.gallery import gallery_photo
from explorer.ui.state.visit import COOKIE
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, open_page, settle

pytestmark = pytest.mark.browser


@pytest.fixture
def url(serve: Serve, cards) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(cards["crate"].path.parent)})


@pytest.fixture
def console_errors() -> list[str]:
    """Streamlit's own failed look-ups on deep links do not count."""

    class Ours(list):
        def append(self, text: str) -> None:
            if "Failed to load resource" not in text:
                super().append(text)

    return Ours()


def upload(page: Page, path: Path) -> None:
    page.locator('[data-testid="stSidebar"] input[type="file"]').set_input_files(str(path))
    expect(page.get_by_text("Kept in this server's memory for 12 hours", exact=False)).to_be_visible(
        timeout=PATIENCE_MS
    )
    settle(page)


def held(context: BrowserContext) -> list[Any]:
    """Our cookies in a browser; Streamlit has one of its own."""
    return [one for one in context.cookies() if one.get("name") == COOKIE]


def shows(page: Page, name: str) -> None:
    expect(page.locator(".lens").first).to_have_attribute("aria-label", re.compile(name), timeout=PATIENCE_MS)


def test_an_upload_outlives_a_reload_in_this_browser_alone(page: Page, browser: Browser, url: str):
    open_page(page, f"{url}/segment?model=crate&source=upload")
    expect(page.get_by_text("This address was made with", exact=False)).to_be_visible()
    shows(page, "kangaroo")
    assert not held(page.context)  # none before there is something to keep
    upload(page, gallery_photo("panda").path)
    shows(page, "panda.jpg")
    (cookie,) = held(page.context)
    assert (cookie["name"], cookie["sameSite"], cookie["expires"]) == (COOKIE, "Strict", -1)
    assert cookie["value"] not in page.url
    page.reload()
    settle(page)
    shows(page, "panda.jpg")

    elsewhere = browser.new_context()
    try:
        other = elsewhere.new_page()
        open_page(other, page.url)
        shows(other, "kangaroo")
        expect(other.get_by_text("This address was made with", exact=False)).to_be_visible()
        assert not held(elsewhere)
    finally:
        elsewhere.close()

    page.get_by_role("button", name="Forget it").click()
    settle(page)
    page.reload()
    settle(page)
    shows(page, "kangaroo")


def test_the_crop_of_a_photo_moves_by_key_and_the_address_restores_it(page: Page, url: str):
    open_page(page, f"{url}/segment?model=crate&photo=emu")
    page.get_by_role("slider", name="Place of the crop").focus()
    for _ in range(50):
        page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("crop_at=0"), timeout=PATIENCE_MS)
    settle(page)
    expect(page.get_by_text(re.compile("The model sees 0% from the (left|top)"))).to_be_visible()
    page.reload()
    settle(page)
    expect(page.get_by_text(re.compile("The model sees 0% from the (left|top)"))).to_be_visible()
