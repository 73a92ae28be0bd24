"""The lens's JavaScript in a real browser, without Streamlit: its numbers against NumPy, and its manners."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from explorer import lens
from explorer.families.crate import CRATE
from explorer.figures.pictures import outline
from explorer.figures.style import OBJECT_COLORS
from explorer.measures.patches.attention import attention_rows, threshold_entries, threshold_mass
from explorer.measures.patches.methods import Segments, place_attention
from explorer.measures.rates.histogram import threshold_histogram
from explorer.trace import Trace
from tests.browser.conftest import bring

pytestmark = pytest.mark.browser

ROWS, COLS, PATCH, STRIDE = 4, 5, 8, 8
HEADS, WIDTH, LAYERS = 3, 16, 4
TOKENS = 1 + ROWS * COLS
FRAME_MS = 16


class Card:
    """As much of a model card as a lens asks for."""

    name, layers, heads, head_dim, patch = "model", LAYERS, HEADS, WIDTH, PATCH
    has_subspaces, traits, reads_text, prefix, has_class_token = True, CRATE, False, ("CLS",), True


def projections(layer: int, tokens: int = TOKENS, heads: int = HEADS, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(layer).standard_normal((heads, tokens, width)).astype(np.float32)


def trace() -> Trace:
    points = {f"subspace.{layer}": projections(layer)[None] for layer in range(1, LAYERS + 1)}
    return Trace(Card(), points, (ROWS, COLS), STRIDE)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def tab(lens_page: Page) -> Page:
    return lens_page


@pytest.fixture
def drawn(tab: Page) -> Page:
    return opened(tab)


def opened(tab: Page) -> Page:
    """The lens of a random photo at layer 2, with layers 1–3 of 4 in hand."""
    picture = np.random.default_rng(9).integers(0, 255, (ROWS * PATCH, COLS * PATCH, 3), np.uint8)
    bring(tab, lens.photo_feed("photo", picture))
    for layer in (1, 2, 3):
        bring(tab, lens.attention_feed("v", trace(), layer))
    labels = np.zeros((ROWS, COLS), np.uint8)
    labels[1:3, 1:4] = 1
    bring(tab, lens.segments_feed("v", {f"maskcut.{k}": Segments("maskcut", k, None, labels) for k in (1, 2, 3)}))
    show(tab)
    tab.wait_for_function("document.querySelector('.lens').dataset.layer === '2'")
    return tab


def show(page: Page, layer: int = 2, heads: tuple[int, ...] = (), token: int = 0, at: int = 0) -> None:
    panels = [lens.PANELS[name] for name in ("photo", "attention", "objects", "kept")]
    sections = [lens.Section(panels), lens.Section(strip=True, title="Every head")]
    picture = np.zeros((ROWS * PATCH, COLS * PATCH, 3), np.uint8)
    data = lens.settings(
        "v", {"v": lens.grid(trace(), picture)}, Card(),  # pyright: ignore[reportArgumentType]
        lens.LensChoice(layer, heads, token), sections, lens.LensLook(), at=at, alt="a <b> photo",
    )  # fmt: skip
    page.evaluate(
        """text => {
            window.made ??= createLens(document.querySelector('.lens'));
            update(made, JSON.parse(text), (chosen) => sent.push(chosen));
        }""",
        json.dumps(data),
    )


def canvas(page: Page, title: str):
    return page.get_by_role("img", name=title).first


def at(page: Page, title: str, row: int, col: int) -> dict[str, float]:
    box = canvas(page, title).bounding_box()
    assert box
    return {"x": (col + 0.5) / COLS * box["width"], "y": (row + 0.5) / ROWS * box["height"]}


def last_sent(page: Page) -> dict:
    page.wait_for_function("sent.length > 0")
    page.wait_for_timeout(250)  # longer than the pause between two reports
    return page.evaluate("sent.at(-1)")


# ---- masks with the photo's edges ----


def disc() -> np.ndarray:
    """Labels of the photo's pixels: a disc of label 2 around a smaller one of label 1, and background."""
    rows, cols = np.indices((ROWS * PATCH, COLS * PATCH))
    away = np.hypot(rows - 15.5, cols - 19.5)
    return np.select([away < 6, away < 13], [1, 2]).astype(np.uint8)


