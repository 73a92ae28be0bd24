"""A whole run: every number is the one it says, of the tokens it says, and the control is another draw of one law."""

from dataclasses import replace

import numpy as np
import pytest

from explorer.constructed.experiment import Setting, run_experiment
from explorer.constructed.synthetic import ista_step, mssa_step, own_share, recognised, subspace_coordinates
from explorer.measures.rates.rate import coding_rate, subspace_coding_rate
from explorer.measures.rates.sparsity import l1_mean, nonzero_fraction

SMALL = Setting(count=3, dim=2, width=8, tokens=24, steps=4)


def test_the_steps_follow_one_another():
    run = run_experiment(SMALL)
    z, u, d = run.mixture.tokens, run.mixture.subspaces, run.dictionary
    assert run.tokens.shape == (9, 24, 8)
    assert run.codes.shape == (5, 24, 12)
    for step in range(5):
        np.testing.assert_allclose(run.tokens[step], z, atol=1e-6)
        z = mssa_step(z, u, SMALL.kappa) if step < 4 else z
    codes = np.maximum(z @ d, 0)
    for step in range(5):
        np.testing.assert_allclose(run.codes[step], codes, atol=1e-6)
        codes = ista_step(codes, z, d, SMALL.eta, SMALL.lam)
    np.testing.assert_allclose(run.tokens[5:], run.codes[1:] @ d.T, atol=1e-6)


@pytest.mark.parametrize("step", [0, 3, 4, 5, 8])
def test_every_number_is_of_the_tokens_that_it_names(step):
    run = run_experiment(SMALL)
    row, z = run.rows[step], run.tokens[step].astype(np.float64)
    entries = run.codes[step - 4] if step > 4 else z
    assert row.step == step
    assert row.coding_rate == pytest.approx(coding_rate(z, 0.1), rel=1e-5)
    per_subspace = subspace_coding_rate(subspace_coordinates(z, run.mixture.subspaces), 0.1)
    np.testing.assert_allclose(row.per_subspace, per_subspace, rtol=1e-5)
    assert row.subspace_coding_rate == pytest.approx(per_subspace.sum(), rel=1e-5)
    assert row.rate_reduction == pytest.approx(row.coding_rate - row.subspace_coding_rate, rel=1e-12)
    assert row.own_share == pytest.approx(own_share(z, run.mixture).mean(), rel=1e-5)
    assert row.recognised == recognised(z, run.mixture).mean()
    assert row.length == pytest.approx(np.sqrt(np.mean(np.sum(z**2, axis=1))), rel=1e-5)
    assert row.nonzero_fraction == nonzero_fraction(entries)
    assert row.l1_mean == pytest.approx(l1_mean(entries), rel=1e-5)
    if step <= 4:
        assert row.error is None
    else:
        compressed = run.tokens[4]
        expected = np.linalg.norm(compressed - z) / np.linalg.norm(compressed)
        assert row.error == pytest.approx(expected, rel=1e-4)


def test_wrong_subspaces_are_the_control_itself():
    right, wrong = run_experiment(SMALL), run_experiment(replace(SMALL, wrong=True))
    np.testing.assert_array_equal(right.mixture.tokens, wrong.mixture.tokens)
    assert wrong.rows is wrong.control
    for ours, control in zip(wrong.rows, right.control, strict=True):
        assert ours.own_share == control.own_share
        assert ours.subspace_coding_rate == control.subspace_coding_rate
    assert right.rows[0].own_share == right.control[0].own_share
    assert right.rows[1].own_share != right.control[1].own_share


@pytest.mark.parametrize("change", [{"operator": "gradient"}, {"dictionary": "identity"}, {"lam": 0.5}, {"kappa": 0.3}])
def test_a_seed_keeps_the_data_when_the_steps_change(change):
    changed = run_experiment(replace(SMALL, **change))
    np.testing.assert_array_equal(changed.mixture.tokens, run_experiment(SMALL).mixture.tokens)
    assert not np.array_equal(run_experiment(replace(SMALL, seed=1)).mixture.tokens, changed.mixture.tokens)


def test_the_exact_gradient_lowers_the_rate_at_every_step():
    rows = run_experiment(Setting(operator="gradient")).rows[:11]
    assert (np.diff([row.subspace_coding_rate for row in rows]) < 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_attention_lowers_the_rate_and_only_the_right_subspaces_clean_the_tokens(seed):
    run = run_experiment(Setting(seed=seed))
    rates = [[row.subspace_coding_rate for row in rows[:11]] for rows in (run.rows, run.control)]
    assert (np.diff(rates, axis=1) < 0).all()  # in the control, too: every token shrinks
    assert run.rows[6].own_share > run.rows[0].own_share + 0.05
    assert max(row.own_share for row in run.control) < run.rows[0].own_share + 0.01
    assert run.rows[-1].error < 0.4 < 0.8 < run.control[-1].error


def test_an_operator_that_there_is_not():
    with pytest.raises(ValueError, match="operator"):
        run_experiment(replace(SMALL, operator="mlp"))
