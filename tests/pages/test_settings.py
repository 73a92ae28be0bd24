"""Settings and session keys: none means two things."""

import ast
import shutil
from collections import defaultdict

import numpy as np
import pytest
import streamlit as st

from explorer import zoo
from tests.pages.conftest import ROOT
from tests.pages.test_every_page import png
from tests.pages.test_texts import start


def sources() -> dict[str, ast.Module]:
    files = [*(ROOT / "explorer" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in files}


def named(node: ast.expr | None, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id) if isinstance(node, ast.Name) else None


def constants_of(tree: ast.Module) -> dict[str, str]:
    """NAME = "text" at the top of a module."""
    found = [(node.targets[0], node.value) for node in tree.body if isinstance(node, ast.Assign)]
    return {
        name.id: value.value
        for name, value in found
        if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


DRAWN_BY = {"url_setting": None, "url_choice": 2, "_switch": 1, "page_part": 0}
"""What draws a setting, and where its key stands if it is not given by name."""


def drawn_settings() -> dict[str, set[str]]:
    """Every setting with the places that draw it."""
    found = defaultdict(set)
    for file, tree in sources().items():
        for node in ast.walk(tree):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else None
            if called not in DRAWN_BY:
                continue
            place = DRAWN_BY[called]
            keys = [one.value for one in node.keywords if one.arg == "key"] + (node.args[place:][:1] if place else [])
            if keys and (key := named(keys[0], constants_of(tree))):
                found[key].add(f"{file}:{node.lineno}")
    return found


def written_keys() -> dict[str, set[str]]:
    """Every key of the session that is written as st.session_state[key] = …, with the places."""
    found = defaultdict(set)
    for file, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                key = named(node.slice, constants_of(tree)) if ast.unparse(node.value).endswith("_state") else None
                if key:
                    found[key].add(f"{file}:{node.lineno}")
    return found


def test_no_two_settings_share_a_key():
    """A setting that several pages draw is drawn by one function: its key stands in one file."""
    settings = drawn_settings()
    assert len(settings) > 50, "the walk no longer sees the settings"
    files = {key: {place.split(":")[0] for place in places} for key, places in settings.items()}
    twice = {key: sorted(places) for key, places in files.items() if len(places) > 1}
    assert not twice


def test_what_the_session_keeps_has_no_settings_name():
    written = written_keys()
    assert len(written) > 5, "the walk no longer sees the session"
    settings = drawn_settings()
    mixed = {key: sorted(places) for key, places in written.items() if key in settings}
    assert set(mixed) <= {"shot", "place"}, mixed  # the lens's own settings, which it sets


@pytest.fixture
def both(cards, word_card, monkeypatch, tmp_path):
    """The app with a model of pictures and one of text."""
    for card in (cards["crate"], word_card):
        shutil.copy(card.path, tmp_path)
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    return start


def look_at(tested, page: str, what: str) -> None:
    tested.switch_page(f"pages/{page}.py").run()
    tested.sidebar.segmented_control(key="look_at").set_value(what).run()
    assert not tested.exception


def test_the_umap_seed_leaves_the_seed_of_a_text_alone(both):
    tested = both("generate")
    tested.number_input(key="seed").set_value(1234).run()
    look_at(tested, "subspaces", "pictures")
    tested.switch_page("pages/generate.py").run()
    assert tested.number_input(key="seed").value == 1234


def test_the_lens_on_text_leaves_the_colour_of_the_cloud_alone(both):
    tested = both("subspaces")
    tested.selectbox(key="colour").set_value("clusters").run()
    tested.switch_page("pages/text.py").run()
    look_at(tested, "subspaces", "pictures")
    assert tested.selectbox(key="colour").value == "clusters"


@pytest.mark.parametrize("shot", [0, 1])
def test_the_camera_keeps_its_photo_while_a_film_plays(app, shot, monkeypatch):
    """AppTest has no camera: the browser's bytes come from a stand-in."""
    picture = png(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))

    class Shot:
        def getvalue(self) -> bytes:
            return picture

    monkeypatch.setattr("streamlit.camera_input", lambda *_, **__: Shot())
    tested = app("segment")
    tested.segmented_control(key="source").set_value("camera").run()
    monkeypatch.setattr("streamlit.camera_input", lambda *_, **__: None)
    assert not tested.exception
    tested.session_state["shot"] = shot  # as a film does
    tested.run()
    assert not tested.exception
    assert tested.session_state["choice"].photo.data == picture


@pytest.mark.parametrize(
    ("page", "old", "new", "value"),
    [
        ("subspaces", "seed", "umap_seed", 3),
        ("subspaces", "colour", "colour", "pixels"),
        ("segment", "layer", "layer", 2),
        ("ledger", "eps2", "eps2", 0.1),
        ("segment", "rule", "rule", "entries"),
    ],
)
def test_addresses_made_before_still_restore(app, page, old, new, value):
    tested = app(page, **{old: str(value)})
    assert tested.session_state[new] == value
    assert not tested.exception


def test_an_address_of_the_text_lens_made_before_still_restores(both):
    tested = both("text", colour="still to change")
    assert tested.session_state["text_colour"] == "still to change"