def test_labels_of_pixels_come_as_runs(tab: Page):
    large = np.zeros((300, 400), np.uint8)  # its background is one run longer than 65,535
    large[-1, -3:] = 7
    for i, labels in enumerate((disc(), large, np.full((1, 1), 3, np.uint8))):
        sharp = Segments("maskcut", 1, None, labels, edges="photo")
        feed = lens.segments_feed(f"runs{i}", {"maskcut.1": sharp})
        assert len(feed) < 800
        bring(tab, feed)
        tab.evaluate(f"window.got = feedsOf('runs{i}').segments.get('maskcut.1')")
        shape, got = tab.evaluate("[got.shape, Array.from(got.data)]")
        assert shape == list(labels.shape)
        np.testing.assert_array_equal(np.reshape(got, shape), labels)


def test_objects_are_drawn_on_the_pixels_of_their_masks(drawn: Page):
    labels = disc()
    before = pixels_of(drawn, "Objects")
    bring(drawn, lens.segments_feed("v", {"maskcut.2": Segments("maskcut", 2, None, labels, edges="photo")}))
    expect(drawn.get_by_text("layer 2, 2 objects found, up to 3 asked for")).to_be_visible()
    after, plain = pixels_of(drawn, "Objects"), pixels_of(drawn, "Photo")
    np.testing.assert_array_equal(after[labels == 0], plain[labels == 0])  # no pixel outside is touched
    assert (before[labels == 0] != plain[labels == 0]).any()  # the blocks reached further
    first, second = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in OBJECT_COLORS[:2])
    for label, color in ((1, first), (2, second)):
        edge = outline(labels == label)
        mixed = np.where(edge[..., None], color, plain + 0.65 * 0.75 * (color - plain))
        at = labels == label
        np.testing.assert_allclose(after[at], mixed[at], rtol=0, atol=3)


def test_parts_end_at_the_edge_of_their_mask(tab: Page):
    """Colours are smooth between the patches and cut out along the pixels; the background goes dark."""
    labels, colours = (disc() > 0).astype(np.uint8), np.full((ROWS, COLS, 3), [0.2, 0.4, 1.0])
    opened(tab)
    panels = [lens.PANELS["photo"], lens.PANELS["parts"]]
    picture = np.zeros((ROWS * PATCH, COLS * PATCH, 3), np.uint8)
    look = lens.LensLook(alpha=1.0)
    data = lens.settings(
        "v", {"v": lens.grid(trace(), picture)}, Card(),  # pyright: ignore[reportArgumentType]
        lens.LensChoice(2, (), 0), [lens.Section(panels)], look, at=1,
    )  # fmt: skip
    bring(tab, lens.segments_feed("v", {"pca.2": Segments("pca", 2, None, labels, colours, edges="photo")}))
    tab.evaluate("text => update(made, JSON.parse(text), () => {})", json.dumps(data))
    tab.wait_for_function("document.querySelector('[aria-label^=Parts]')")
    got = pixels_of(tab, "Parts")
    np.testing.assert_array_equal(got[labels == 0], 0)
    np.testing.assert_allclose(got[labels == 1], np.broadcast_to([51, 102, 255], got[labels == 1].shape), atol=1)


def pixels_of(page: Page, title: str) -> np.ndarray:
    """What a panel shows, (H,W,3)."""
    height, width, data = page.evaluate(
        """title => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
            const canvas = document.querySelector(`[aria-label^="${title}"]`);
            const { width, height } = canvas;
            done([height, width, Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data)]);
        })))""",
        title,
    )
    return np.reshape(data, (height, width, 4))[..., :3].astype(float)


# ---- numbers ----


def test_every_half_precision_number_is_read_as_numpy_reads_it(tab: Page):
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    finite = np.isfinite(values)
    got = np.array(tab.evaluate("() => Array.from(halves(), (x) => Number.isFinite(x) ? x : 0)"))
    np.testing.assert_array_equal(got[finite], values[finite])


def attention_in_browser(tab: Page, feed: bytes, token: int) -> np.ndarray:
    flat = tab.evaluate(
        """([text, token]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            return Array.from(attentionRows(attentionLayer(unpackArrays(bytes).arrays), token));
        }""",
        [base64.b64encode(feed).decode(), token],
    )
    return np.array(flat).reshape(HEADS, TOKENS)


