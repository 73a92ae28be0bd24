"""The two sections on the geometry of the weights and the fit to the theory, on a page of their own."""

import functools
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import zoo
from explorer.measures import weights

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60


def page() -> None:
    from explorer.errors import ExplorerError
    from explorer.ui.frame.sidebar import draw_sidebar
    from explorer.ui.frame.widgets import show_problem
    from explorer.ui.sections.subspaces.theory import theory_fit
    from explorer.ui.sections.subspaces.weights import weight_geometry
    from explorer.ui.view.layer import layer_slider
    from explorer.ui.view.photo import current_view

    draw_sidebar()
    try:
        view = current_view()
        layer = layer_slider(view)
        weight_geometry(view, layer)
        theory_fit(view, layer)
    except ExplorerError as problem:
        show_problem(problem)


@pytest.fixture
def sections(cards, monkeypatch):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()

    def start(**query: str) -> AppTest:
        tested = AppTest.from_function(page, default_timeout=TIMEOUT_S)
        for name, value in query.items():
            tested.query_params[name] = value
        return tested.run()

    return start


def texts(tested: AppTest) -> str:
    return "\n".join(str(e.value) for e in [*tested.markdown, *tested.caption, *tested.info, *tested.error])


def charts(tested: AppTest) -> int:
    return len(tested.get("plotly_chart"))


@pytest.mark.parametrize(("model", "count"), [("crate", 13), ("crate_alpha", 13), ("vit", 11)])
@pytest.mark.parametrize("layer", [1, 2])
def test_one_layer_of_every_family(sections, model, count, layer):
    tested = sections(model=model)
    tested.session_state["layer"] = layer
    tested.run()
    assert not tested.exception
    assert not tested.error
    assert charts(tested) == count
    assert "nan" not in texts(tested).lower().split()
    assert ("A ViT" in texts(tested)) == (model == "vit")


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_every_layer_of_every_family(sections, model):
    tested = sections(model=model, geometry="Every layer")
    assert not tested.exception
    assert charts(tested) == (10 if model != "vit" else 9)
    assert "All layers on one scale" in texts(tested)


def test_settings_come_from_the_url_and_go_there(sections):
    tested = sections(model="crate", dictionary="As learned", angle="Mean angle")
    assert not tested.exception
    values = {control.key: control.value for control in tested.get("button_group") if control.key}
    assert values["dictionary"] == "As learned"
    assert values["angle"] == "Mean angle"


def test_an_overcomplete_dictionary_names_its_bound(sections):
    assert "32 columns in 8 dimensions" in texts(sections(model="crate_alpha"))
    assert "32 columns" not in texts(sections(model="crate"))


def test_a_rerun_measures_nothing_again(sections, monkeypatch):
    tested = sections(model="crate")

    def forbid(function):
        @functools.wraps(function)
        def refuse(*arguments, **options):
            raise AssertionError(f"{function.__name__} ran again")

        return refuse

    for name in ("layer_geometry", "layer_fit", "projected_ranks", "axis_alignment", "absolute_cosines"):
        monkeypatch.setattr(weights, name, forbid(getattr(weights, name)))
    tested.run()
    assert not tested.exception
