"""The Knobs page: turning, its sentence, links, resets, other pages, and the ranking of heads."""

import pytest
import streamlit as st

from explorer.knobs import Turn, read_knobs
from explorer.ui.components.faders import turns_said
from explorer.ui.sections.knobs import before_and_after as knobs
from explorer.ui.state.knobs import MOVING, TEXT
from tests.pages.test_every_page import texts
from tests.ui.jobs.test_job import wait


def turned(app) -> str:
    """The query parameter of the turned knobs."""
    found = app.query_params.get("knobs", "")
    return found if isinstance(found, str) else found[0] if found else ""


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_a_turned_head_is_said_everywhere_and_reset(app, model):
    tested = app("knobs", model=model, layer="1")
    assert "Nothing is turned" in texts(tested)
    tested.session_state[TEXT] = "g1:2=0.25"  # as the desk's callback leaves it
    tested.run()
    assert not tested.exception
    assert not tested.error
    assert turned(tested) == "g1:2=0.25"
    assert "1 knob turned" in texts(tested)
    assert "→" in texts(tested)
    assert "nats" in texts(tested)
    tested.switch_page("pages/layers.py").run()
    assert "1 knob turned" in texts(tested)
    assert "Dotted" in texts(tested)
    assert turned(tested) == "g1:2=0.25"
    tested.button(key="reset_turned").click().run()
    assert "knob turned" not in texts(tested)
    assert turned(tested) == ""
    assert not tested.exception


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_a_layer_or_everything_goes_back_to_as_trained(app, model):
    tested = app("knobs", model=model, layer="1", knobs="g2:2=0,g1:1=0.5")
    assert turned(tested) == "g1:1=0.5,g2:2=0"
    tested.button(key="reset_layer").click().run()
    assert turned(tested) == "g2:2=0"
    tested.button(key="reset_all").click().run()
    assert turned(tested) == ""


@pytest.mark.parametrize("model", ["crate", "crate_alpha"])
def test_threshold_and_step_of_all_layers_or_of_one(app, model):
    tested = app("knobs", model=model, layer="1")
    tested.select_slider(key="step_l_all").set_value(0.2).run()
    assert turned(tested) == "l*=0.2"
    tested.segmented_control(key="scope").set_value("this layer").run()
    tested.select_slider(key="step_e_1").set_value(0.05).run()
    assert turned(tested) == "l*=0.2,e1=0.05"
    tested.segmented_control(key="scope").set_value("all layers").run()
    assert "differs by layer" in tested.select_slider(key="step_e_all").label
    tested.switch_page("pages/layers.py").run()
    formulas = "\n".join(latex.value for latex in tested.latex)
    assert r"\underbrace{\eta}_{0.05}" in formulas
    assert r"\underbrace{\lambda}_{0.2}" in formulas
    assert not tested.exception


def test_a_vit_has_no_step(app):
    tested = app("knobs", model="vit")
    assert not tested.select_slider
    assert "only its head gains" in texts(tested)


def test_a_link_restores_the_knobs_on_every_page(app):
    tested = app("segment", model="crate", knobs="g2:1=0,l*=0.23")
    assert "2 knobs turned" in texts(tested)
    tested.switch_page("pages/knobs.py").run()
    tested.slider(key="layer").set_value(2).run()
    assert tested.select_slider(key="step_l_all").value == 0.23
    assert turned(tested) == "g2:1=0,l*=0.23"


@pytest.mark.parametrize("text", ["g9:1=0", "nonsense", "l*=1e9", "g1:1=nan", "<script>", "," * 9, "g1:1=0" * 3])
def test_a_link_with_impossible_knobs_opens_as_trained_and_says_so(app, text):
    tested = app(knobs=text)
    assert bool(tested.toast) == (text.strip(",") != "")
    tested.switch_page("pages/knobs.py").run()
    assert not tested.exception
    assert not tested.error
    assert "knob turned" not in texts(tested)
    assert turned(tested) == ""


def test_another_model_drops_what_it_does_not_have(app):
    tested = app("knobs", model="crate", knobs="g1:1=0,l*=0.2")
    tested.selectbox(key="model").select("vit").run()
    assert turned(tested) == "g1:1=0"
    assert "l*=0.2" in tested.toast[0].value
    assert not tested.exception


def test_while_a_fader_moves_only_its_own_part_follows(app, monkeypatch):
    tested = app("knobs", model="crate", layer="1")
    reruns = []
    monkeypatch.setattr(knobs.st, "rerun", lambda: reruns.append(True))
    for moving in (True, False):
        monkeypatch.setattr(knobs, "knobs_now", lambda card: read_knobs("g1:1=0", card)[0])
        tested.session_state[MOVING] = moving
        tested.run()
        assert not tested.exception
        assert bool(reruns) != moving
    assert "Attention and objects" in texts(tested)


def test_what_a_desk_sends_is_checked(cards):
    card = cards["crate"]
    said = {"layer": 2, "gains": [0.5, 2], "moving": True, "at": 3}
    assert turns_said(said, card) == [Turn("g", 2, 1, 0.5), Turn("g", 2, 2, 2.0)]
    wrong = ({"layer": 3}, {"layer": True}, {"gains": [1]}, {"gains": [1, 2.1]}, {"gains": [1, float("nan")]})
    for part in (*wrong, {"gains": "11"}, {"gains": [1, None]}):
        assert turns_said(said | part, card) == []
    assert turns_said({}, card) == []


def finished(tested):
    """Wait for the ablations that were started, then look at the page again."""
    wait(tested.session_state["ablation_job"])
    return tested.run()


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_heads_are_ranked_and_the_result_is_kept(app, model):
    tested = app("knobs", model=model, layer="1")
    tested.button(key="ablate_layer").click().run()
    finished(tested)
    assert not tested.exception
    assert not tested.error
    table = tested.dataframe[0].value
    assert sorted(table["head"]) == [1, 2]
    assert set(table["layer"]) == {1}
    assert table["kl_nats"].is_monotonic_decreasing
    assert tested.button(key="ablate_layer").disabled
    first = tested.session_state["ablation_job"]
    tested.button(key="ablate_all").click().run()
    finished(tested)
    assert {one.layer for one in tested.session_state["ablation_job"].results} == {2}  # layer 1 was known
    assert first is not tested.session_state["ablation_job"]
    assert len(tested.dataframe[0].value) == 4
    assert tested.button(key="mute_selected").disabled
    tested.session_state[TEXT] = "g1:1=0"
    tested.run()
    assert len(tested.dataframe[0].value) == 4  # of the network as trained, so it stays


def test_a_known_ranking_is_there_in_another_session(app, monkeypatch):
    tested = app("knobs", model="crate", layer="1")
    tested.button(key="ablate_layer").click().run()
    finished(tested)
    monkeypatch.setattr(st.cache_resource, "clear", lambda: None)  # a fresh session of the same server
    assert len(app("knobs", model="crate", layer="1").dataframe[0].value) == 2