@pytest.mark.parametrize("token", [0, 1, TOKENS - 1])
def test_attention_equals_the_measure(tab: Page, token: int):
    expected = attention_rows(projections(3), projections(3), token)
    got = attention_in_browser(tab, lens.attention_feed("v", trace(), 3), token)
    np.testing.assert_allclose(got, expected, rtol=2e-2, atol=1e-4)  # half precision rounds by 5e-4
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-5)
    halves = projections(3).astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(got, attention_rows(halves, halves, token), rtol=2e-5, atol=1e-7)


def test_attention_of_bytes_equals_the_measure_of_rounded_projections(tab: Page):
    u = projections(3)
    scale = np.abs(u).max(axis=-1, keepdims=True) / 63
    rounded = np.rint(u / scale) * scale
    got = attention_in_browser(tab, lens.attention_feed("v", trace(), 3, levels=63), 4)
    np.testing.assert_allclose(got, attention_rows(rounded, rounded, 4), rtol=1e-4, atol=1e-6)


def test_query_and_key_of_a_vit_are_not_mixed_up(tab: Page):
    q, k = projections(1), projections(2)
    feed = lens.pack_arrays({}, {"query": q.astype(np.float16), "key": k.astype(np.float16)})
    np.testing.assert_allclose(attention_in_browser(tab, feed, 2), attention_rows(q, k, 2), rtol=3e-2, atol=1e-4)


def in_front_of(tab: Page, prefix: tuple[str, ...], place: int) -> tuple[np.ndarray, np.ndarray]:
    """What a place attends to in the browser and by the measures, (K,rows,cols), with these tokens in front."""

    class Other(Card):
        pass

    Other.prefix, Other.has_class_token = prefix, "CLS" in prefix
    tokens = len(prefix) + ROWS * COLS
    halves = projections(3, tokens).astype(np.float16).astype(np.float32)
    run = Trace(Other(), {"subspace.3": halves[None]}, (ROWS, COLS), STRIDE)  # pyright: ignore[reportArgumentType]
    flat = tab.evaluate(
        """([text, grid, place]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            return Array.from(placeRows(attentionLayer(unpackArrays(bytes).arrays), grid, place));
        }""",
        [base64.b64encode(lens.attention_feed("v", run, 3)).decode(),
         lens.grid(run, np.zeros((ROWS * PATCH, COLS * PATCH, 3), np.uint8)), place],
    )  # fmt: skip
    got = np.array(flat).reshape(HEADS, tokens)[:, len(prefix) :].reshape(HEADS, ROWS, COLS)
    return got, place_attention(run, 3, place)


@pytest.mark.parametrize("place", [0, 1, 7])
@pytest.mark.parametrize("prefix", [(), ("CLS", "register 1", "register 2"), ("register 1",)])
def test_a_place_is_the_same_whatever_stands_in_front(tab: Page, prefix, place):
    got, expected = in_front_of(tab, prefix, place)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.6, 0.95])
def test_both_threshold_rules_keep_what_the_measures_keep(tab: Page, keep: float):
    values = np.random.default_rng(1).random(37).astype(np.float32)
    values[5] = values[20]
    for name, rule in (
        ("keepEntries", threshold_entries),
        ("keepMass", threshold_mass),
    ):
        got = tab.evaluate(f"([v, keep]) => Array.from({name}(Float32Array.from(v), keep))", [values.tolist(), keep])
        np.testing.assert_array_equal(np.array(got, bool), rule(values, keep), err_msg=name)


def test_the_scale_ends_where_numpys_percentiles_are(tab: Page):
    values = np.random.default_rng(2).random(200).astype(np.float32)
    got = tab.evaluate("v => limitsOf(Float32Array.from(v))", values.tolist())
    np.testing.assert_allclose(got, np.percentile(values, [1, 99]), rtol=1e-5)


def test_the_patch_with_the_nearest_centre_is_meant(tab: Page):
    dense = {"rows": 5, "cols": 7, "patch": 16, "stride": 8, "height": 48, "width": 64}
    centres = np.array([[8 + 8 * r, 8 + 8 * c] for r in range(5) for c in range(7)])
    for x, y in ((27, 21), (1, 47), (63, 1), (33, 24)):
        nearest = 1 + int(np.argmin(((centres - [y, x]) ** 2).sum(axis=1)))
        assert tab.evaluate("([g, x, y]) => tokenAt(g, x / 64, y / 48)", [dense, x, y]) == nearest


