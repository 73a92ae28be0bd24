"""The report in a browser that has no network."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer.inputs import prepare_text
from explorer.inputs.gallery import gallery_photo
from explorer.report import report_html, run_report, run_text_report, text_report_html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(cards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    photo = gallery_photo("kangaroo").path
    target = tmp_path_factory.mktemp("report") / "report.html"
    target.write_bytes(report_html(run_report(photo.read_bytes(), photo.name, cards["crate"], 64, 4, "crop")))
    return target


@pytest.fixture
def opened(page: Page, file: Path) -> Page:
    page.context.set_offline(True)
    page.goto(file.as_uri())
    expect(page.locator(".lens")).to_have_attribute("data-layer", "1", timeout=60_000)
    return page


def test_the_lens_works(opened: Page):
    photo = opened.get_by_role("img", name="Photo").first
    box = photo.bounding_box()
    assert box
    photo.hover(position={"x": box["width"] * 2.5 / 16, "y": box["height"] * 3.5 / 16})
    expect(opened.get_by_text("of the patch in row 4, column 3").first).to_be_visible()
    photo.click(position={"x": box["width"] * 2.5 / 16, "y": box["height"] * 3.5 / 16})
    opened.keyboard.press("]")
    expect(opened.locator(".lens")).to_have_attribute("data-layer", "2")
    opened.keyboard.press("2")
    expect(opened.get_by_text("layer 2, head 2, of the patch in row 4, column 3").first).to_be_visible()
    expect(opened.get_by_text("on its way")).to_have_count(0)
    opened.get_by_label("What the cells show").select_option("evenness")
    expect(opened.get_by_role("gridcell", name=re.compile(r"^layer 1, head 1: [01]\.\d{3}$"))).to_be_visible()
    assert "objects" not in opened.get_by_label("What the cells show").inner_text()  # found on request alone


def test_the_curves_are_drawn_and_do_not_overlap(opened: Page):
    expect(opened.locator(".js-plotly-plot")).to_have_count(3, timeout=60_000)
    expect(opened.locator(".waiting")).to_have_count(0, timeout=60_000)
    boxes = [plot.bounding_box() for plot in opened.locator(".js-plotly-plot .main-svg:first-child").all()]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a
            assert b
            apart = a["x"] + a["width"] <= b["x"] + 1 or a["y"] + a["height"] <= b["y"] + 1
            assert apart


def test_the_numbers_are_taken_away_as_csv(opened: Page):
    with opened.expect_download() as saved:
        opened.get_by_role("button", name="All numbers (CSV)").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("layer,coding_rate,")
    assert len(lines) == 3


def test_a_curve_is_saved_as_svg(opened: Page):
    expect(opened.locator(".waiting")).to_have_count(0, timeout=60_000)
    opened.locator(".js-plotly-plot").first.hover()
    with opened.expect_download() as saved:
        opened.locator('[data-title="Save as SVG"]').first.click()
    assert saved.value.path().read_text().startswith("<svg")


def test_a_report_of_a_text_works(page: Page, word_card, tmp_path: Path):
    prepared = prepare_text("the cat sat on the mat", word_card.tokenizer, word_card.context)
    (tmp_path / "text.html").write_bytes(text_report_html(run_text_report(prepared, word_card)))
    page.context.set_offline(True)
    page.goto((tmp_path / "text.html").as_uri())
    expect(page.locator(".text-lens")).to_have_attribute("data-layer", "1", timeout=60_000)
    assert "".join(page.locator(".token").all_text_contents()) == "the cat sat on the mat"
    page.get_by_label("What the cells show").select_option("first")
    expect(page.get_by_role("gridcell", name=re.compile(r"^layer 2, head 1: .* %$"))).to_be_visible()
    page.locator(".token").nth(2).hover()
    expect(page.locator(".text-lens")).to_have_attribute("data-token", "3")
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=60_000)
    with page.expect_download() as saved:
        page.get_by_role("button", name="All numbers (CSV)").click()
    assert saved.value.path().read_text().startswith("layer,")
