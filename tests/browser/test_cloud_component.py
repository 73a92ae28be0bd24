"""The token cloud in a real browser, its pure functions, and what its Python side refuses."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from explorer import figures
from explorer.ui.components.cloud import Sheet, ranges, token_cloud, tokens_of
from explorer.ui.components.web import sources

APP = Path(__file__).with_name("cloud_app.py")
VIEW = "element => { const { rotation, zoom, x, y } = element.view.camera; return [...rotation, zoom, x, y]; }"


@pytest.fixture
def tokens(page: Page, serve) -> Locator:
    """One photo of 3×4 patches: token 1 + 4·row + col lies at the place of its patch, CLS (0) above."""
    page.goto(serve(APP))
    element = page.locator(".tokens")
    expect(element).to_be_visible(timeout=60_000)
    expect(page.get_by_text("chosen: []")).to_be_visible(timeout=60_000)
    ready(page, element)
    return element


def ready(page: Page, element: Locator) -> None:
    """Wait until the photo is loaded and nothing moves any more."""
    done = "({ view }) => Boolean(view?.picture.naturalWidth && view.screen && !view.morph && !view.frame)"
    for _ in range(100):
        if element.evaluate(done):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the cloud was never drawn")


def where(tokens: Locator, token: int) -> tuple[float, float]:
    """The place of a point in the window."""
    box = tokens.locator(".pane.cloud").bounding_box()
    x, y = tokens.evaluate("(e, i) => [e.view.screen[3 * i], e.view.screen[3 * i + 1]]", token)
    edge = tokens.locator(".cloud .base").evaluate("c => [c.getBoundingClientRect().x, c.getBoundingClientRect().y]")
    assert box
    return edge[0] + x, edge[1] + y


def patch_at(tokens: Locator, x: float, y: float) -> tuple[float, float]:
    """A place of the picture of 64×48 px in the window."""
    box = tokens.locator(".pane.photo").bounding_box()
    assert box
    return box["x"] + x / 64 * box["width"], box["y"] + y / 48 * box["height"]


def drag(page: Page, *path: tuple[float, float]) -> None:
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def around(tokens: Locator, token: int, reach: float = 10) -> list[tuple[float, float]]:
    x, y = where(tokens, token)
    return [(x - reach, y - reach), (x + reach, y - reach), (x + reach, y + reach), (x - reach, y + reach)]


def says(page: Page, text: str) -> None:
    expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=30_000)


def state(tokens: Locator, name: str):
    return tokens.evaluate(f"e => e.view.{name}")


def ink(tokens: Locator, pane: str) -> int:
    """Pixels of an upper canvas that are drawn on."""
    return tokens.locator(f"{pane} .over").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length"
    )


@pytest.mark.browser
def test_pointing_at_a_point_outlines_its_patch_and_back(page: Page, tokens: Locator):
    assert ink(tokens, ".photo") == 0
    page.mouse.move(*where(tokens, 7))
    expect(tokens.locator(".tip")).to_have_text("patch row 2, column 3: 0.58 nats")
    ready(page, tokens)
    assert state(tokens, "pointed") == 7
    assert ink(tokens, ".photo") > 0
    page.mouse.move(*patch_at(tokens, 60, 4))
    expect(tokens.locator(".tip")).to_have_text("patch row 1, column 4: 0.33 nats")
    ready(page, tokens)
    assert ink(tokens, ".cloud") > 0
    page.mouse.move(2, 2)
    expect(tokens.locator(".tip")).to_be_hidden()


@pytest.mark.browser
def test_a_lasso_selects_shift_adds_and_escape_clears(page: Page, tokens: Locator):
    drag(page, *around(tokens, 7))
    says(page, "chosen: [7]")
    expect(tokens.locator(".said")).to_have_text("1 of 13 tokens selected")
    page.keyboard.down("Shift")
    drag(page, *around(tokens, 0))
    page.keyboard.up("Shift")
    says(page, "chosen: [0, 7]")
    tokens.locator(".pane.cloud").focus()
    page.keyboard.press("Escape")
    says(page, "chosen: []")


@pytest.mark.browser
def test_a_rectangle_on_the_photo_selects_points(page: Page, tokens: Locator):
    drag(page, patch_at(tokens, 2, 2), patch_at(tokens, 30, 30))
    says(page, "chosen: [1, 2, 5, 6]")
    tokens.get_by_role("button", name="Clear selection").click()
    says(page, "chosen: []")
    drag(page, patch_at(tokens, 62, 46), patch_at(tokens, 50, 34))  # from the lower right: the same rule
    says(page, "chosen: [12]")


@pytest.mark.browser
def test_the_selection_follows_the_tokens_and_not_other_ones(page: Page, tokens: Locator):
    drag(page, *around(tokens, 5))
    says(page, "chosen: [5]")
    page.get_by_text("mirrored").click()
    page.wait_for_timeout(600)
    ready(page, tokens)
    says(page, "chosen: [5]")
    assert state(tokens, "chosen.has(5)")
    page.get_by_label("photos").fill("2")
    page.get_by_label("photos").press("Enter")
    says(page, "chosen: []")
    assert state(tokens, "chosen.size") == 0


@pytest.mark.browser
def test_two_photos_and_names_as_text(page: Page, tokens: Locator):
    page.get_by_label("photos").fill("2")
    page.get_by_label("photos").press("Enter")
    for _ in range(100):
        if state(tokens, "count") == 26:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(600)
    ready(page, tokens)
    tokens.locator(".pane.photo").scroll_into_view_if_needed()
    box = tokens.locator(".pane.photo").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] * 0.9)
    expect(tokens.locator(".tip")).to_have_text("right <b>, patch row 3, column 4: 1.00 nats")


@pytest.mark.browser
def test_keys_move_the_picked_token_and_zoom(page: Page, tokens: Locator):
    tokens.locator(".pane.cloud").focus()
    page.keyboard.press("ArrowDown")  # nothing picked yet: the middle
    expect(tokens.locator(".said")).to_contain_text("patch row 2, column 3")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(tokens.locator(".said")).to_contain_text("patch row 1, column 4")
    page.keyboard.press("Enter")
    says(page, "chosen: [4]")
    before = state(tokens, "camera.zoom")
    page.keyboard.press("+")
    assert state(tokens, "camera.zoom") == pytest.approx(1.25 * before)
    page.keyboard.press("-")
    assert state(tokens, "camera.zoom") == pytest.approx(before)


@pytest.mark.browser
def test_a_turned_cloud_survives_a_rerun_and_a_double_click_resets_it(page: Page, tokens: Locator):
    page.get_by_text("3-D", exact=True).click()
    for _ in range(100):
        if state(tokens, "dims") == 3:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(600)
    ready(page, tokens)
    first = tokens.evaluate(VIEW)
    tokens.get_by_role("button", name="Move").click()
    box = tokens.locator(".pane.cloud").bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, middle, (middle[0] + 80, middle[1] + 30))
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(200)
    turned = tokens.evaluate(VIEW)
    assert np.abs(np.subtract(turned[:9], first[:9])).max() > 0.2
    assert turned[9] > first[9]
    rotation = np.reshape(turned[:9], (3, 3))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    page.get_by_role("button", name="rerun").click()
    page.wait_for_timeout(1200)
    assert tokens.evaluate(VIEW) == turned
    tokens.locator(".pane.cloud").dblclick()
    assert tokens.evaluate(VIEW) == first


@pytest.mark.browser
def test_selection_and_camera_are_in_the_link(page: Page, tokens: Locator):
    drag(page, *around(tokens, 7))
    says(page, "chosen: [7]")
    tokens.locator(".pane.cloud").focus()
    page.keyboard.press("+")
    page.wait_for_url(lambda url: "picked=7" in url and "view=2" in url, timeout=30_000)
    zoom = state(tokens, "camera.zoom")
    page.goto(page.url)
    ready(page, page.locator(".tokens"))
    says(page, "chosen: [7]")
    assert state(tokens, "camera.zoom") == pytest.approx(zoom)
    page.get_by_label("photos").fill("2")  # other tokens: what was selected of the old ones is gone
    page.keyboard.press("Enter")
    says(page, "chosen: []")


@pytest.mark.browser
def test_a_straight_drag_selects_what_its_ends_span(page: Page, tokens: Locator):
    (x, y), (u, v) = where(tokens, 6), where(tokens, 11)
    page.mouse.move(x - 8, y - 8)
    page.mouse.down()
    expect(tokens.locator(".tip")).to_be_visible()
    page.mouse.move(u + 8, v + 8, steps=6)
    expect(tokens.locator(".tip")).to_be_hidden()
    page.mouse.up()
    says(page, "chosen: [6, 7, 10, 11]")


@pytest.mark.browser
def test_a_tap_picks(page: Page, tokens: Locator):
    page.touchscreen.tap(*where(tokens, 6))
    expect(tokens.locator(".said")).to_contain_text("patch row 2, column 2")
    page.touchscreen.tap(*patch_at(tokens, 2, 2))
    expect(tokens.locator(".said")).to_contain_text("patch row 1, column 1")


@pytest.mark.browser
def test_names_for_screen_readers(tokens: Locator):
    expect(tokens.locator(".pane.cloud")).to_have_attribute("aria-label", "a test cloud")
    expect(tokens.locator(".pane.photo")).to_have_attribute("aria-label", "left: drag to select patches")
    expect(tokens.locator(".said")).to_have_attribute("aria-live", "polite")
    expect(tokens.get_by_role("button", name="Lasso")).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
@pytest.mark.parametrize("marks", ["dots", "thumbnails"])
def test_drawing_is_fast_enough(page: Page, tokens: Locator, marks: str):
    """1,201 points in 3-D: a frame's drawing stays far below the 16 ms of 60 frames a second (loosely, for CI)."""
    page.get_by_text("many").click()
    page.get_by_text("3-D", exact=True).click()
    if marks == "thumbnails":
        page.get_by_text("thumbnails").click()
    for _ in range(100):
        if state(tokens, "count") == 1201 and state(tokens, "dims") == 3 and state(tokens, "marks") == marks:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(700)
    ready(page, tokens)
    milliseconds = tokens.evaluate(
        """async element => {
            const cloud = element.querySelector(".pane.cloud");
            const spent = [];
            for (let i = 0; i < 12; i++) {
                const start = performance.now();
                cloud.dispatchEvent(new WheelEvent("wheel", { deltaY: i % 2 ? 60 : -60, cancelable: true }));
                await new Promise(done => requestAnimationFrame(done));
                spent.push(performance.now() - start);
            }
            return spent.sort((a, b) => a - b)[6];
        }"""
    )
    assert milliseconds < 100


