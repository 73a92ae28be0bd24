"""Every head of every layer, the whole matrix of a text and colours against even attention, in a real browser."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from explorer import lens, zoo
from explorer.measures.patches import attention_rows
from tests.browser import test_lens as photo
from tests.browser import test_text_lens as text
from tests.browser.conftest import Serve, bring
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, settle
from tests.browser.test_lens import HEADS, LAYERS, TOKENS, projections

pytestmark = pytest.mark.browser
__all__ = ["console_errors"]  # a fixture


def show(page: Page) -> None:
    panels = [lens.PANELS["overview"], lens.PANELS["attention"]]
    picture = np.zeros((photo.ROWS * photo.PATCH, photo.COLS * photo.PATCH, 3), np.uint8)
    data = lens.settings(
        "v", {"v": lens.grid(photo.trace(), picture)}, photo.Card(),  # pyright: ignore[reportArgumentType]
        lens.LensChoice(2, (), 0), [lens.Section(panels), lens.Section(strip=True)], lens.LensLook(),
    )  # fmt: skip
    page.evaluate(
        """text => {
            window.made ??= createLens(document.querySelector('.lens'));
            update(made, JSON.parse(text), (chosen) => sent.push(chosen));
        }""",
        json.dumps(data),
    )


@pytest.fixture
def tab(lens_page: Page) -> Page:
    """The overview of a photo at layer 2, with layers 1–3 of 4 in hand, and as many numbers as a run has."""
    for layer in (1, 2, 3):
        bring(lens_page, lens.attention_feed("v", photo.trace(), layer))
    bring(lens_page, lens.segments_feed("v", {}, lens.photo_heads(photo.trace(), control())))
    show(lens_page)
    lens_page.wait_for_function("document.querySelector('.lens').dataset.layer === '2'")
    return lens_page


def control():
    points = {f"subspace.{layer}": projections(layer + 20)[None] for layer in range(1, LAYERS + 1)}
    return type(photo.trace())(photo.Card(), points, (photo.ROWS, photo.COLS), photo.STRIDE)  # pyright: ignore


def cell(page: Page, layer: int, head: int):
    return page.get_by_role("gridcell", name=re.compile(rf"^layer {layer}, head {head}\b"))


def test_beside_a_picture_the_cells_begin_where_it_does(tab):
    """Their rows are not those of a picture: what stands above the cells is a line or two, not a picture's height."""
    data = json.loads(tab.evaluate("JSON.stringify(made.data)"))
    data["sections"] = [data["sections"][0] | {"wide": True}]
    tab.evaluate("data => update(made, data, () => {})", data)
    cells, picture = (
        tab.locator(f".wide {what}").first.bounding_box() for what in ("[role=grid]", ".panel:not(.overview) canvas")
    )
    assert cells["x"] + cells["width"] <= picture["x"]
    assert abs(cells["y"] - picture["y"]) < 60


@pytest.mark.parametrize("token", [0, 4])
def test_the_numbers_of_a_row_are_numpys(tab: Page, token: int):
    row = attention_rows(projections(1), projections(1), token)[0]
    got = tab.evaluate(
        "([row, token]) => placeNumbers(Float32Array.from(row), { prefix: 1, whole: 'CLS' }, token)",
        [row.tolist(), token],
    )
    entropy = -(row * np.log(row)).sum() / np.log(TOKENS)
    expected = {"evenness": entropy, "itself": row[token]} | ({"CLS": row[0]} if token else {})
    assert [name for name, *_ in got] == list(expected)
    np.testing.assert_allclose([value for _, value, _ in got], list(expected.values()), rtol=1e-5)
    of_text = tab.evaluate("row => rowNumbers(Float32Array.from(row), 11)", row[:12].tolist())
    before = {"itself": row[11], "one before": row[10], "last eight": row[3:11].sum(), "first": row[0]}
    np.testing.assert_allclose([value for _, value, _ in of_text[1:]], list(before.values()), rtol=1e-5)
    assert [name for name, *_ in of_text[1:]] == list(before)
    alone = tab.evaluate("() => rowNumbers(Float32Array.of(1), 0)")
    assert [value for _, value, _ in alone] == [None, 1, None, None, 1]  # it has no choice and nothing before it


def test_colours_against_even_attention_are_powers_of_two(tab: Page):
    shares = [0.5, 0.25, 0.125, 0.125, 0.0]
    got = tab.evaluate("shares => [...againstEven(Float32Array.from(shares), 8)]", shares)
    assert got[:4] == [2, 1, 0, 0]
    assert got[4] < -100  # finite, far below the end of the scale
    assert tab.evaluate("attentionColors(Float32Array.of(1, 0), 8, true, made.data.look).limits") == [-3, 3]
    assert tab.evaluate("[0.126, 1, 1.57, 23.4].map(timesEven)") == ["0.13×", "1.0×", "1.6×", "23×"]


