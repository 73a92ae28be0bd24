"""The Experiment page's presets: what their texts promise is what happens."""

from dataclasses import fields

import numpy as np
import pytest

from explorer.constructed.experiment import ExperimentRun, Setting, run_experiment
from explorer.ui.sections.experiment.controls import AT_RANDOM, OPTIONS, PRESETS, UP_FRONT
from explorer.ui.sections.experiment.drawing import (
    RATES,
    code_maps,
    code_note,
    overshoot_note,
    rate_steps,
    sparse_steps,
    token_clouds,
)


def run_of(name: str, **changes) -> ExperimentRun:
    preset = next(preset for preset in PRESETS if preset.name == name)
    return run_experiment(Setting(**{**{f.name: getattr(preset.setting, f.name) for f in fields(Setting)}, **changes}))


def ends(run: ExperimentRun, field: str) -> tuple[float, float, float]:
    """A number of the data, of the compressed tokens and of the last step."""
    half = run.setting.steps
    return tuple(getattr(run.rows[step], field) for step in (0, half, 2 * half))


def test_every_setting_has_one_control_that_offers_every_preset():
    controls = {control.field: control for control in (*UP_FRONT, *OPTIONS)}
    assert sorted(controls) == sorted(field.name for field in fields(Setting))
    assert len(UP_FRONT) == 5
    for preset in PRESETS:
        for field, control in controls.items():
            value = getattr(preset.setting, field)
            assert (AT_RANDOM if value is None else value) in control.options


def test_default_removes_noise_and_keeps_the_tokens():
    run = run_of("Default")
    rate, share, sparse = (ends(run, field) for field in ("subspace_coding_rate", "own_share", "nonzero_fraction"))
    assert rate[1] < 0.5 * rate[0]
    assert share[1] > share[0] + 0.05
    assert 0.125 < sparse[2] < 0.25
    control = [row.subspace_coding_rate for row in run.control]
    assert control[10] < rate[1]


def test_clean_stays_clean():
    run = run_of("Clean")
    assert min(row.own_share for row in run.rows) > 0.95
    assert 0.125 <= run.rows[-1].nonzero_fraction < 0.15


def test_noisy_compresses_poorly():
    run = run_of("Noisy")
    rate = ends(run, "subspace_coding_rate")
    assert 0.9 * rate[0] < rate[1] < rate[0]
    assert run.rows[-1].recognised < run.rows[0].recognised
    assert run.rows[-1].nonzero_fraction > 0.4


def test_too_many_subspaces_raise_the_rate_and_the_help_helps():
    for seed in range(3):
        run = run_of("Too many subspaces", seed=seed)
        rate, share, length = (ends(run, field) for field in ("subspace_coding_rate", "own_share", "length"))
        assert rate[1] > 2 * rate[0]
        assert share[1] < share[0]
        assert length[1] > 10 * length[0]
        for change in ({"count": 3}, {"width": 64}, {"kappa": 0.05}):
            helped = ends(run_of("Too many subspaces", seed=seed, **change), "subspace_coding_rate")
            assert helped[1] / helped[0] < rate[1] / rate[0]


def test_a_threshold_that_is_too_high_leaves_nothing():
    run = run_of("λ too high")
    assert run.rows[-1].nonzero_fraction < 0.05
    assert run.rows[-1].error > 0.85


def test_wrong_subspaces_lower_the_rate_but_clean_nothing():
    run = run_of("Wrong subspaces")
    assert run.rows == run.control
    rate, share = ends(run, "subspace_coding_rate"), ends(run, "own_share")
    assert rate[1] < 0.5 * rate[0]
    assert share[1] < share[0]
    assert run.rows[-1].error > 0.9


@pytest.mark.parametrize("operator", ["mssa", "gradient"])
@pytest.mark.parametrize("step", [0, 4, 10, 11, 20])
def test_every_figure_of_every_step(operator, step):
    run = run_experiment(Setting(operator=operator, count=2, width=4))
    before, now = token_clouds(run, step)
    assert before.layout.scene.xaxis.range == now.layout.scene.xaxis.range
    left, right = code_maps(run, step)
    assert (left.data[0].zmax, left.data[0].z.shape) == (right.data[0].zmax, right.data[0].z.shape)
    for kind in RATES:
        assert len(rate_steps(run, step, kind).data) == 2
    assert len(sparse_steps(run, step)) == 3


def test_the_sample_of_codes_is_sorted_by_subspace_and_named_by_its_tokens():
    run = run_experiment(Setting())
    figure = code_maps(run, 20)[1]
    tokens, subspaces = figure.data[0].customdata[:, 0].T
    np.testing.assert_array_equal(subspaces, run.mixture.labels[tokens] + 1)
    assert (np.diff(subspaces) >= 0).all()
    assert len(figure.layout.shapes) == 2 * (run.setting.count - 1)  # the bases come in the same order
    np.testing.assert_allclose(figure.data[0].z, run.codes[-1][tokens])


def test_codes_of_other_dictionaries_come_in_no_blocks():
    for change in ({"dictionary": "orthogonal"}, {"wrong": True}):
        run = run_experiment(Setting(**change))
        assert len(code_maps(run, 20)[1].layout.shapes) == run.setting.count - 1
        assert "not blocks" in code_note(run)
    assert "blocks on the diagonal" in code_note(run_experiment(Setting()))


def test_an_overshooting_step_size_is_said():
    assert overshoot_note(run_experiment(Setting(eta=0.5))) == ""
    assert "1/‖D‖² = 0.50" in overshoot_note(run_experiment(Setting(eta=0.8)))
