"""The app in a real browser: what AppTest cannot see."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer import zoo
from tests.browser.conftest import Serve

pytestmark = pytest.mark.browser
APP = Path(__file__).parents[2] / "streamlit_app.py"
PATIENCE_MS = 60_000


@pytest.fixture
def url(serve: Serve, cards) -> str:
    """The app with the tiny models as its zoo."""
    return serve(APP, {zoo.MODELS_VARIABLE: str(cards["crate"].path.parent)})


@pytest.fixture
def console_errors() -> list[str]:
    """Only our pages' errors count: Streamlit itself logs failed look-ups on deep links, and pictures that a rerun
    replaced before they had been fetched."""

    class Ours(list):
        def append(self, text: str) -> None:
            if not any(known in text for known in ("Failed to load resource", "Image source error")):
                super().append(text)

    return Ours()


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the script has run and the page shows its title."""
    page.wait_for_selector('[data-testid="stMain"] h1', timeout=PATIENCE_MS)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible(timeout=PATIENCE_MS)
    settle(page)


ALL = ["", "segment", "layers", "knobs", "subspaces", "ledger", "experiment", "models"]


@pytest.mark.parametrize("path", ALL)
def test_every_page_opens_by_its_address_without_an_error(page: Page, url: str, path: str):
    open_page(page, f"{url}/{path}")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_the_gallery_opens_a_photo_on_the_segment_page(page: Page, url: str):
    open_page(page, url)
    page.get_by_role("button", name="flamingo").click()
    expect(page.get_by_role("heading", name="Segment", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    assert "photo=flamingo" in page.url


def lens(page: Page):
    return page.locator(".lens")


def test_a_click_on_the_photo_asks_for_that_patch_and_the_link_restores_it(page: Page, url: str):
    open_page(page, f"{url}/segment?stride=4&size=64&model=crate")
    photo = page.get_by_role("img", name="Photo").first
    box = photo.bounding_box()
    assert box
    photo.click(position={"x": box["width"] * 1.5 / 16, "y": box["height"] * 2.5 / 16})
    page.wait_for_url(re.compile("token=34"), timeout=PATIENCE_MS)
    expect(page.get_by_text("of the patch in row 3, column 2").first).to_be_visible()
    page.keyboard.press("1")
    page.wait_for_url(re.compile("head=1"), timeout=PATIENCE_MS)
    open_page(page, page.url)
    expect(page.get_by_text("head 1, of the patch in row 3, column 2").first).to_be_visible()


def test_the_options_keep_their_values_when_they_are_opened_after_a_choice_in_the_lens(page: Page, url: str):
    open_page(page, f"{url}/segment?stride=4&size=64&model=crate")
    for x in (5, 60):  # the second choice would send what the options stand at
        page.get_by_role("img", name="Photo").first.click(position={"x": x, "y": 5})
        page.wait_for_timeout(500)
        settle(page)
        if x == 5:
            page.get_by_text("Options", exact=True).click()
            expect(page.get_by_role("slider", name="Share kept")).to_have_attribute("aria-valuetext", "60%")
    assert "token=" in page.url
    assert not re.search("keep=|objects=|alpha=", page.url)


def test_stepping_through_the_layers_in_the_lens_brings_each_layers_objects(page: Page, url: str):
    open_page(page, f"{url}/segment?stride=4&size=64&model=crate&layer=1")
    expect(lens(page)).to_have_attribute("data-layer", "1", timeout=PATIENCE_MS)
    page.get_by_role("img", name="Photo").first.click()
    page.keyboard.press("]")
    expect(lens(page)).to_have_attribute("data-layer", "2")
    page.wait_for_url(re.compile("layer=2"), timeout=PATIENCE_MS)
    settle(page)
    expect(page.get_by_text(re.compile("^layer 2, (no object|[1-9] object)")).first).to_be_visible()
    expect(page.get_by_text("on its way")).to_have_count(0)


def test_another_photo_does_not_keep_the_old_pictures(page: Page, url: str):
    open_page(page, f"{url}/segment?stride=4&size=64&model=crate&photo=ibis")
    expect(lens(page)).to_have_attribute("data-layer", "1", timeout=PATIENCE_MS)
    views = "() => [...window.crateLensStore.views.keys()]"
    first = page.evaluate(views)
    page.get_by_test_id("stSidebar").get_by_role("combobox", name="Gallery photo").fill("flamingo")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("photo=flamingo"), timeout=PATIENCE_MS)
    settle(page)
    assert len(page.evaluate(views)) == len(first) + 1
    expect(lens(page)).to_have_attribute("aria-label", re.compile("flamingo"))


def test_moving_between_pages_loses_nothing_and_the_url_restores_it(page: Page, url: str):
    open_page(page, f"{url}/segment?model=crate_alpha&photo=ibis&size=64&stride=1&layer=2&token=5&head=2")
    go(page, "Layers")
    expect(page.get_by_role("slider", name="Layer ℓ")).to_have_value("2")
    for setting in ("model=crate_alpha", "photo=ibis", "size=64", "stride=1", "layer=2"):
        assert setting in page.url
    go(page, "Models")
    go(page, "Segment")
    for setting in ("model=crate_alpha", "photo=ibis", "size=64", "stride=1", "layer=2", "token=5", "head=2"):
        assert setting in page.url
    expect(page.get_by_text("layer 2, head 2, of the patch", exact=False).first).to_be_visible()


def test_play_steps_through_the_layers(page: Page, url: str):
    open_page(page, f"{url}/layers?model=crate&size=64&layer=1")
    page.get_by_role("button", name="Play").click()
    page.wait_for_url(re.compile("layer=2"), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()
    settle(page)


def test_the_charts_and_maps_of_a_layer_follow_the_slider_at_once(page: Page, url: str):
    open_page(page, f"{url}/layers?model=crate&size=64&stride=4&layer=1")
    expect(page.get_by_role("img", name="What a token adds to Rᶜ: layer 1")).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    feeds = page.locator("[class*='st-key-lens_feeds_heads_lens'] > .stElementContainer")
    assert feeds.count() >= 2, "the attention of the layers, and the photo"
    page.get_by_role("slider", name="Layer ℓ").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="What a token adds to Rᶜ: layer 2")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Compression.*layer 2: trained"))).to_be_visible()
    page.wait_for_url(re.compile("layer=2"), timeout=PATIENCE_MS)
    settle(page)
    expect(page.get_by_text("on its way")).to_have_count(0)
    expect(feeds).to_have_count(1)  # the photo: a step in one lens sends no other what the browser has


def test_an_upload_is_segmented_and_survives_a_page_change(page: Page, url: str, tmp_path: Path):
    from explorer.inputs.gallery import gallery_photo

    open_page(page, f"{url}/segment?model=crate&source=upload")
    expect(page.get_by_text("This address was made with", exact=False)).to_be_visible()
    page.locator('[data-testid="stSidebar"] input[type="file"]').set_input_files(str(gallery_photo("panda").path))
    expect(page.get_by_role("heading", name="Objects (MaskCut)")).to_be_visible(timeout=PATIENCE_MS)
    go(page, "Layers")
    expect(page.get_by_text("Sparsify", exact=True)).to_be_visible()


def test_a_bad_upload_is_one_sentence(page: Page, url: str, tmp_path: Path):
    (tmp_path / "notes.jpg").write_text("not a picture")
    open_page(page, f"{url}/segment?model=crate&source=upload")
    page.locator('[data-testid="stSidebar"] input[type="file"]').set_input_files(str(tmp_path / "notes.jpg"))
    expect(page.get_by_text("notes.jpg is not", exact=False)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