# ---- the numbers behind it, without a page of ours ----


@pytest.fixture
def pure(page: Page) -> Page:
    """A tab in which the functions of cloud_geometry.js are global."""
    page.goto("about:blank")
    page.add_script_tag(content=sources("cloud_geometry.js"))
    return page


SHEET = (
    "({ columns: 2, tiles: 3, tileWidth: 64, tileHeight: 48, width: 128, height: 96, "
    "rows: 5, cols: 7, patch: 16, stride: 8, prefix: ['CLS'] })"
)


@pytest.mark.browser
@pytest.mark.parametrize("prefix", [(), ("CLS", "register 1", "register 2")])
def test_patches_stand_behind_whatever_is_in_front(pure: Page, prefix):
    sheet = SHEET.replace("['CLS']", str(list(prefix)))
    total = len(prefix) + 35
    places = pure.evaluate(f"Array.from({{ length: {total} }}, (_, i) => placeOf({sheet}, {total} + i))")
    assert [place["front"] for place in places] == [*prefix, *[""] * 35]
    assert all(place["photo"] == 1 for place in places)
    assert pure.evaluate(f"tokenOf({sheet}, {{ photo: 1, row: 2, col: 3 }})") == total + len(prefix) + 2 * 7 + 3
    assert pure.evaluate(f"boxOf({sheet}, {total + len(prefix)})") == [64, 0, 16, 16]
    assert pure.evaluate(f"tileBox({sheet}, 1)") == [64, 0, 64, 48]


