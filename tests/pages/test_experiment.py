"""The Experiment page: without a model, with every preset, with settings that do not fit, from the URL."""

import csv
import io

import pytest

from explorer import zoo
from explorer.constructed.experiment import run_experiment
from explorer.ui.sections.experiment.controls import PRESETS
from explorer.ui.sections.experiment.drawing import csv_rows
from tests.pages.test_every_page import texts


def test_it_needs_no_model(app, monkeypatch, tmp_path):
    tested = app()
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    tested.switch_page("pages/experiment.py").run()
    assert not tested.exception
    assert not tested.error
    assert len(tested.metric) == 4


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_sets_every_control_and_says_what_to_look_for(app, preset):
    tested = app("experiment", x_noise="1.0", x_angle="60")
    tested.button(key=f"preset {preset.name}").click().run()
    assert not tested.exception
    assert not tested.error
    assert preset.text in texts(tested)
    assert tested.select_slider(key="x_noise").value == preset.setting.noise
    last = run_experiment(preset.setting).rows[-1]
    assert tested.metric[2].value == f"{last.error:.0%}"
    tested.button(key="preset Default").click().run()
    assert PRESETS[0].text in texts(tested)


def test_the_url_restores_the_setting(app):
    query = {"x_count": "3", "x_noise": "0.75", "x_angle": "0", "x_wrong": "True", "x_operator": "gradient"}
    tested = app("experiment", **query, x_steps="4", x_step="3", x_rate="R")
    assert tested.select_slider(key="x_count").value == 3
    assert tested.select_slider(key="x_noise").value == 0.75
    assert tested.selectbox(key="x_wrong").value is True
    assert tested.selectbox(key="x_operator").value == "gradient"
    assert tested.slider(key="x_step").value == 3
    assert not tested.exception
    tested.select_slider(key="x_steps").set_value(2).run()
    assert tested.slider(key="x_step").max == 4
    assert not tested.exception


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"x_count": "8", "x_dim": "8"}, "64 dimensions"),
        ({"x_width": "4", "x_dim": "8", "x_angle": "0"}, "does not fit into width"),
    ],
)
def test_subspaces_that_do_not_fit_are_one_sentence_and_the_controls_stay(app, query, sentence):
    tested = app("experiment", **query)
    assert not tested.exception
    assert len(tested.error) == 1
    assert sentence in tested.error[0].value.replace("\\", "")
    tested.select_slider(key="x_count").set_value(2).run()
    tested.select_slider(key="x_dim").set_value(1).run()
    assert not tested.error
    assert len(tested.metric) == 4


@pytest.mark.parametrize(
    "query",
    [
        {"x_width": "3", "x_count": "3", "x_dim": "1"},
        {"x_width": "3", "x_count": "2", "x_dim": "2", "x_angle": "0"},
        {"x_width": "8", "x_count": "8", "x_dim": "8", "x_angle": "0", "x_steps": "16", "x_kappa": "0.5"},
        {"x_width": "8", "x_count": "8", "x_angle": "0", "x_steps": "16", "x_kappa": "0.5", "x_eta": "0.8"},
        {"x_noise": "0.0", "x_lam": "0.0", "x_dictionary": "identity"},
        {"x_lam": "1.2", "x_dictionary": "orthogonal", "x_length": "1.0", "x_eta": "0.8"},
        {"x_tokens": "40", "x_steps": "2", "x_count": "8", "x_step": "0"},
        {"x_count": "99", "x_angle": "17", "x_lam": "abc"},
    ],
)  # fmt: skip
def test_odd_settings_are_shown(app, query):
    tested = app("experiment", **query)
    assert not tested.exception
    assert not tested.error
    assert len(tested.metric) == 4


def test_the_numbers_as_a_file():
    run = run_experiment(PRESETS[0].setting)
    rows = list(csv.DictReader(io.StringIO(csv_rows(run))))
    assert [int(row["step"]) for row in rows] == list(range(21))
    assert rows[0]["error"] == ""
    assert float(rows[20]["error"]) == pytest.approx(run.rows[20].error, rel=1e-12)
    assert float(rows[5]["own_share_control"]) == pytest.approx(run.control[5].own_share, rel=1e-12)
    shares = [float(rows[5][f"R^c_subspace_{k}"]) for k in (1, 2, 3, 4)]
    assert sum(shares) == pytest.approx(float(rows[5]["subspace_coding_rate"]), rel=1e-12)
