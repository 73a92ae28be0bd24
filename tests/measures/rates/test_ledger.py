"""The books of the objective: by hand, by invariants, against the numbers measured elsewhere."""

import dataclasses

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.measures.rates.layers import measure_layers, project
from explorer.measures.rates.ledger import (
    COMPRESS,
    SPARSIFY,
    Balance,
    LayerLedger,
    balance,
    compression_changes,
    half_steps,
    lasso_loss,
    lasso_start,
    measure_ledger,
    revaluations,
)
from explorer.trace import Knobs, LayerWeights
from tests.conftest import pixels, prepared


def plain_weights(heads: int = 2, width: int = 4) -> LayerWeights:
    """Subspaces that split the space into its axes, and a norm that does nothing but centre and scale."""
    return LayerWeights(np.eye(width), None, (np.ones(width), np.zeros(width)), eps=0.0, heads=heads)


def account(rate: float, parts: float, zeros: int = 0, l1: float = 0.0) -> Balance:
    return Balance(rate, np.array([parts]), zeros, l1)


def test_the_balance_of_one_token_by_hand():
    """z = (1,−1,1,−1) is its own norm. R: 1 + 4/ε²·1 for the direction of length 2 → ½ ln(1 + 4·4/0.01).
    Each head holds (1,−1), of length² 2: ½ ln(1 + 2·2/0.01), twice."""
    found = balance(np.array([[1.0, -1.0, 1.0, -1.0]]), plain_weights(), eps_squared=0.01)
    assert found.coding_rate == pytest.approx(0.5 * np.log(1601), rel=1e-12)
    np.testing.assert_allclose(found.per_head, 0.5 * np.log([401, 401]), rtol=1e-12)
    assert (found.l0, found.l1) == (4, 4.0)
    assert found.rate_reduction == pytest.approx(0.5 * np.log(1601) - np.log(401), rel=1e-12)
    assert found.objective(0.5) == pytest.approx(found.rate_reduction - 2, rel=1e-12)


def test_the_currency_of_a_layer_is_blind_to_the_length_and_mean_of_tokens():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((7, 4))
    one, other = balance(z, plain_weights()), balance(5 * z + rng.standard_normal((7, 1)), plain_weights())
    assert one.coding_rate == pytest.approx(other.coding_rate, rel=1e-10)
    np.testing.assert_allclose(one.per_head, other.per_head, rtol=1e-10)


def test_the_books_agree_with_the_layer_measures(measured):
    _, trace, weights = measured
    for eps_squared in (0.01, 0.3):
        books = measure_ledger(trace, weights, image=1, eps_squared=eps_squared)
        for of_layer, row in zip(books, measure_layers(trace, weights, 1, eps_squared), strict=True):
            np.testing.assert_allclose(of_layer.before.per_head, row.per_head, rtol=1e-4)
            np.testing.assert_allclose(of_layer.half.per_head, row.per_head_half, rtol=1e-9)
            if not trace.card.codes_dim:
                assert (of_layer.after.l0, of_layer.after.l1) == (row.l0, row.l1)


def test_all_three_balances_of_a_layer_use_its_own_norm_and_subspaces(measured):
    _, trace, weights = measured
    for layer, of_layer in enumerate(measure_ledger(trace, weights), start=1):
        z = trace.z(layer + 1)
        W = project(z, weights[layer - 1]).astype(np.float64)
        alpha = W.shape[2] / (W.shape[1] * 0.01)
        expected = sum(0.5 * np.linalg.slogdet(np.eye(len(z)) + alpha * head @ head.T)[1] for head in W)
        assert of_layer.after.subspace_coding_rate == pytest.approx(expected, rel=1e-8)
        assert of_layer.after.l0 == np.count_nonzero(z)


def test_the_quick_way_to_the_changes_of_compression_is_that_of_the_ledger(measured):
    _, trace, weights = measured
    for eps_squared in (0.01, 0.3):
        steps = half_steps(measure_ledger(trace, weights, eps_squared=eps_squared), 0.0)
        expected = [step.subspace_coding_rate for step in steps[::2]]
        found = compression_changes(trace, weights, eps_squared=eps_squared)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.01, 2.0])