def test_a_place_is_the_same_on_another_grid(tab: Page):
    fine = {"rows": 8, "cols": 8, "patch": 4, "stride": 4, "height": 32, "width": 32}
    coarse = {"rows": 4, "cols": 4, "patch": 8, "stride": 8, "height": 32, "width": 32}
    assert tab.evaluate("([a, b]) => tokenOn(a, 1 + 5 * 8 + 6, b)", [fine, coarse]) == 1 + 2 * 4 + 3
    assert tab.evaluate("([a, b]) => tokenOn(a, 0, b)", [fine, coarse]) == 0


def test_a_frame_at_785_tokens_and_12_heads_is_fluid(tab: Page):
    class Large(Card):
        heads, head_dim, layers, patch = 12, 64, 1, 8

    u = projections(1, 785, 12, 64)
    big = Trace(Large(), {"subspace.1": u[None]}, (28, 28), 8)  # pyright: ignore[reportArgumentType]
    picture = np.zeros((224, 224, 3), np.uint8)
    bring(tab, lens.photo_feed("photo", picture))
    bring(tab, lens.attention_feed("large", big, 1))
    panels = [lens.PANELS["photo"], lens.PANELS["attention"], lens.PANELS["kept"]]
    data = lens.settings(
        "large", {"large": lens.grid(big, picture)}, Large(), lens.LensChoice(1, (), 0),  # pyright: ignore
        [lens.Section(panels), lens.Section(strip=True)], lens.LensLook(),
    )  # fmt: skip
    times = tab.evaluate(
        """async (text) => {
            const large = createLens(document.querySelector('.lens'));
            update(large, JSON.parse(text), () => {});
            const times = [];
            for (let token = 1; token < 60; token++) {
                point(large, token * 13);
                await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
                times.push(Number(large.root.dataset.frameMs));
            }
            close(large);
            return times;
        }""",
        json.dumps(data),
    )
    assert np.median(times) <= FRAME_MS * 2  # other tests share the machine; `bench --ui` holds it to 16 ms


# ---- manners ----


def test_hover_shows_the_attention_of_the_patch_and_leaving_returns(drawn: Page):
    lens_root = drawn.locator(".lens")
    canvas(drawn, "Photo").hover(position=at(drawn, "Photo", 2, 3))
    expect(lens_root).to_have_attribute("data-token", str(1 + 2 * COLS + 3))
    expect(drawn.get_by_text("of the patch in row 3, column 4", exact=False).first).to_be_visible()
    drawn.mouse.move(899, 1)
    expect(lens_root).to_have_attribute("data-token", "0")
    assert drawn.evaluate("sent") == []  # looking tells nobody


def test_hover_draws_what_the_measure_says(drawn: Page):
    """The brightest drawn pixel lies in the patch with the most attention."""
    canvas(drawn, "Attention").hover(position=at(drawn, "Attention", 1, 1))
    token = 1 + COLS + 1
    expected = attention_rows(projections(2), projections(2), token).mean(axis=0)[1:]
    expect(drawn.get_by_text("of the patch in row 2, column 2", exact=False).first).to_be_visible()
    drawn.evaluate("() => { made.data.alpha = 1; draw(made); }")
    bright = drawn.evaluate(
        """([cols, patch]) => {
            const canvas = document.querySelectorAll('canvas')[1];
            const context = canvas.getContext('2d');
            const sums = [];
            for (let i = 0; i < 20; i++) {
                const [r, c] = [Math.floor(i / cols), i % cols];
                const p = context.getImageData(c * patch + 4, r * patch + 4, 1, 1).data;
                sums.push(p[0] + p[1] + p[2]);
            }
            return sums;
        }""",
        [COLS, PATCH],
    )
    bright[token - 1] = -1  # its outline is drawn over it
    rank = np.argsort(np.argsort(np.delete(expected, token - 1)))
    drawn_rank = np.argsort(np.argsort(np.delete(np.array(bright), token - 1)))
    assert np.corrcoef(rank, drawn_rank)[0, 1] > 0.9


def test_click_pins_and_a_second_click_lets_go(drawn: Page):
    canvas(drawn, "Attention").click(position=at(drawn, "Attention", 0, 4))
    assert last_sent(drawn)["token"] == 5
    canvas(drawn, "Attention").click(position=at(drawn, "Attention", 0, 4))
    assert last_sent(drawn)["token"] == 0


