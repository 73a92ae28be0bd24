"""Several views in one lens: one pointer, layers that go together, and two views over each other."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from explorer import lens
from explorer.families.crate import CRATE
from explorer.trace import Trace, layer_on
from tests.browser.conftest import bring

pytestmark = pytest.mark.browser

PATCH, HEADS, WIDTH = 8, 3, 16
LAYERS = {"v": 4, "w": 2}
GRIDS = {"v": (4, 4), "w": (2, 2)}
COLOURS = {"v": (200, 30, 30), "w": (30, 30, 200)}


class Card:
    name, heads, head_dim, patch, has_subspaces, traits = "model", HEADS, WIDTH, PATCH, True, CRATE
    reads_text, prefix, has_class_token = False, ("CLS",), True

    def __init__(self, view: str) -> None:
        self.layers = LAYERS[view]


def trace(view: str) -> Trace:
    tokens = 1 + GRIDS[view][0] * GRIDS[view][1]
    rng = np.random.default_rng(len(view))
    points = {f"subspace.{n}": rng.standard_normal((1, HEADS, tokens, WIDTH)) for n in range(1, LAYERS[view] + 1)}
    return Trace(Card(view), points, GRIDS[view], PATCH)  # pyright: ignore[reportArgumentType]


def picture(view: str) -> np.ndarray:
    rows, cols = GRIDS[view]
    return np.full((rows * PATCH, cols * PATCH, 3), COLOURS[view], np.uint8)


@pytest.fixture
def tab(lens_page: Page) -> Page:
    """Two views of one photo, 4×4 and 2×2 patches, layers by depth; of w only layer 1 is here."""
    page = lens_page
    for view in LAYERS:
        bring(page, lens.photo_feed(f"photo {view}", picture(view)))
    for view, layer in (("v", 1), ("v", 2), ("v", 3), ("v", 4), ("w", 1)):
        bring(page, lens.attention_feed(view, trace(view), layer))
    attention = [lens.Panel("attention", f"Attention {view}", view=view) for view in LAYERS]
    over = lens.Panel("versus", "Both", view="v", versus="w", over="photo", names=("A", "B"))
    sections = [lens.Section([*attention, over], columns=3), lens.Section(strip=True, view="w")]
    grids = {view: lens.grid(trace(view), picture(view), photo=f"photo {view}") for view in LAYERS}
    data = lens.settings(
        "v", grids, Card("v"), lens.LensChoice(1, (), 0), sections, lens.LensLook(), by_depth=True,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    page.evaluate(
        """text => {
            window.made = createLens(document.querySelector('.lens'));
            update(made, JSON.parse(text), (chosen) => sent.push(chosen));
        }""",
        json.dumps(data),
    )
    expect(page.locator(".lens")).to_have_attribute("data-layer", "1")
    return page


def test_a_patch_under_the_pointer_is_that_place_in_every_view(tab: Page):
    image = tab.get_by_role("img", name="Attention w")
    box = image.bounding_box()
    assert box
    image.hover(position={"x": 0.9 * box["width"], "y": 0.6 * box["height"]})
    expect(tab.get_by_text("of the patch in row 3, column 4")).to_be_visible()
    expect(tab.get_by_text("of the patch in row 2, column 2")).to_be_visible()


def test_layers_go_together_and_one_that_is_not_here_is_asked_for(tab: Page):
    tab.locator(".lens").focus()
    for _ in range(3):
        tab.keyboard.press("]")
    expect(tab.get_by_text("layer 4, mean of all heads, of CLS")).to_be_visible()
    expect(tab.get_by_text("layer 2 is on its way…")).to_be_visible()
    tab.wait_for_function("sent.length && sent.at(-1).layer === 4")
    assert tab.evaluate("sent.at(-1).have") == {"v": [1, 2, 3, 4], "w": [1]}
    bring(tab, lens.attention_feed("w", trace("w"), 2))
    expect(tab.locator(".lens")).to_have_attribute("data-layer", "4")
    expect(tab.get_by_text("layer 2, mean of all heads, of CLS")).to_be_visible()


def test_layers_go_together_as_in_python(tab: Page):
    cases = [(layer, 8, others, by) for layer in range(1, 9) for others in (1, 3, 8, 12) for by in (True, False)]
    found = tab.evaluate(
        """cases => cases.map(([layer, layers, others, byDepth]) =>
            layerOn({ view: 'a', byDepth, views: { a: { layers }, b: { layers: others } } }, layer, 'b'))""",
        [list(case) for case in cases],
    )
    assert found == [layer_on(*case) for case in cases]


def test_a_strip_shows_the_heads_of_its_own_view(tab: Page):
    expect(tab.get_by_role("img", name="Attention of head")).to_have_count(HEADS)
    assert tab.evaluate("made.panels.filter((panel) => panel.kind === 'head').every((panel) => panel.view === 'w')")


def pixel(page: Page, across: float) -> list[int]:
    """Colour of the picture of both views, at a share of its width, half-way down."""
    return page.evaluate(
        """across => {
            const { canvas } = made.panels.find((panel) => panel.kind === 'versus');
            const data = canvas.getContext('2d').getImageData(across * canvas.width, canvas.height / 2, 1, 1).data;
            return [...data.subarray(0, 3)];
        }""",
        across,
    )


def test_two_views_are_swiped_over_each_other(tab: Page):
    np.testing.assert_allclose(pixel(tab, 0.25), COLOURS["v"], atol=6)  # a JPEG's colours
    np.testing.assert_allclose(pixel(tab, 0.75), COLOURS["w"], atol=6)
    slider = tab.get_by_role("slider", name="How much of the picture is A")
    slider.fill("100")
    tab.wait_for_function("made.frame === null")
    np.testing.assert_allclose(pixel(tab, 0.75), COLOURS["v"], atol=6)


def test_blinking_they_take_turns_until_it_is_stopped(tab: Page):
    button = tab.get_by_role("button", name="Blink")
    button.click()
    for name in ("B", "A"):
        expect(tab.get_by_text(f"now {name}")).to_be_visible()
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    expect(tab.get_by_text("left A, right B")).to_be_visible()


@pytest.fixture
def film(tab: Page) -> Page:
    """The same two views as the shots of a film, with a curve over the layers and one over the shots."""
    values = [np.array([4.0, 3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])]
    panels = [
        lens.Panel("photo", "Picture"),
        lens.shots_panel("Layers", "R (nats)", values, control=np.full(4, 2.5), last=values[1]),
        lens.film_panel(
            "Story", "R (nats)", [("mean", "#123456", lens.SOLID, np.array([7.0, 9.0]))], ["0", "3.5"], "epoch"
        ),
    ]
    grids = {view: lens.grid(trace(view), picture(view), photo=f"photo {view}") for view in LAYERS}
    data = lens.settings(
        "v", grids, Card("v"), lens.LensChoice(1, (), 0), [lens.Section(panels)], lens.LensLook(),  # pyright: ignore[reportArgumentType]
        toolbar=["film", "layer"], shots=[("v", "0"), ("w", "3.5")], film_label="Epoch",
    )  # fmt: skip
    tab.evaluate("text => update(made, JSON.parse(text), (chosen) => sent.push(chosen))", json.dumps(data))
    expect(
        tab.get_by_role("img", name="Layers: layer 1: now 4 nats, at the end 1 nats, random-init control 2.5 nats")
    ).to_be_visible()
    return tab


def shown(page: Page) -> list[int]:
    """A pixel of the picture."""
    return page.evaluate(
        """() => {
            const { canvas } = made.panels.find((panel) => panel.kind === 'photo');
            return [...canvas.getContext('2d').getImageData(2, 2, 1, 1).data.subarray(0, 3)];
        }"""
    )


def test_the_film_goes_from_shot_to_shot_with_pictures_and_curves(film: Page):
    np.testing.assert_allclose(shown(film), COLOURS["v"], atol=6)
    film.get_by_role("slider", name="Epoch").fill("1")
    expect(film.get_by_role("img", name="Layers: layer 1: now 1 nats")).to_be_visible()
    expect(film.get_by_role("img", name="Story: epoch 3.5: mean 9 nats")).to_be_visible()
    np.testing.assert_allclose(shown(film), COLOURS["w"], atol=6)
    film.wait_for_function("sent.length && sent.at(-1).shot === 1")
    film.locator(".lens").focus()
    film.keyboard.press(",")
    expect(film.get_by_role("img", name="Story: epoch 0: mean 7 nats")).to_be_visible()


def test_a_click_on_the_story_goes_to_that_shot_and_play_goes_on(film: Page):
    chart = film.get_by_role("img", name="Story")
    box = chart.bounding_box()
    assert box
    chart.click(position={"x": 54 + 0.8 * (box["width"] - 68), "y": box["height"] / 2})
    film.wait_for_function("sent.length && sent.at(-1).shot === 1")
    film.get_by_role("button", name="Play the film").click()
    expect(film.get_by_role("img", name="Layers: layer 1: now 4 nats")).to_be_visible()
    expect(film.get_by_role("img", name="Layers: layer 1: now 1 nats")).to_be_visible()
    film.get_by_role("button", name="Pause").click()


def test_who_moves_the_slider_stops_the_film(film: Page):
    film.get_by_role("button", name="Play the film").click()
    expect(film.get_by_role("button", name="Pause")).to_have_count(1)
    film.get_by_role("slider", name="Epoch").fill("0")
    expect(film.get_by_role("button", name="Pause")).to_have_count(0)
    film.wait_for_timeout(1500)
    expect(film.get_by_role("img", name="Story: epoch 0: mean 7 nats")).to_be_visible()


def test_the_film_rests_at_its_end_before_it_starts_again(film: Page):
    film.evaluate(
        """() => {
            window.seen = [];
            const known = share;
            share = (lens) => { seen.push(lens.shot); known(lens); };
            window.tick = null;
            window.setInterval = (next) => ((window.tick = next), 1);
            toggle(made, 'shot');
            for (let i = 0; i < 5; i++) tick();
        }"""
    )
    assert film.evaluate("seen") == [1, 0, 1]  # two ticks of rest at shot 1, each time
    film.evaluate("toggle(made, 'shot')")


def test_pictures_that_are_like_each_other_share_the_ends_of_their_scale(tab: Page):
    limits = tab.evaluate(
        """() => {
            const of = (view, like) => {
                const scene = sceneOf(made, { view });
                const others = like.map((one) => sceneOf(made, { view: one }));
                return limitsWith(scene.heat, { ...scene, like: others }, (one) => one.heat);
            };
            return [of('v', []), of('w', []), of('v', ['v', 'w']), of('w', ['v', 'w'])];
        }"""
    )
    (low_v, high_v), (low_w, high_w), *shared = limits
    assert shared == [[min(low_v, low_w), max(high_v, high_w)]] * 2
    assert (low_v, high_v) != (low_w, high_w)