def test_a_click_opens_the_head_and_once_more_all(tab: Page):
    cell(tab, 3, 2).click()
    assert {name: photo.last_sent(tab)[name] for name in ("layer", "heads")} == {"layer": 3, "heads": [2]}
    expect(cell(tab, 3, 2)).to_have_attribute("aria-selected", "true")
    expect(tab.get_by_role("img", name=re.compile("^Attention: layer 3, head 2"))).to_be_visible()
    cell(tab, 3, 2).click()
    assert photo.last_sent(tab)["heads"] == []


def test_arrow_keys_go_from_head_to_head_and_leave_the_patch_alone(tab: Page):
    cell(tab, 1, 3).click()
    for key in ("ArrowDown", "ArrowRight", "ArrowLeft"):  # the second finds no head further right
        tab.keyboard.press(key)
    said = photo.last_sent(tab)
    assert (said["layer"], said["heads"], said["token"]) == (2, [2], 0)
    expect(cell(tab, 2, 2)).to_be_focused()


def test_small_pictures_are_the_heads_and_wait_for_their_layer(tab: Page):
    u = projections(3).astype(np.float16).astype(np.float32)
    shares = attention_rows(u, u, 0)[1, 1:]
    lifted = np.clip((np.log2(shares * TOKENS) + 3) / 6, 0, 1)
    tab.get_by_role("button", name="× even").click()
    tab.wait_for_timeout(100)
    pixels = (
        cell(tab, 3, 2)
        .locator("canvas")
        .evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    )
    table = np.array(tab.evaluate("made.data.look.signed")).reshape(256, 3)
    expected = table[np.rint(255 * lifted).astype(int)]
    assert np.abs(np.reshape(pixels, (-1, 4))[:, :3].astype(int) - expected).max() <= 6  # half precision: a level
    expect(cell(tab, 4, 1).locator("canvas")).to_be_hidden()


def test_cells_tell_the_numbers_of_the_run_its_control_and_their_difference(tab: Page):
    numbers = lens.photo_heads(photo.trace(), control())["heads.itself"]
    tab.get_by_label("What the cells show").select_option("itself")
    share = lambda value: f"{100 * value:.1f} %"  # noqa: E731
    expect(cell(tab, 4, 3)).to_have_accessible_name(f"layer 4, head 3: {share(numbers[0, 3, 2])}")
    cell(tab, 4, 3).hover()
    caption = tab.locator(".overview figcaption")
    expect(caption).to_contain_text(f"Layer 4, head 3: {share(numbers[0, 3, 2])}; random-init control "
                                    f"{share(numbers[1, 3, 2])}; even attention {share(1 / TOKENS)}")  # fmt: skip
    most, least = (np.unravel_index(find(numbers[0]), numbers[0].shape) for find in (np.argmax, np.argmin))
    told = [f"layer {at + 1}, head {k + 1}, {share(numbers[0, at, k])}" for at, k in (most, least)]
    expect(tab.locator(".overview .verdict")).to_have_text(f"Most: {told[0]}; least: {told[1]}")
    tab.get_by_label("Whose numbers").select_option("control")
    expect(cell(tab, 1, 1)).to_have_accessible_name(f"layer 1, head 1: {share(numbers[1, 0, 0])}")
    tab.get_by_label("Whose numbers").select_option("difference")
    change = numbers[0, 0, 0] - numbers[1, 0, 0]
    expect(cell(tab, 1, 1)).to_have_accessible_name(
        f"layer 1, head 1: {'−' if change < 0 else '+'}{share(abs(change))}"
    )
    assert photo.last_sent(tab)["network"] == "difference"
    tab.get_by_label("What the cells show").select_option("objects")
    expect(caption).to_contain_text(re.compile("on its way", re.I))  # of the cell under the pointer, or of all


def test_a_head_tells_its_numbers_and_what_it_gives_to_the_patch_under_the_pointer(tab: Page):
    u = projections(2).astype(np.float16).astype(np.float32)
    row = attention_rows(u, u, 0)[0]
    head = tab.locator(".head").first
    expect(head.locator(".numbers")).to_contain_text(f"evenness {-(row * np.log(row)).sum() / np.log(TOKENS):.2f}")
    box = head.locator("canvas").bounding_box()
    assert box
    head.locator("canvas").hover(position={"x": 0.1 * box["width"], "y": 0.1 * box["height"]})
    times = tab.evaluate("times => timesEven(times)", row[1] * TOKENS)
    expect(head.locator("figcaption")).to_contain_text(f"there, {times} even")
    expect(tab.locator(".lens")).to_have_attribute("data-token", "0")  # still of CLS