def test_a_tap_pins(drawn: Page):
    canvas(drawn, "Photo").tap(position=at(drawn, "Photo", 3, 0))
    assert last_sent(drawn)["token"] == 16


def test_keys_move_the_patch_and_stop_at_the_edge(drawn: Page):
    drawn.locator(".lens").focus()
    drawn.keyboard.press("ArrowRight")  # nothing pinned yet: the middle
    assert last_sent(drawn)["token"] == 1 + 2 * COLS + 2
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"):
        drawn.keyboard.press(key)
    assert last_sent(drawn)["token"] == 1 + 3 * COLS + 1
    drawn.keyboard.press("Escape")
    assert last_sent(drawn)["token"] == 0


def test_brackets_change_the_layer_and_stop_at_the_ends(drawn: Page):
    drawn.locator(".lens").focus()
    drawn.keyboard.press("]")
    expect(drawn.locator(".lens")).to_have_attribute("data-layer", "3")
    assert last_sent(drawn)["layer"] == 3
    for _ in range(4):
        drawn.keyboard.press("[")
    expect(drawn.locator(".lens")).to_have_attribute("data-layer", "1")
    expect(drawn.get_by_text("1 of 4")).to_be_visible()


def test_digits_choose_the_head_and_zero_all(drawn: Page):
    drawn.locator(".lens").focus()
    drawn.keyboard.press("3")
    assert last_sent(drawn)["heads"] == [3]
    expect(drawn.get_by_text("layer 2, head 3, of CLS").first).to_be_visible()
    drawn.keyboard.press("9")  # no such head: nothing changes
    drawn.wait_for_timeout(800)
    drawn.keyboard.press("0")
    assert last_sent(drawn)["heads"] == []


def test_several_heads_with_shift(drawn: Page):
    drawn.get_by_role("img", name="Attention of head 1").click()
    drawn.get_by_role("img", name="Attention of head 3").click(modifiers=["Shift"])
    assert last_sent(drawn)["heads"] == [1, 3]
    expect(drawn.get_by_text("layer 2, mean of heads 1, 3, of CLS").first).to_be_visible()


def test_a_layer_that_is_not_here_is_asked_for_and_drawn_when_it_comes(drawn: Page):
    drawn.locator(".lens").focus()
    drawn.keyboard.press("]")
    drawn.keyboard.press("]")
    assert last_sent(drawn) | {"at": 0} == {
        "view": "v",
        "layer": 4,
        "heads": [],
        "token": 0,
        "shot": 0,
        "against": "range",
        "cells": "pictures",
        "network": "own",
        "at": 0,
        "have": {"v": [1, 2, 3]},
    }
    expect(drawn.get_by_text("layer 4 is on its way…").first).to_be_visible()
    bring(drawn, lens.attention_feed("v", trace(), 4))
    expect(drawn.locator(".lens")).to_have_attribute("data-layer", "4")


def test_an_answer_that_repeats_what_is_drawn_draws_nothing(drawn: Page):
    drawn.locator(".lens").focus()
    drawn.keyboard.press("[")
    drawn.wait_for_function("made.frame === null")
    drawn.evaluate("() => { const was = draw; window.draws = 0; draw = (lens) => { window.draws++; was(lens); }; }")
    draws = []
    for layer in (1, 3):
        show(drawn, layer=layer, at=drawn.evaluate("made.at"))
        drawn.wait_for_function("made.frame === null")
        draws.append(drawn.evaluate("draws"))
    assert draws == [0, 1]


def test_an_older_answer_of_the_page_does_not_undo_a_newer_choice(drawn: Page):
    drawn.locator(".lens").focus()
    drawn.keyboard.press("]")
    show(drawn, layer=1, at=1)
    expect(drawn.locator(".lens")).to_have_attribute("data-layer", "3")
    show(drawn, layer=1, at=drawn.evaluate("made.at"))
    expect(drawn.locator(".lens")).to_have_attribute("data-layer", "1")


def test_a_screen_reader_hears_where_attention_goes(drawn: Page):
    expect(drawn.locator(".lens")).to_have_attribute("aria-label", "a <b> photo")
    drawn.locator(".lens").focus()
    drawn.keyboard.press("ArrowUp")
    rows = attention_rows(projections(2), projections(2), 1 + 2 * COLS + 2).mean(axis=0)
    row, col = divmod(int(np.argmax(rows[1:])), COLS)
    said = drawn.locator(".said")
    assert said.get_attribute("aria-live") == "polite"
    expect(said).to_contain_text(f"looks most at the patch in row {row + 1}, column {col + 1}")


