"""How near the steps are to theory: finite differences, scikit-learn's LASSO, SciPy's NNLS, closed forms."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize

from explorer import runtime, zoo
from explorer.measures.rates import whiteness
from explorer.measures.rates.layers import project
from explorer.measures.rates.ledger import lasso_loss
from explorer.measures.rates.rate import subspace_coding_rate
from explorer.measures.rates.whiteness import (
    cosine,
    layer_rate_gradient,
    measure_compression,
    measure_sparsification,
    mssa_operator,
    proximal_codes,
)
from explorer.rotary import rotate
from explorer.trace import LayerWeights
from tests.conftest import pixels, prepared


def random_weights(rng: np.random.Generator, heads: int = 2, width: int = 6, bias: bool = False) -> LayerWeights:
    norm = (1 + 0.3 * rng.standard_normal(width), 0.3 * rng.standard_normal(width))
    shift = rng.standard_normal(width) if bias else None
    return LayerWeights(rng.standard_normal((width, width)), shift, norm, eps=1e-5, heads=heads)


def test_cosines_by_hand():
    a = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert cosine(a, 3 * a) == pytest.approx(1)
    assert cosine(a, -a) == pytest.approx(-1)
    assert cosine(a, a[::-1]) == 0
    assert cosine(a, np.ones((2, 2))) == pytest.approx(np.sqrt(0.5))
    assert cosine(a, np.zeros((2, 2))) == 0
    with pytest.raises(ValueError, match="one shape"):
        cosine(a, np.ones((2, 3)))


@pytest.mark.parametrize("tokens", [5, 12])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("eps_squared", [0.01, 1.0])
def test_the_gradient_of_the_rate_is_that_of_finite_differences(tokens, bias, eps_squared):
    rng = np.random.default_rng(tokens)
    weights = random_weights(rng, bias=bias)
    z = rng.standard_normal((tokens, 6))
    x = whiteness.layer_norm(z, weights.norm, weights.eps)

    def rate(x: np.ndarray) -> float:
        W = x @ weights.subspaces.T + (0 if weights.bias is None else weights.bias)
        return subspace_coding_rate(W.reshape(tokens, 2, 3).transpose(1, 0, 2), eps_squared).sum()

    found, step = layer_rate_gradient(z, weights, eps_squared), 1e-5
    for i, j in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[i, j] = step
        assert found[i, j] == pytest.approx((rate(x + moved) - rate(x - moved)) / (2 * step), rel=1e-5, abs=1e-7)


def test_an_update_along_the_gradient_is_white():
    """A step of the theory itself has cosine 1, and lowers the rate."""
    rng = np.random.default_rng(1)
    weights = dataclasses.replace(random_weights(rng), norm=(np.ones(6), np.zeros(6)))
    z = rng.standard_normal((9, 6))
    assert cosine(-0.1 * layer_rate_gradient(z, weights), -layer_rate_gradient(z, weights)) == pytest.approx(1)


def test_the_operator_by_hand():
    """Two tokens, one head of one dimension, U = (1, 0): attention weights of token 1 are e and 1 over their sum."""
    attended = mssa_operator(np.array([[[1.0], [0.0]]]), np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(attended, [[np.e / (np.e + 1), 0.0], [0.5, 0.0]], rtol=1e-12)


def test_the_operator_is_what_the_released_code_computes_with_u_as_its_output(modules, cards, opened):
    """Put Uᵀ without bias in the place of the learned output, and torch's own MSSA makes the operator."""
    import copy

    import torch

    trace, weights = runtime.run(opened["crate"], prepared(pixels(1))), zoo.layer_weights(cards["crate"])
    block = copy.deepcopy(modules["crate"].transformer.layers[1][0])
    with torch.no_grad():
        block.fn.to_out[0].weight.copy_(torch.from_numpy(weights[1].subspaces.T.copy()))
        block.fn.to_out[0].bias.zero_()
        out = block(torch.from_numpy(trace.z(2).copy())[None], None)
    expected = (out[0] if isinstance(out, tuple) else out)[0].numpy()
    np.testing.assert_allclose(mssa_operator(trace.projections(2), weights[1].subspaces), expected, atol=1e-5)


def test_some_tokens_of_the_operator_are_those_of_all():
    rng = np.random.default_rng(2)
    parts, U, rows = rng.standard_normal((2, 7, 3)), rng.standard_normal((6, 5)), np.array([0, 3, 6])
    np.testing.assert_allclose(mssa_operator(parts, U, rows), mssa_operator(parts, U)[rows], rtol=1e-12)


def test_relative_values_do_not_notice_where_a_text_begins():
    """Rotated back by the token's own place, what is gathered depends on distances alone."""
    rng = np.random.default_rng(4)
    plain, U = rng.standard_normal((2, 3, 4)), rng.standard_normal((8, 6))
    padded = np.concatenate([np.zeros((2, 5, 4)), plain], axis=1)
    first, later = rotate(plain), rotate(padded)
    far = np.where(np.arange(8) < 5, -1e9, 0.0)  # the padding is not looked at
    logits = np.einsum("kip,kjp->kij", later[:, 5:], later) / 2 + far
    attention = np.exp(logits - logits.max(-1, keepdims=True))
    gathered = np.zeros_like(later)
    gathered[:, 5:] = attention / attention.sum(-1, keepdims=True) @ later
    expected = rotate(gathered, back=True)[:, 5:].transpose(1, 0, 2).reshape(3, -1) @ U
    found = mssa_operator(first, U, relative=True)
    np.testing.assert_allclose(found, expected, atol=0.05)  # the tables are rounded to bfloat16
    np.testing.assert_allclose(mssa_operator(first, U, np.array([0, 2]), relative=True), found[[0, 2]], rtol=1e-9)
    assert np.abs(mssa_operator(first, U) - expected).max() > 0.3


