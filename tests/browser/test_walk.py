"""The film of a layer in a real browser, with a clock that the test turns: it plays, it holds, it keeps still."""

import base64

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from explorer import runtime, zoo
from explorer.lens import asset, walk_feed
from explorer.measures.patches import walk_layer
from explorer.ui.components.web import sources
from tests.conftest import pixels, prepared

pytestmark = pytest.mark.browser
LAYER, TOKEN = 2, 5
SCRIPTS = asset("bytes.js", "dom.js") + sources("walk_scene.js", "walk_draw.js", "walk.js")
TITLES = ["1 Tokens", "2 Subspaces", "3 Compression", "4 Sparsification"]


@pytest.fixture(scope="module")
def walk(cards, opened):
    trace = runtime.run(opened["crate"], prepared(pixels(1)))
    return trace, walk_layer(trace, zoo.layer_weights(cards["crate"])[LAYER - 1], LAYER, TOKEN)


def show(page: Page, walk, width: int = 800) -> Locator:
    """The film on a page of its own, drawn for the first time; the clock stands."""
    trace, found = walk
    picture = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    page.clock.install()
    page.set_content(f'<div id="place" style="width:{width}px"><div class="walk"></div></div>')
    page.add_style_tag(content=sources("walk.css"))
    page.add_script_tag(content=SCRIPTS.replace("export default function", "window.show = function"))
    page.evaluate(
        """text => show({ parentElement: document.getElementById("place"),
                          data: Uint8Array.from(atob(text), (c) => c.charCodeAt(0)) })""",
        base64.b64encode(walk_feed("w", found, trace, picture, 4)).decode(),
    )
    film = page.locator(".walk")
    seen = "e => Boolean(e.walk.scene.photo && e.walk.seen)"
    for _ in range(100):
        if film.evaluate(seen):
            page.clock.run_for(50)
            return film
        page.wait_for_timeout(20)
    raise AssertionError("the film was never in sight")


def stage(film: Locator) -> str:
    return film.locator('.steps [aria-current="step"]').inner_text()


def drawn(film: Locator) -> str:
    return film.evaluate("e => e.walk.canvas.toDataURL()")


def test_it_plays_all_stages_and_starts_again(page: Page, walk):
    film = show(page, walk)
    seen, said = [stage(film)], [film.locator("p").inner_text()]
    for _ in range(60):
        page.clock.run_for(500)
        if stage(film) != seen[-1]:
            seen.append(stage(film))
            said.append(film.locator("p").inner_text())
    assert seen[:5] == [*TITLES, TITLES[0]]
    assert len(set(said[:4])) == 4
    assert said[4] == said[0]


def test_pause_holds_and_play_goes_on(page: Page, walk):
    film = show(page, walk)
    page.clock.run_for(8000)
    film.get_by_role("button", name="Pause").click()
    page.clock.run_for(6000)  # the stage is shown to its end
    held = stage(film), drawn(film)
    page.clock.run_for(20_000)
    assert (stage(film), drawn(film)) == held
    assert held[0] == TITLES[1]
    film.get_by_role("button", name="Play").click()
    page.clock.run_for(1000)
    assert stage(film) == TITLES[2]


def test_a_stage_that_is_clicked_moves_once_and_stays(page: Page, walk):
    film = show(page, walk)
    film.get_by_role("button", name=TITLES[3]).click()
    page.clock.run_for(1500)
    before = drawn(film)
    page.clock.run_for(20_000)
    assert stage(film) == TITLES[3]
    assert drawn(film) != before
    words = film.locator(".words")
    expect(words).to_have_attribute("aria-live", "polite")
    expect(words).to_contain_text(f"{walk[1].kept} of 8 entries stay")
    film.get_by_role("button", name=TITLES[3]).press("ArrowRight")
    assert stage(film) == TITLES[0]
    assert film.evaluate("() => document.activeElement.textContent") == TITLES[0]


def test_who_wants_less_motion_gets_the_first_stage_and_buttons(page: Page, walk):
    page.emulate_media(reduced_motion="reduce")
    film = show(page, walk)
    first = drawn(film)
    page.clock.run_for(30_000)
    assert stage(film) == TITLES[0]
    assert drawn(film) == first
    film.get_by_role("button", name=TITLES[2]).click()
    page.clock.run_for(100)
    end = drawn(film)
    page.clock.run_for(20_000)
    assert (stage(film), drawn(film)) == (TITLES[2], end)
    assert end != first


@pytest.mark.parametrize("width", [380, 800, 1400])
def test_all_boxes_lie_within_the_picture(page: Page, walk, width: int):
    film = show(page, walk, width)
    layout = film.evaluate("(e, width) => layoutOf(width, e.walk.scene.grid, e.walk.scene.heads.length)", width)
    for box in (layout["photo"], layout["stage"], *layout["panels"]):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 0.01
        assert box["y"] + box["height"] <= layout["height"]
    assert film.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_stages_join_and_end_at_the_places_of_the_walk(page: Page, walk):
    film = show(page, walk)
    moments = film.evaluate("""e => {
        const { scene } = e.walk, layout = layoutOf(800, scene.grid, scene.heads.length);
        const at = (stage, share) => inSubspace(scene, layout, 0, stage, share);
        const box = layout.panels[0], half = box.width / 2 - MARGIN;
        const [left, top] = [box.x + box.width / 2, box.y + box.height / 2];
        const places = at(2, 1).map(([x, y]) => [(x - left) / half, (top - y) / half]);
        const flown = flight(scene, layout, 1).map(({ at }) => at);
        return { flown, leaving: at(1, 0), arrived: at(1, 1), starting: at(2, 0), places,
                 bars: [0, 1].map((share) => barsOf(scene, share).map(({ value }) => value)) };
    }""")
    found = walk[1]
    np.testing.assert_allclose(moments["flown"], moments["leaving"])
    np.testing.assert_allclose(moments["arrived"], moments["starting"])
    np.testing.assert_allclose(moments["places"], found.after[0], atol=1e-3)
    order = np.argsort(-found.entries[0], kind="stable")
    np.testing.assert_allclose(moments["bars"], found.entries[:, order], atol=1e-3)