def test_play_goes_round_and_tells_the_page(drawn: Page):
    bring(drawn, lens.attention_feed("v", trace(), 4))
    drawn.get_by_role("button", name="Play").click()
    for layer in ("3", "4", "1"):
        expect(drawn.locator(".lens")).to_have_attribute("data-layer", layer)
    drawn.wait_for_function("[3, 4, 1].every((layer) => sent.some((one) => one.layer === layer))")
    drawn.get_by_role("button", name="Pause").click()
    assert last_sent(drawn)["layer"] == int(drawn.locator(".lens").get_attribute("data-layer") or 0)


@pytest.fixture
def charted(drawn: Page) -> Page:
    """The same view with a curve, bars over the heads and a map of numbers, in a lens of its own on the same page."""
    values, control = np.array([4.0, 3.0, 2.0, 1.5]), np.array([4.0, 4.0, 4.0, 4.0])
    per_head = np.arange(LAYERS * HEADS, dtype=float).reshape(LAYERS, HEADS) + 1
    panels = [
        lens.curve_panel("Curve", "R<sup>c</sup> (nats)", values, control),
        lens.bars_panel("Bars", "R<sup>c</sup> (nats)", per_head, total="sum"),
        lens.Panel("map", "Map", "rate", scale="rate", unit="nats"),
        lens.histogram_panel("Histogram", "threshold", ("before", "after")),
    ]
    entries = np.array([-1.0, 0.0, 1.0, 1.0])
    histogram = threshold_histogram(entries, np.maximum(entries, 0), 0.25)
    numbers = {"threshold.2": histogram, "threshold.3": histogram}
    numbers |= {f"rate.{k}": np.arange(ROWS * COLS, dtype=float).reshape(ROWS, COLS) * k for k in (1, 2, 3, 4)}
    bring(drawn, lens.segments_feed("v", {}, numbers))
    picture = np.zeros((ROWS * PATCH, COLS * PATCH, 3), np.uint8)
    data = lens.settings(
        "v", {"v": lens.grid(trace(), picture)}, Card(),  # pyright: ignore[reportArgumentType]
        lens.LensChoice(2, (), 0), [lens.Section(panels, wide=True)], lens.LensLook(), toolbar=(),
    )  # fmt: skip
    drawn.evaluate(
        """text => {
            const root = document.createElement('div');
            root.className = 'lens charts';
            document.body.append(root);
            window.charts = createLens(root);
            update(charts, JSON.parse(text), (chosen) => sent.push(chosen));
        }""",
        json.dumps(data),
    )
    expect(drawn.get_by_role("img", name="Curve: layer 2: trained 3 nats, random-init control 4 nats")).to_be_visible()
    return drawn


def test_a_step_in_one_lens_moves_the_charts_of_the_other_at_once(charted: Page):
    charted.locator(".lens").first.focus()
    charted.keyboard.press("]")
    expect(charted.get_by_role("img", name="Curve: layer 3: trained 2 nats")).to_be_visible()
    expect(charted.get_by_role("img", name="Bars: layer 3: sum = 24 nats")).to_be_visible()  # 7 + 8 + 9
    last_sent(charted)
    assert len(charted.evaluate("sent")) == 1  # only the lens in which it was chosen tells the page


def test_a_line_above_each_chart_says_what_it_says_of_the_layer_in_view(charted: Page):
    curve, bars, histogram = (charted.locator(".charts .verdict").nth(i) for i in range(3))
    said = "Below the control from layer 2 on (most in layer 4: −2.5 nats); falls from 4.0 to 1.5 nats"
    expect(curve).to_have_text(said)
    expect(bars).to_have_text("Most in head 3 (6.0 nats, 40 % of the sum), least in head 1 (4.0 nats)")  # 4 + 5 + 6
    expect(histogram).to_be_hidden()  # nothing was said of it
    charted.keyboard.press("]")
    expect(bars).to_have_text("Most in head 3 (9.0 nats, 38 % of the sum), least in head 1 (7.0 nats)")  # 7 + 8 + 9
    expect(curve).to_have_text(said)


