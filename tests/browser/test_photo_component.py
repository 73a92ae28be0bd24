"""The photo component in a real browser, and what its Python side refuses."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from streamlit.testing.v1 import AppTest

from explorer.ui.photo import pick_patch

APP = Path(__file__).with_name("photo_app.py")


@pytest.fixture
def plain(page: Page, serve) -> Locator:
    """The photo of 64×48 px with a grid of 3×4, nothing picked."""
    page.goto(serve(APP))
    photo = page.locator(".photo").first
    expect(photo).to_be_visible(timeout=60_000)
    expect(page.get_by_text("dense is None")).to_be_visible(timeout=60_000)
    return photo


def at(photo: Locator, x: float, y: float) -> dict[str, float]:
    """A position for click or hover from picture pixels (64×48)."""
    box = photo.bounding_box()
    return {"x": x / 64 * box["width"], "y": y / 48 * box["height"]}


def says(page: Page, text: str) -> None:
    expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=30_000)


def patch_box(photo: Locator, outline: str) -> list[float]:
    """x, y, width, height of an outline in picture pixels."""
    whole, part = photo.bounding_box(), photo.locator(outline).bounding_box()
    scale = 64 / whole["width"]
    box = [part["x"] - whole["x"], part["y"] - whole["y"], part["width"], part["height"]]
    return [round(value * scale, 1) for value in box]


@pytest.mark.browser
def test_click_picks_and_a_second_click_clears(page: Page, plain: Locator):
    plain.click(position=at(plain, 40, 20))  # row 1, column 2 of 4
    says(page, "plain is 7")
    assert patch_box(plain, ".selected") == [32, 16, 16, 16]
    plain.click(position=at(plain, 33, 31))  # the same patch
    says(page, "plain is None")
    expect(plain.locator(".selected")).to_be_hidden()


@pytest.mark.browser
def test_the_corners(page: Page, plain: Locator):
    for x, y, token in ((0.5, 0.5, 1), (63.5, 0.5, 4), (0.5, 47.5, 9), (63.5, 47.5, 12)):
        plain.click(position=at(plain, x, y))
        says(page, f"plain is {token}")


@pytest.mark.browser
def test_overlapping_patches_are_picked_by_the_nearest_centre(page: Page, plain: Locator):
    dense = page.locator(".photo").nth(1)
    dense.click(position=at(dense, 27, 21))  # centres at 8, 16, 24, 32 …: row 2 (24), column 2 (24)
    says(page, "dense is 17")
    assert patch_box(dense, ".selected") == [16, 16, 16, 16]
    dense.click(position=at(dense, 1, 47))  # outside every centre: the nearest corner
    says(page, "dense is 29")
    says(page, "plain is None")
    expect(plain.locator(".selected")).to_be_hidden()


@pytest.mark.browser
def test_arrow_keys_move_and_stop_at_the_edge(page: Page, plain: Locator):
    plain.focus()
    page.keyboard.press("ArrowDown")  # nothing picked yet: the middle
    says(page, "plain is 7")
    page.keyboard.press("ArrowRight")
    says(page, "plain is 8")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    says(page, "plain is 11")


@pytest.mark.browser
def test_steps_during_a_rerun_are_not_lost(page: Page, plain: Locator):
    plain.click(position=at(plain, 1, 1))
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(150)  # longer than the pause, shorter than a rerun may take
    says(page, "plain is 4")
    assert patch_box(plain, ".selected") == [48, 0, 16, 16]


@pytest.mark.browser
def test_escape_clears(page: Page, plain: Locator):
    plain.click(position=at(plain, 1, 1))
    says(page, "plain is 1")
    page.keyboard.press("Escape")
    says(page, "plain is None")


@pytest.mark.browser
def test_hover_outlines_and_leaving_clears(page: Page, plain: Locator):
    hover = plain.locator(".hover")
    expect(hover).to_be_hidden()
    plain.hover(position=at(plain, 20, 40))
    expect(hover).to_be_visible()
    assert patch_box(plain, ".hover") == [16, 32, 16, 16]
    page.mouse.move(1, 1)
    expect(hover).to_be_hidden()
    says(page, "plain is None")


@pytest.mark.browser
def test_a_tap_picks(page: Page, plain: Locator):
    plain.tap(position=at(plain, 20, 40))
    says(page, "plain is 10")
    expect(plain.locator(".hover")).to_be_hidden()


@pytest.mark.browser
def test_the_caller_decides_and_old_picks_stay_gone(page: Page, plain: Locator):
    plain.click(position=at(plain, 1, 1))
    says(page, "plain is 1")
    page.get_by_role("button", name="reset").click()
    says(page, "plain is None")
    expect(plain.locator(".selected")).to_be_hidden()
    page.get_by_role("button", name="rerun").click()
    page.wait_for_timeout(1000)
    says(page, "plain is None")
    plain.click(position=at(plain, 1, 1))  # the same patch as before the reset
    says(page, "plain is 1")
    page.get_by_role("button", name="choose 12").click()
    says(page, "plain is 12")
    assert patch_box(plain, ".selected") == [48, 32, 16, 16]


@pytest.mark.browser
def test_reruns_touch_no_image(page: Page, plain: Locator):
    plain.evaluate(
        """photo => {
            window.changes = 0;
            const watcher = new MutationObserver(list => { window.changes += list.length; });
            for (const image of photo.querySelectorAll("img")) watcher.observe(image, { attributes: true });
            watcher.observe(photo, { childList: true });
            photo.querySelector(".base").kept = true;
        }"""
    )
    plain.click(position=at(plain, 1, 1))
    says(page, "plain is 1")
    page.get_by_role("button", name="reset").click()
    says(page, "plain is None")
    assert page.evaluate("window.changes") == 0
    assert plain.locator(".base").evaluate("image => image.kept")


@pytest.mark.browser
def test_names_for_screen_readers_and_the_focus_ring(page: Page, plain: Locator):
    expect(plain).to_have_attribute("aria-label", 'stripes & "squares" <b>')
    said = page.locator(".said").first
    expect(said).to_have_text("CLS token")
    assert said.get_attribute("aria-live") == "polite"
    plain.click(position=at(plain, 60, 20))
    expect(said).to_have_text("patch row 2, column 4")
    ring = "photo => getComputedStyle(photo).outlineStyle"
    assert plain.evaluate(ring) == "none"  # a mouse needs none
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text("patch row 2, column 3")
    assert plain.evaluate(ring) == "solid"


@pytest.mark.browser
def test_on_pick_may_set_a_widget_made_before_the_photo(page: Page, plain: Locator):
    told = page.locator(".photo").nth(2)
    told.click(position=at(told, 40, 20))
    says(page, "wanted is 7")
    expect(page.get_by_label("wanted")).to_have_value("7")
    page.get_by_label("wanted").fill("12")
    page.get_by_label("wanted").press("Enter")
    says(page, "wanted is 12")
    assert patch_box(told, ".selected") == [48, 32, 16, 16]
    told.click(position=at(told, 40, 20))  # the same patch as at first
    says(page, "wanted is 7")
    told.press("Escape")
    says(page, "wanted is 0")


@pytest.mark.browser
def test_pixels_are_squares_only_when_enlarged_enough(page: Page, plain: Locator):
    dense = page.locator(".photo").nth(1)
    rendering = "image => getComputedStyle(image).imageRendering"
    assert plain.locator(".base").evaluate(rendering) == "pixelated"
    assert dense.locator(".base").evaluate(rendering) == "auto"
    plain.evaluate("photo => { photo.parentElement.style.width = '100px'; }")  # 1.5 times
    expect(plain).not_to_have_class("photo crisp")
    assert plain.locator(".base").evaluate(rendering) == "auto"


@pytest.mark.browser
def test_pictures_are_loaded_and_fill_the_column(page: Page, plain: Locator):
    for image in (plain.locator(".base"), plain.locator(".overlay"), page.locator(".photo .base").nth(1)):
        expect(image).to_be_visible()
        assert image.evaluate("image => image.naturalWidth") > 0
    box = plain.bounding_box()
    assert box["width"] > 180
    assert box["width"] / box["height"] == pytest.approx(64 / 48, rel=0.01)


def test_app_test_returns_what_was_selected():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.session_state["plain"] = 5
    app.run()
    assert not app.exception
    assert [text.value for text in app.text] == ["plain is 5", "dense is None", "wanted is 0"]


@pytest.mark.parametrize(
    "change",
    [
        {"picture": np.zeros((48, 64, 3))},
        {"picture": np.zeros((48, 64), np.uint8)},
        {"overlay": np.zeros((3, 4, 3), np.uint8)},
        {"rows": 4},
        {"cols": 0},
        {"stride": 17},
        {"selected": 0},
        {"selected": 13},
    ],
)
def test_what_does_not_fit_is_refused(change):
    fits = {"picture": np.zeros((48, 64, 3), np.uint8), "rows": 3, "cols": 4, "patch": 16, "stride": 16}
    with pytest.raises(ValueError, match=r"must be|do not fit"):
        pick_patch(**{**fits, "selected": None, "key": "k", "alt": "a", **change})