@pytest.mark.browser
def test_patches_and_tokens_are_inverse(pure: Page):
    wrong = pure.evaluate(
        f"""() => {{
            const sheet = {SHEET}, wrong = [];
            for (let token = 0; token < 3 * 36; token++) {{
                if (placeOf(sheet, token).front) continue;
                const [x, y, w, h] = boxOf(sheet, token);
                if (patchAt(sheet, x + w / 2, y + h / 2) !== token) wrong.push(token);
            }}
            return wrong;
        }}"""
    )
    assert wrong == []
    assert pure.evaluate(f"boxOf({SHEET}, 36)") == [64, 0, 64, 48]  # CLS of the second photo: all of it
    assert pure.evaluate(f"boxOf({SHEET}, 72 + 1 + 7 + 2)") == [16, 48 + 8, 16, 16]
    assert pure.evaluate(f"patchAt({SHEET}, 100, 90)") == -1  # a place of the sheet without a photo
    assert pure.evaluate(f"patchAt({SHEET}, -1, 0)") == -1
    assert pure.evaluate(f"neighbour({SHEET}, 36 + 1, [-1, 0])") == 37  # stays on its photo
    assert pure.evaluate(f"neighbour({SHEET}, 36, [0, 1])") == 36 + 1 + 2 * 7 + 3


@pytest.mark.browser
def test_a_camera_survives_its_text(pure: Page):
    error = pure.evaluate(
        """() => {
            const rotation = turned(turned(STRAIGHT, 31, 7), -5, 60);
            const camera = { ...zoomed(startCamera(3), 1.7, 30, -20), rotation };
            const back = cameraOf(cameraText(camera, 3, 400), 3, 400);
            const numbers = ({ rotation, zoom, x, y }) => [...rotation, zoom, x / 400, y / 400];
            return Math.max(...numbers(camera).map((n, i) => Math.abs(n - numbers(back)[i])));
        }"""
    )
    assert error < 2e-3
    assert pure.evaluate("cameraText(startCamera(3), 3, 400)") == ""
    for broken in ("", "2:1,2", "3:0,0,0,0,0,0,1,0,0", "3:1,0,0,2,0,0,1,0,0", "2:1,0,0,0,1,0,1,0,0"):
        assert pure.evaluate("text => cameraOf(text, 3, 400)", broken) is None


