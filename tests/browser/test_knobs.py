"""Knobs in a real browser: turn one, see the change, follow the link, reset; rank the heads and stop doing so."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, go, open_page, settle, url

pytestmark = pytest.mark.browser
__all__ = ["console_errors", "url"]  # fixtures


def test_a_gain_turned_in_the_browser_is_in_the_link_and_can_be_reset(page: Page, url: str, serve: Serve):
    open_page(page, f"{url}/knobs?model=crate&size=64&layer=1")
    expect(page.get_by_text("Nothing is turned yet", exact=False)).to_be_visible()
    thumb = page.get_by_role("slider", name="Head 2")
    thumb.focus()
    for _ in range(4):
        thumb.press("ArrowDown")
    page.wait_for_url(re.compile(r"knobs=g1(:|%3A)2(=|%3D)0\.8"), timeout=PATIENCE_MS)
    settle(page)
    expect(page.get_by_text("1 knob turned")).to_be_visible()
    expect(page.locator(".st-key-predictions").get_by_text(" pp)", exact=False).first).to_be_visible()
    expect(page.get_by_text("as trained", exact=True).first).to_be_visible()

    page.reload()
    settle(page)
    expect(page.get_by_text("layer 1, head 2: gain 0.8")).to_be_visible()
    expect(page.get_by_role("slider", name="Head 2")).to_have_value("0.8")
    expect(page.locator(".st-key-predictions").get_by_text(" pp)", exact=False).first).to_be_visible()
    go(page, "Segment")
    expect(page.get_by_text("1 knob turned")).to_be_visible()
    page.get_by_role("button", name="Reset", exact=False).first.click()
    settle(page)
    expect(page.get_by_text("1 knob turned")).to_have_count(0)
    assert "knobs=" not in page.url


def test_the_picture_follows_a_fader_and_the_page_when_it_rests(page: Page, url: str, serve: Serve):
    open_page(page, f"{url}/knobs?model=crate&size=64&layer=1")
    lens = page.locator(".lens").first
    before = lens.get_attribute("data-view")
    fader = page.get_by_role("slider", name="Head 1")
    box = fader.bounding_box()
    assert box
    x, middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, middle)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] - 1, steps=4)
    expect(lens).not_to_have_attribute("data-view", before or "", timeout=PATIENCE_MS)
    page.mouse.up()
    expect(fader).to_have_value("0")
    page.wait_for_url(re.compile(r"knobs=g1(:|%3A)1(=|%3D)0$"), timeout=PATIENCE_MS)
    settle(page)
    expect(page.get_by_text("layer 1, head 1: gain 0")).to_be_visible()


def test_a_knob_turned_again_while_the_page_still_follows_is_never_lost(page: Page, serve: Serve):
    open_page(page, serve(APP) + "/knobs?model=crate-objects")  # real sizes: small messages never went astray
    lens, fader = page.locator(".lens").first, page.get_by_role("slider", name="Head 1")
    for i in range(12):  # at moments around that at which a fader that rests makes the page follow
        before = lens.get_attribute("data-view") or ""
        fader.press("ArrowDown" if i % 2 == 0 else "ArrowUp")
        expect(lens).not_to_have_attribute("data-view", re.compile(f"^({before})?$"), timeout=PATIENCE_MS)
        page.wait_for_timeout(260 + 23 * (i % 9))


def test_mute_solo_and_reset_on_the_desk(page: Page, url: str, serve: Serve):
    open_page(page, f"{url}/knobs?model=crate&size=64&layer=2")
    first, second = (page.get_by_role("group", name=f"Head {head}", exact=True) for head in (1, 2))
    first.get_by_role("slider").press("ArrowDown")  # 0.95, which both buttons give back
    for press, link in (
        (first.get_by_role("button", name="Mute"), "g2:1=0"),
        (first.get_by_role("button", name="Mute"), "g2:1=0.95"),
        (second.get_by_role("button", name="Solo"), "g2:1=0"),
        (second.get_by_role("button", name="Solo"), "g2:1=0.95"),
        (first.get_by_role("button", name="Reset"), ""),
        (first.get_by_role("button", name="Solo"), "g2:2=0"),
    ):
        press.click()
        wanted = link.replace(":", "(:|%3A)").replace("=", "(=|%3D)")
        page.wait_for_url(
            re.compile(f"knobs={wanted}($|&)") if link else re.compile("^((?!knobs=).)*$"), timeout=PATIENCE_MS
        )
        settle(page)
    expect(first.get_by_role("button", name="Solo")).to_have_attribute("aria-pressed", "true")
    expect(second.get_by_role("slider")).to_have_attribute("aria-valuetext", "gain 0.00")
    page.get_by_role("button", name="Reset all").click()
    settle(page)
    expect(second.get_by_role("slider")).to_have_value("1")


def test_heads_are_ranked_and_a_row_can_be_muted(page: Page, url: str, serve: Serve):
    open_page(page, f"{url}/knobs?model=crate_alpha&size=64&layer=1")
    page.get_by_role("button", name="Test all heads").click()
    expect(page.locator(".st-key-ranking .js-plotly-plot")).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    table = page.locator(".st-key-ranking_table canvas").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 16, box["y"] + 52)  # the box in front of the first row
    button = page.get_by_role("button", name=re.compile("Mute [12]:[12]"))
    expect(button).to_be_visible(timeout=PATIENCE_MS)
    button.click()
    expect(page.get_by_text("1 knob turned")).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