@pytest.mark.parametrize(("width", "atoms"), [(8, 8), (6, 24), (12, 5)])
@pytest.mark.parametrize("lam", [0.05, 0.5])
def test_the_exact_codes_are_scikit_learns(width, atoms, lam):
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(3)
    x, D = rng.standard_normal((10, width)), rng.standard_normal((width, atoms)) / np.sqrt(width)
    solver = Lasso(alpha=lam / width, positive=True, fit_intercept=False, tol=1e-10, max_iter=100_000)
    expected = np.stack([solver.fit(D, token).coef_ for token in x])
    found = proximal_codes(x, D, lam)
    losses = lasso_loss(x, found, D, lam), lasso_loss(x, expected, D, lam)
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert (found >= 0).all()
    assert cosine(found, expected) > 0.9999


def test_without_a_threshold_the_codes_are_non_negative_least_squares():
    rng = np.random.default_rng(4)
    x, D = rng.standard_normal((6, 7)), rng.standard_normal((7, 7))
    expected = np.stack([scipy.optimize.nnls(D, token)[0] for token in x])
    found = proximal_codes(x, D, 0.0)
    np.testing.assert_allclose(lasso_loss(x, found, D, 0.0), lasso_loss(x, expected, D, 0.0), rtol=1e-3, atol=1e-3)


def test_an_orthonormal_dictionary_has_a_closed_form():
    rng = np.random.default_rng(5)
    D = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    x = rng.standard_normal((9, 6))
    np.testing.assert_allclose(proximal_codes(x, D, 0.3), np.maximum(x @ D - 0.3, 0), atol=1e-8)


def test_a_threshold_above_every_correlation_leaves_nothing():
    assert not proximal_codes(np.array([[0.5, -1.0]]), np.eye(2), 0.6).any()
    assert not proximal_codes(np.zeros((2, 3)), np.eye(3), 0.0).any()
    assert not proximal_codes(np.ones((2, 3)), np.zeros((3, 4)), 0.1).any()


def test_progress_runs_from_the_start_to_the_minimum():
    rng = np.random.default_rng(6)
    x, D = rng.standard_normal((5, 6)), rng.standard_normal((6, 6))
    best, start = proximal_codes(x, D, 0.1), np.maximum(x, 0)
    assert whiteness.lasso_progress(x, best, best, D, 0.1) == 1
    assert whiteness.lasso_progress(x, start, best, D, 0.1) == 0
    assert whiteness.lasso_progress(x, start + 1, best, D, 0.1) < 0
    assert 0 < whiteness.lasso_progress(x, 0.5 * (start + best), best, D, 0.1) < 1
    assert whiteness.lasso_progress(np.zeros((2, 6)), np.zeros((2, 6)), np.zeros((2, 6)), D, 0.1) == 1


def test_every_cosine_is_taken_at_its_position(measured):
    card, trace, weights = measured
    rows = measure_compression(trace, weights, image=1, eps_squared=0.1)
    assert [row.layer for row in rows] == [1, 2]
    z, z_half = trace.z(2, 1).astype(float), trace.z_half(2, 1).astype(float)
    descent = -layer_rate_gradient(z, weights[1], 0.1)
    assert rows[1].gradient == pytest.approx(cosine(z_half - z, descent), rel=1e-9)
    if not card.has_subspaces:
        assert rows[1].operator is rows[1].reference is None
        return
    operator = mssa_operator(project(z, weights[1]), weights[1].subspaces)
    assert rows[1].operator == pytest.approx(cosine(z_half - z, operator), rel=1e-9)
    x = whiteness.layer_norm(z, weights[1].norm, weights[1].eps)
    assert rows[1].reference == pytest.approx(cosine(operator - x, descent), rel=1e-9)


def test_the_codes_are_compared_with_the_exact_ones(measured):
    card, trace, weights = measured
    rows = measure_sparsification(trace, weights, image=1)
    assert len(rows) == (2 if card.has_ista else 0)
    for row, of_layer in zip(rows, weights, strict=False):
        x = whiteness.layer_norm(trace.z_half(row.layer, 1).astype(float), of_layer.ista_norm, of_layer.eps)
        codes, exact = trace.codes(row.layer, 1), proximal_codes(x, of_layer.dictionary, of_layer.lam)
        assert row.proximal == pytest.approx(cosine(codes, exact), rel=1e-9)
        assert row.progress <= 1
        assert lasso_loss(x, exact, of_layer.dictionary, of_layer.lam).sum() <= (
            lasso_loss(x, codes, of_layer.dictionary, of_layer.lam).sum() + 1e-6
        )


def test_many_ista_steps_arrive_at_the_exact_codes():
    """The cosine reaches 1 when the step that the layer does once is repeated: the two speak of one problem."""
    rng = np.random.default_rng(7)
    x, D, lam = rng.standard_normal((5, 6)), np.eye(6) + 0.2 * rng.standard_normal((6, 6)), 0.1
    codes, cosines, exact = np.maximum(x, 0), [], proximal_codes(x, D, lam)
    for _ in range(400):
        codes = np.maximum(codes + 0.1 * (x - codes @ D.T) @ D - 0.1 * lam, 0)
        cosines.append(cosine(codes, exact))
    assert cosines[0] < cosines[20] < cosines[-1] == pytest.approx(1, abs=1e-3)


def test_evenly_spaced_tokens_begin_with_cls_and_never_repeat():
    np.testing.assert_array_equal(whiteness.evenly_spaced(5, 256), range(5))
    rows = whiteness.evenly_spaced(731, 256)
    assert (rows[0], rows[-1], len(set(rows))) == (0, 730, 256)
    np.testing.assert_array_equal(whiteness.evenly_spaced(1, 4), [0])