def test_half_steps_and_revaluations_add_up_to_the_whole_way(measured, lam):
    _, trace, weights = measured
    books = measure_ledger(trace, weights)
    steps, jumps = half_steps(books, lam), revaluations(books, lam)
    assert [(step.layer, step.name) for step in steps] == [(i, n) for i in (1, 2) for n in (COMPRESS, SPARSIFY)]
    total = sum(step.objective for step in steps) + jumps.sum()
    assert total == pytest.approx(books[-1].after.objective(lam) - books[0].before.objective(lam), rel=1e-9, abs=1e-9)
    for step in steps:
        assert step.rate_reduction == pytest.approx(step.coding_rate - step.subspace_coding_rate, abs=1e-9)
        assert step.objective == pytest.approx(step.rate_reduction - lam * step.l0, abs=1e-9)
    np.testing.assert_allclose(jumps, revaluations(books, 0.0), atol=1e-9)  # the same tokens: μ‖Z‖₀ cancels


def test_what_got_worse_is_named_by_hand():
    books = LayerLedger(1, account(10, 5, 4), account(9, 6, 8), account(9.5, 6, 2), lasso_before=3.0, lasso_after=4.0)
    compress, sparsify = half_steps([books], price=0.1)
    assert compress.worse == ("R^c rose", "objective fell")
    assert compress.objective == pytest.approx(-1 - 1 - 0.4)
    assert sparsify.worse == ("LASSO rose",)
    assert (sparsify.lasso, sparsify.l0, sparsify.coding_rate) == (1.0, -6, 0.5)


def test_a_sparsifying_step_may_lose_more_rate_than_it_wins_zeros():
    books = LayerLedger(1, account(10, 5), account(10, 5, 8), account(9, 3, 2))
    assert half_steps([books], price=0.1)[1].worse == ("R − μ‖Z‖₀ fell",)  # −1 + 0.6 < 0, but R − R^c rose by 1
    assert half_steps([books], price=0.2)[1].worse == ()  # −1 + 1.2 > 0


def test_rounding_is_not_called_worse():
    books = LayerLedger(1, account(10, 5), account(10, 5 + 1e-4), account(10, 5))
    assert [step.worse for step in half_steps([books], price=0.0)] == [(), ()]


def test_the_lasso_of_one_token_by_hand():
    x, D = np.array([[1.0, -2.0]]), np.diag([2.0, 1.0])
    np.testing.assert_array_equal(lasso_start(x, D), [[1.0, 0.0]])
    # ½((1 − 2·1)² + (−2 − 0)²) + 0.1·1
    np.testing.assert_allclose(lasso_loss(x, lasso_start(x, D), D, 0.1), [2.6], rtol=1e-12)
    np.testing.assert_array_equal(lasso_start(x, np.ones((2, 3))), np.zeros((1, 3)))


def test_only_families_with_a_dictionary_have_a_lasso(measured):
    card, trace, weights = measured
    for step in half_steps(measure_ledger(trace, weights), 0.0):
        assert (step.lasso is not None) == (card.has_ista and step.name == SPARSIFY)


def test_gains_of_zero_leave_the_bias_of_the_output_as_the_only_change(cards, opened, modules):
    """A layer without MSSA heads adds one vector to all tokens: compression then comes from that shift alone."""
    weights = zoo.layer_weights(cards["crate"])
    off = runtime.run(opened["crate"], prepared(pixels(1)), None, Knobs(mssa_gain=np.zeros((2, 2))))
    bias = modules["crate"].state_dict()["transformer.layers.0.0.fn.to_out.0.bias"].numpy()
    first = measure_ledger(off, weights)[0]
    expected = balance(off.z(1) + bias, weights[0])
    assert first.half.coding_rate == pytest.approx(expected.coding_rate, rel=1e-5)


@pytest.mark.parametrize("eps_squared", [0.0, -1.0, np.nan])
def test_a_distortion_that_is_none_is_refused(measured, eps_squared):
    _, trace, weights = measured
    with pytest.raises(ValueError, match="eps_squared"):
        measure_ledger(trace, weights, eps_squared=eps_squared)


def test_books_cannot_be_changed(measured):
    _, trace, weights = measured
    with pytest.raises(dataclasses.FrozenInstanceError):
        measure_ledger(trace, weights)[0].layer = 2  # pyright: ignore[reportAttributeAccessIssue]