def test_ranges_name_tokens_and_nothing_else():
    tokens = [0, 1, 2, 5, 7, 8]
    assert ranges(tokens) == "0-2,5,7-8"
    assert tokens_of(ranges(tokens), 9).tolist() == tokens
    assert tokens_of("", 9).tolist() == []
    for broken in ("9", "3-1", "5,4", "a", "1-", "-2", "1-2-3", "2,2"):
        with pytest.raises(ValueError, match=r"ascending tokens below 9|invalid literal"):
            tokens_of(broken, 9)


@pytest.mark.browser
def test_a_polygon_holds_what_brute_force_says(pure: Page):
    """A concave polygon against the winding of its outline, summed angle by angle in Python."""
    polygon = np.array([[0, 0], [10, 0], [10, 10], [5, 3], [0, 10]], float)
    points = np.random.default_rng(0).uniform(-2, 12, (300, 2))
    angles = np.zeros(len(points))
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        u, v = a - points, b - points
        angles += np.arctan2(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], (u * v).sum(axis=1))
    inside = np.abs(angles) > np.pi
    screen = np.c_[points, np.zeros(len(points))].ravel().tolist()
    found = pure.evaluate("([s, p]) => pointsInPolygon(Float64Array.from(s), p)", [screen, polygon.tolist()])
    assert found == np.flatnonzero(inside).tolist()


@pytest.mark.browser
def test_projection_depth_and_zoom(pure: Page):
    flat = pure.evaluate("[...project([0, 0, 0, 1, 1, 0], startCamera(2), 2, 200, 100)]")
    np.testing.assert_allclose(flat, [100, 50, 0, 146, 4, 0], atol=1e-4)
    straight = "({ rotation: STRAIGHT, zoom: 1, x: 0, y: 0 })"
    near, far = (pure.evaluate(f"projectOne(1, 0, {z}, {straight}, 3, 100, 100)") for z in (1, -1))
    assert near[0] - 50 == pytest.approx(37 * 4 / 3)  # nearer is larger
    assert far[0] - 50 == pytest.approx(37 * 4 / 5)
    turned = pure.evaluate("turned(turned(STRAIGHT, 30, -12), -5, 70)")
    np.testing.assert_allclose(np.reshape(turned, (3, 3)) @ np.reshape(turned, (3, 3)).T, np.eye(3), atol=1e-12)
    kept = pure.evaluate(
        """() => {
            const before = { ...startCamera(2), x: 7, y: -3 }, after = zoomed(before, 2.5, 40, -20);
            const at = (camera, x, y) => [(40 - camera.x) / camera.zoom, (-20 - camera.y) / camera.zoom];
            return [at(before), at(after)];
        }"""
    )
    np.testing.assert_allclose(kept[0], kept[1], rtol=1e-12)


@pytest.mark.browser
def test_depth_order_is_a_permutation_from_far_to_near(pure: Page):
    depths = np.random.default_rng(0).uniform(-1.7, 1.7, 5000)
    screen = np.c_[np.zeros((5000, 2)), depths].ravel().tolist()
    order = np.array(pure.evaluate("s => [...depthOrder(Float32Array.from(s))]", screen))
    np.testing.assert_array_equal(np.sort(order), np.arange(5000))
    assert np.diff(depths[order]).min() > -4 / 512 - 1e-6


@pytest.mark.browser
def test_the_nearest_point_within_reach(pure: Page):
    assert pure.evaluate("nearestPoint([0, 0, 0, 10, 0, 0], 7, 1, 5)") == 1
    assert pure.evaluate("nearestPoint([0, 0, 0, 10, 0, 0], 5, 9, 5)") == -1


@pytest.mark.parametrize("change", [{"places": np.zeros((4, 2))}, {"axes": ("a",)}, {"rates": np.zeros(4)}])
def test_what_does_not_fit_is_refused(change):
    sheet = Sheet(b"", 1, (8, 8), (2, 2), 4, 4, ("photo",), "scene")
    fits = {"places": np.zeros((5, 2)), "axes": ("a", "b"), "rates": np.zeros(5)}
    with pytest.raises(ValueError, match="5 tokens need"):
        token_cloud(sheet, colours=figures.position_colours((2, 2)), key="k", alt="a", **{**fits, **change})
