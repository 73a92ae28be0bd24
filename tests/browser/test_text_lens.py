"""The lens on text in a real browser: its numbers against NumPy, its keys, and typing in the app."""

from __future__ import annotations

import base64
import itertools
import json
import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from explorer import lens, zoo
from explorer.families.crate import CRATE
from explorer.inputs.pieces import pieces_of_bytes
from explorer.lens import Colour, TextLensChoice
from explorer.measures.patches.attention import attention_rows
from explorer.measures.texts.language import next_tokens
from explorer.trace import Piece, Trace
from tests.browser.conftest import Serve
from tests.browser.test_app import APP, PATIENCE_MS, console_errors, settle

pytestmark = pytest.mark.browser
__all__ = ["console_errors"]  # a fixture

LAYERS, HEADS, WIDTH, WORDS = 3, 2, 8, 11
PARTS = ("the", " cat", "\n", "", " <b>sat", " on")
PIECES = pieces_of_bytes([part.encode() for part in PARTS])
BOXES = [0, 1, 2, 2, 3, 4]
"""The box of each token: the line's end is spelled by two."""
TOKENS = np.array([3, 1, 4, 1, 5, 9])
COLOUR = Colour("surprise in this layer", np.zeros((LAYERS, len(TOKENS))), "heat", "nats", "A number.")


class Card:
    """As much of a model card as the lens asks for."""

    name, family_label, layers, heads, head_dim = "model", "CRATE-LM", LAYERS, HEADS, WIDTH
    has_subspaces, reads_text, codes_dim, traits = True, True, 0, CRATE


def projections(layer: int, count: int = len(TOKENS)) -> np.ndarray:
    values = np.random.default_rng(layer).standard_normal((HEADS, count, WIDTH)).astype(np.float32)
    return values.astype(np.float16).astype(np.float32)  # what half precision keeps


def found(tokens: np.ndarray = TOKENS) -> list:
    rng = np.random.default_rng(7)
    return [next_tokens(rng.standard_normal((len(tokens), WORDS)), tokens, 3) for _ in range(LAYERS + 1)]


def feed(pieces: tuple[Piece, ...] = PIECES) -> bytes:
    tokens = np.resize(TOKENS, len(pieces))
    points = {f"subspace.{layer}": projections(layer, len(pieces))[None] for layer in range(1, LAYERS + 1)}
    points |= {f"z.{layer}": np.ones((1, len(pieces), 4)) for layer in range(1, LAYERS + 2)}
    trace = Trace(Card(), points, (1, len(pieces)), 1)  # pyright: ignore[reportArgumentType]
    return lens.text_feed("v", trace, tokens, pieces, found(tokens), lambda number: f"w{number}")


@pytest.fixture
def tab(page: Page) -> Page:
    return opened(page)


def opened(page: Page, pieces: tuple[Piece, ...] = PIECES) -> Page:
    """The lens with a text, at layer 2; `sent` holds what it reports."""
    page.set_content('<div style="width:900px"><div class="text-lens"></div></div>')
    page.add_style_tag(content=lens.asset("lens.css", "text.css"))
    page.add_script_tag(content=lens.asset(*lens.TEXT_SCRIPTS))
    settings = lens.text_settings("v", Card(), TextLensChoice(2, (), 0, "none"), len(TOKENS), [COLOUR], 0, "file")  # pyright: ignore[reportArgumentType]
    page.evaluate(
        """([settings, text]) => {
        window.sent = [];
        window.lens = create(document.querySelector('.text-lens'));
        update(lens, settings, (chosen) => sent.push(chosen));
        take(lens, readFeed(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));
    }""",
        [settings, base64.b64encode(feed(pieces)).decode()],
    )
    page.wait_for_selector(".text-lens[data-view=v]")
    return page


