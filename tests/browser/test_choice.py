"""Layer and heads are chosen in the lens on photos and in that on text in the same way."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import test_lens, test_text_lens

pytestmark = pytest.mark.browser


@pytest.fixture(params=["photo", "text"])
def tab(request: pytest.FixtureRequest) -> Page:
    """A lens at layer 2 of three or more, with two heads or more; `sent` holds what it reports."""
    if request.param == "photo":
        return test_lens.opened(request.getfixturevalue("lens_page"))
    return test_text_lens.opened(request.getfixturevalue("page"))


def told(tab: Page, **expected: object) -> None:
    """The lens tells Python that this is chosen."""
    tab.wait_for_function(
        """wanted => Object.entries(wanted).every(
            ([name, one]) => JSON.stringify(sent.at(-1)?.[name]) === JSON.stringify(one))""",
        arg=expected,
    )


def pressed(tab: Page) -> list[str]:
    return tab.get_by_role("group", name="Heads").locator("[aria-pressed=true]").all_text_contents()


def test_keys(tab: Page):
    root = tab.locator(".lens, .text-lens")
    for key, layer, heads in (("]", 3, []), ("[", 2, []), ("2", 2, [2]), ("1", 2, [1]), ("[", 1, [1]), ("0", 1, [])):
        root.press(key)
        told(tab, layer=layer, heads=heads)
    root.press("[")
    root.press("ArrowRight")
    tab.wait_for_function("sent.at(-1).token > 0")
    root.press("Escape")
    told(tab, layer=1, token=0)
    count = tab.evaluate("sent.length")
    for key in ("Control+]", "Alt+1", "x", "9", ","):
        root.press(key)
    tab.wait_for_timeout(300)
    assert tab.evaluate("sent.length") == count
    numbers = tab.evaluate("sent.map((one) => one.at)")
    assert numbers == sorted(set(numbers))


def test_arrow_keys_on_the_slider_are_the_sliders(tab: Page):
    slider = tab.get_by_role("slider", name="Layer")
    slider.press("ArrowRight")
    told(tab, layer=3, token=0)
    slider.press("[")
    told(tab, layer=2)
    expect(slider).to_have_value("2")
    expect(tab.locator("output").first).to_have_text(f"2 of {slider.get_attribute('max')}")


def test_head_buttons(tab: Page):
    button = tab.get_by_role("group", name="Heads").get_by_role("button")
    for head, keys, heads in ((1, [], [1]), (2, ["Shift"], [1, 2]), (1, ["Control"], [2]), (2, [], []), (2, [], [2])):
        button.nth(head).click(modifiers=keys)
        told(tab, heads=heads)
        assert pressed(tab) == ([str(one) for one in heads] or ["mean"])
    button.first.click()
    told(tab, heads=[])


def test_playing_goes_on_until_it_is_stopped(tab: Page):
    tab.get_by_role("button", name="Play through the layers").click()
    told(tab, layer=3)
    told(tab, layer=1)
    tab.get_by_role("button", name="Pause").click()
    expect(tab.get_by_role("button", name="Play through the layers")).to_have_text("▶")


def test_keys_work_before_the_lens_was_clicked_but_not_while_somebody_types(tab: Page):
    tab.evaluate(
        """() => document.body.insertAdjacentHTML("beforeend",
            '<input id="typed"><div id="moved" role="slider" tabindex="0">-</div><button id="other">b</button>')"""
    )
    for place in ("#typed", "#moved"):
        tab.locator(place).focus()
        for key in ("]", "1", "?", "Escape"):
            tab.keyboard.press(key)
    tab.wait_for_timeout(300)
    assert tab.evaluate("sent.length") == 0
    expect(tab.get_by_role("dialog")).to_have_count(0)
    tab.locator("#other").focus()
    tab.keyboard.press("]")
    told(tab, layer=3)
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("1")
    told(tab, layer=3, heads=[1])
    tab.keyboard.press("ArrowRight")  # scrolls the page
    tab.wait_for_timeout(200)
    assert tab.evaluate("sent.at(-1).token") == 0


def test_the_list_of_keys(tab: Page):
    tab.keyboard.press("?")
    keys = tab.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("layer before, layer after")
    expect(keys).not_to_contain_text("film")
    tab.keyboard.press("]")  # the list is in front
    tab.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    tab.get_by_role("button", name="? Keys").click()
    expect(keys).to_be_visible()
    keys.get_by_role("button", name="Close").click()
    expect(keys).to_have_count(0)
    assert tab.evaluate("sent.length") == 0
