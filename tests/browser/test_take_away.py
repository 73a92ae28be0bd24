"""What is taken away from a page shows what the page shows."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer import zoo
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, open_page, settle  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser


@pytest.fixture
def url(serve: Serve, cards) -> str:
    return serve(APP, {zoo.MODELS_VARIABLE: str(cards["crate"].path.parent)})


def settings_of_report(page: Page) -> dict:
    """What the lens of the page's report is told."""
    opener = page.get_by_text(re.compile("Take it away"))
    if not page.get_by_role("button", name="Report (HTML)").is_visible():
        opener.click()
    with page.expect_download(timeout=PATIENCE_MS) as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    text = Path(saved.value.path()).read_text()
    return json.loads(re.findall(r'id="settings">(.*?)</script>', text, re.DOTALL)[0])


def test_the_report_opens_at_the_layer_heads_and_patch_of_the_page(page: Page, url: str):
    open_page(page, f"{url}/layers?model=crate&size=64&stride=4&layer=1&head=2&token=5")
    said = settings_of_report(page)
    assert (said["layer"], said["heads"], said["token"]) == (1, [2], 5)
    page.locator(".lens").first.focus()
    page.keyboard.press("]")  # in a fragment: the rest of the page does not run again
    page.wait_for_url(lambda address: "layer=1" not in address, timeout=PATIENCE_MS)
    settle(page)
    said = settings_of_report(page)
    assert (said["layer"], said["heads"], said["token"]) == (2, [2], 5)


def test_the_report_cuts_as_the_page_does(page: Page, url: str):
    open_page(page, f"{url}/segment?model=crate&size=64&stride=4&rule=entries&keep=0.3")
    said = settings_of_report(page)
    assert (said["rule"], said["keep"]) == ("entries", 0.3)


def test_the_link_is_copied(page: Page, url: str):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, f"{url}/experiment?x_step=1")
    page.get_by_text(re.compile("Take it away")).click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