def test_causal_attention_is_numpys(tab: Page):
    for layer in range(1, LAYERS + 1):
        for token in range(len(TOKENS)):
            rows = tab.evaluate("([l, t]) => [...attentionRows(lens.feed.layer(l), t, true)]", [layer, token])
            u = projections(layer)
            expected = attention_rows(u, u, token, causal=True)
            np.testing.assert_allclose(np.reshape(rows, expected.shape), expected, rtol=1e-5, atol=1e-6)


def test_what_is_predicted_is_what_was_sent(tab: Page):
    for layer, one in enumerate(found(), start=1):
        got = tab.evaluate("l => lens.feed.names.map((_, t) => nextTokens(lens.feed, l, t))", layer)
        assert [[w["number"] for w in row] for row in got] == one.top.tolist()
        np.testing.assert_allclose([[w["share"] for w in row] for row in got], one.shares, rtol=1e-6)
        met = tab.evaluate("([l, n]) => lens.feed.names.map((_, t) => met(lens.feed, l, t))", [layer, 0])
        assert met[0] is None
        assert [m["rank"] for m in met[1:]] == one.rank.tolist()


def test_the_boxes_are_the_text_and_nothing_is_markup(tab: Page):
    boxes = tab.locator(".token")
    assert "".join(boxes.all_text_contents()).replace("⏎", "") == "".join(PARTS)
    assert boxes.count() == 1 + BOXES[-1]
    assert tab.locator(".text b").count() == 0


@pytest.mark.parametrize(
    ("text", "box", "share", "token"),
    [
        ("a👩\u200d👩\u200d👧!", 1, 0.01, 1),
        ("a👩\u200d👩\u200d👧!", 1, 0.99, 18),
        ("!מ", 1, 0.75, 1),
        ("!מ", 1, 0.25, 2),
    ],
)
def test_the_tokens_of_a_character_lie_in_its_box_in_the_direction_of_reading(page: Page, text, box, share, token):
    opened(page, pieces_of_bytes([bytes([byte]) for byte in text.encode()]))
    node = page.locator(".token").nth(box)
    area = node.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + share * area["width"], area["y"] + area["height"] / 2)
    expect(page.locator(".text-lens")).to_have_attribute("data-token", str(token + 1))
    expect(node).to_have_attribute("title", re.compile(rf"^<0x{text.encode()[token]:02X}>, byte {token} of \d+ of "))


def test_boxes_are_the_grapheme_clusters_that_the_browser_knows(page: Page):
    text = "e\u0301 é 👩\u200d👩\u200d👧\u200d👦🇩🇪🇫🇷 👍🏽 שָׁלוֹם مرحبا بِسْمِ 각 각 ค่ำ 猫\r\n\n"
    pieces = pieces_of_bytes([bytes([byte]) for byte in text.encode()])
    ends = [i for i, piece in enumerate(pieces) if piece.box] + [len(pieces)]
    boxes = [text.encode()[a:b].decode() for a, b in itertools.pairwise(ends)]
    assert boxes == page.evaluate("text => [...new Intl.Segmenter('en').segment(text)].map((one) => one.segment)", text)


def test_a_text_from_right_to_left_keeps_head_rows_and_table_in_order(page: Page):
    opened(page, pieces_of_bytes([part.encode() for part in ("שלום", " ", "עולם", " ", "and")]))
    expect(page.locator(".text")).to_have_css("unicode-bidi", "plaintext")
    first, last = (page.locator(".token").nth(i).bounding_box() for i in (0, 4))
    assert first is not None
    assert last is not None
    assert first["x"] > last["x"]  # the text runs to the left
    cells = page.locator(".table thead th")
    places = [area["x"] for area in (cells.nth(i).bounding_box() for i in range(6)) if area]
    assert places == sorted(places)  # the table does not
    strip = page.locator("button.strip").first
    label, row = (strip.locator(name).bounding_box() for name in ("span >> nth=0", "canvas"))
    assert label is not None
    assert row is not None
    assert label["x"] < row["x"]
    page.locator(".token").nth(0).hover()
    expect(page.locator(".scale + .caption")).to_contain_text("what “\u2068שלום\u2069”, token 1, attends to")