# ---- texts ----


@pytest.fixture
def words(page: Page) -> Page:
    return text.opened(page)


def test_the_matrix_is_that_of_the_chosen_heads(words: Page):
    u = text.projections(2)
    dense = np.array([attention_rows(u, u, token, causal=True) for token in range(len(text.TOKENS))])
    values = lambda: np.reshape(words.evaluate("[...lens.whole.values]"), dense.shape[::2])  # noqa: E731
    words.wait_for_function("lens.whole.done === lens.feed.count")
    np.testing.assert_allclose(values(), dense.mean(axis=1), rtol=1e-5, atol=1e-6)
    words.locator(".text-lens").press("2")
    words.wait_for_function("lens.whole.key.endsWith(',2') && lens.whole.done === lens.feed.count")
    np.testing.assert_allclose(values(), dense[:, 1], rtol=1e-5, atol=1e-6)
    canvas = words.locator(".matrix canvas")
    at = words.evaluate(
        "() => { const { margin, cell } = matrixPlace(6, lens.matrix.canvas.clientWidth); return [margin, cell]; }"
    )
    place = {"x": at[0] + 1.5 * at[1], "y": at[0] + 4.5 * at[1]}
    canvas.hover(position=place)
    share = dense[4, 1, 1]
    shown = f"{100 * share:.{1 if share < 0.1 else 0}f} %"
    expect(words.locator(".matrix figcaption")).to_contain_text(f"(5) → “␣cat” (2): {shown}, ")
    canvas.click(position=place)
    words.wait_for_function("sent.length && sent.at(-1).token === 5")


def test_small_matrices_hold_the_mean_share_of_their_tokens(words: Page):
    tokens = 100
    u = np.random.default_rng(3).standard_normal((HEADS, tokens, 8)).astype(np.float32)
    size, asked, flat = words.evaluate(
        """([u, heads, tokens]) => {
            const q = Float32Array.from(u);
            const made = smallMatrices({ heads, tokens, width: 8, query: q, key: q }, tokens);
            return [made.size, made.asked, [...made.values]];
        }""",
        [u.ravel().tolist(), HEADS, tokens],
    )
    got = np.reshape(flat, (HEADS, size, size))
    bins = np.arange(tokens) * size // tokens
    for row, token in enumerate(asked):
        shares = attention_rows(u, u, token, causal=True)
        expected = np.array([[one[bins == b].mean() for b in range(size)] for one in shares])
        np.testing.assert_allclose(got[:, row], expected, rtol=1e-4, atol=1e-6)
    assert (asked[0], asked[-1]) == (0, tokens - 1)


def test_heads_of_a_text_are_opened_from_the_overview(words: Page):
    cell(words, 3, 1).click()
    words.wait_for_function("sent.length && sent.at(-1).layer === 3 && sent.at(-1).heads[0] === 1")
    expect(words.locator(".matrix h5")).to_have_text("The whole attention of head 1, layer 3")
    numbers = words.locator(".heads .strip").nth(1).locator(".number").all_text_contents()
    row = attention_rows(text.projections(3), text.projections(3), len(text.TOKENS) - 1, causal=True)[0]
    assert numbers[0] == f"{-(row * np.log(row)).sum() / np.log(len(row)):.2f}"


# ---- in the app ----


def test_the_link_follows_a_head_that_is_opened_and_brings_it_back(page: Page, serve: Serve, cards):
    url = serve(APP, {zoo.MODELS_VARIABLE: str(cards["crate"].path.parent)})
    page.goto(f"{url}/layers?photo=flamingo&model={cards['crate'].name}")
    cell(page, 2, 2).click(timeout=PATIENCE_MS)
    page.wait_for_url(re.compile(r"(?=.*layer=2)(?=.*head=2)"), timeout=PATIENCE_MS)
    page.get_by_label("What the cells show").select_option("evenness")
    number = re.compile(r"head 2: [01]\.\d{3}$")
    expect(cell(page, 2, 2)).to_have_accessible_name(number, timeout=PATIENCE_MS)
    page.wait_for_url(re.compile(r"cells=evenness"), timeout=PATIENCE_MS)
    settle(page)
    page.reload()
    expect(cell(page, 2, 2)).to_have_accessible_name(number, timeout=PATIENCE_MS)
    expect(cell(page, 2, 2)).to_have_attribute("aria-selected", "true")