def test_a_histogram_tells_the_zeros_and_the_counts_of_a_bin(charted: Page):
    chart = charted.get_by_role("img", name="Histogram")
    expect(chart).to_have_attribute("aria-label", re.compile("threshold 0.25; exactly 0: before 25 %, after 50 %"))
    box = chart.bounding_box()
    assert box
    chart.hover(position={"x": box["width"] - 15, "y": box["height"] / 2})  # the last bin
    expect(chart).to_have_attribute("aria-label", re.compile("0.974 … 1: before 2, after 2"))
    heights = chart.locator("path").first.get_attribute("d") or ""
    levels = [float(level) for level in re.findall(r"V([\d.]+)H", heights)]
    axis = max(levels)  # an empty bin; log10 of 1 and 2 above it, of ½, on a scale to 4
    scale = np.log10(4 / 0.5)
    top, bottom = 30, 250 - 40
    wanted = [bottom - (np.log10(count) - np.log10(0.5)) / scale * (bottom - top) for count in (0.5, 1, 2)]
    np.testing.assert_allclose([axis, levels[0], levels[-1]], wanted, atol=0.1)
    charted.locator(".lens").first.focus()
    charted.keyboard.press("]")
    charted.keyboard.press("]")
    expect(chart).to_have_attribute("aria-label", re.compile("layer 4 is on its way"))


def test_a_click_on_a_curve_goes_to_that_layer_and_on_a_bar_to_that_head(charted: Page):
    for name, at_share, expected in (("Curve", 0.9, ("layer", 4)), ("Bars", 0.5, ("heads", [2]))):
        chart = charted.get_by_role("img", name=name)
        box = chart.bounding_box()
        assert box
        chart.hover(position={"x": 54 + at_share * (box["width"] - 68), "y": box["height"] / 2})
        charted.mouse.down()
        charted.evaluate("() => drawChartPanel(charts, charts.panels[0]) ?? drawChartPanel(charts, charts.panels[1])")
        charted.mouse.up()  # drawn anew between press and release, as by a frame or an answer of the page
        wanted = "([key, value]) => sent.length && JSON.stringify(sent.at(-1)[key]) === JSON.stringify(value)"
        charted.wait_for_function(wanted, arg=list(expected))


def test_the_bars_are_as_tall_as_their_numbers(charted: Page):
    heights = charted.evaluate(
        "[...document.querySelectorAll('.charts rect')].map((r) => Number(r.getAttribute('height')))"
    )
    np.testing.assert_allclose(np.array(heights) / heights[0], np.array([4, 5, 6]) / 4, rtol=1e-3)


def test_a_map_tells_the_value_of_the_patch_under_the_pointer(charted: Page):
    canvas(charted, "Map").hover(position=at(charted, "Map", 2, 3))
    expect(charted.get_by_text("layer 2, 26 nats in the patch in row 3, column 4")).to_be_visible()  # 2·(2·5 + 3)


def test_a_chart_is_saved_as_svg_with_its_labels(charted: Page):
    charted.get_by_role("img", name="Curve").hover()
    with charted.expect_download() as saved:
        charted.get_by_title("Save “Curve” as SVG").click()
    text = saved.value.path().read_text()
    assert "Rᶜ (nats)" in text
    assert "random-init control" in text


@pytest.mark.parametrize("form", ["PNG", "SVG"])
def test_a_panel_is_saved(drawn: Page, form: str):
    canvas(drawn, "Objects").hover()
    with drawn.expect_download() as saved:
        drawn.get_by_title(f"Save “Objects (MaskCut)” as {form}").click()
    assert saved.value.suggested_filename == f"lens_objects_maskcut_layer2.{form.lower()}"
    data = saved.value.path().read_bytes()
    assert data.startswith(b"\x89PNG" if form == "PNG" else b"<svg")
    assert len(data) > 200
    if form == "SVG":
        assert b"layer 2, 1 object" in data


def test_the_store_forgets_the_view_looked_at_longest_ago(browser: Browser, tab: Page):
    tab.evaluate("() => { for (let i = 0; i < 5; i++) feedsOf(`old${i}`).bytes = 50e6; }")
    bring(tab, lens.attention_feed("v", trace(), 1))
    assert tab.evaluate("[...store.views.keys()]") == ["old2", "old3", "old4", "v"]