def test_pointing_shows_the_past_and_dims_the_future(tab: Page):
    chips = tab.locator(".token")
    chips.nth(BOXES[4]).hover()
    expect(tab.locator(".text-lens")).to_have_attribute("data-token", "5")
    expect(chips.nth(BOXES[5])).to_have_attribute("data-future", "")
    expect(chips.nth(BOXES[4])).not_to_have_attribute("data-future", "")
    u = projections(2)
    mean = attention_rows(u, u, 4, causal=True).mean(axis=0)
    caption = tab.locator(".scale + .caption")
    expect(caption).to_contain_text(f"({100 * mean.max():.0f} %; evenly spread, each would get 20 %)")
    tab.locator("h5").first.hover()
    expect(tab.locator(".text-lens")).to_have_attribute("data-token", str(len(TOKENS)))


def test_keys_and_clicks_choose_and_report(tab: Page):
    tab.locator(".token").nth(1).click()
    tab.locator(".text-lens").press("]")
    tab.locator(".text-lens").press("2")
    tab.locator(".text-lens").press("ArrowRight")
    tab.wait_for_function("sent.length && sent.at(-1).token === 3")
    said = tab.evaluate("sent.at(-1)")
    assert (said["layer"], said["heads"], said["token"], said["colour"]) == (3, [2], 3, "none")
    tab.get_by_label("Colour of the tokens").select_option(COLOUR.name)
    tab.locator("h5").first.hover()
    expect(tab.locator(".scale + .caption")).to_contain_text("A number. Layer 3.")
    expect(tab.locator(".token").nth(0)).to_have_attribute("style", "")  # no number, no colour
    tab.locator("td").first.click()
    tab.wait_for_function("sent.at(-1).token === 1")


def test_an_older_answer_does_not_undo_a_newer_choice(tab: Page):
    tab.locator(".text-lens").press("]")
    settings = json.dumps(
        lens.text_settings("v", Card(), TextLensChoice(1, (), 0, "none"), len(TOKENS), [COLOUR], 5, "file")
    )  # pyright: ignore[reportArgumentType]
    tab.evaluate("text => update(lens, JSON.parse(text), () => {})", settings)
    tab.wait_for_timeout(100)
    expect(tab.locator(".text-lens")).to_have_attribute("data-layer", "3")


def test_frames_are_quick(tab: Page):
    took = []
    for token in [*range(len(TOKENS)), *range(len(TOKENS))]:
        tab.evaluate("token => point(lens, token)", token)
        expect(tab.locator(".text-lens")).to_have_attribute("data-token", str(token + 1))
        took.append(float(tab.locator(".text-lens").get_attribute("data-frame-ms") or 99))
    assert np.median(took) < 16


def test_typing_in_the_app_changes_the_tokens(page: Page, serve: Serve, word_card):
    url = serve(APP, {zoo.MODELS_VARIABLE: str(word_card.path.parent)})
    page.goto(f"{url}/text?text=the+cat")
    page.wait_for_selector(".text-lens[data-view]", timeout=PATIENCE_MS)
    expect(page.locator(".text .token")).not_to_have_count(0)
    first = page.locator(".text-lens").get_attribute("data-view") or ""
    box = page.get_by_label("Text", exact=True).and_(page.locator("textarea"))
    box.press_sequentially(" sat", delay=20)
    expect(page.locator(".text-lens")).not_to_have_attribute("data-view", first, timeout=PATIENCE_MS)
    expect(page.locator(".text")).to_have_text("the cat sat")
    page.wait_for_url(re.compile(r"text=the(\+|%20)cat(\+|%20)sat"), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Repetition").click()
    expect(page.locator(".text")).to_contain_text("The cat saw", timeout=PATIENCE_MS)
    settle(page)
