"""Coding rates: by hand, against the official formula in torch, and exact identities."""

import numpy as np
import pytest
import torch

from explorer.measures.rates.rate import (
    coding_rate,
    effective_rank,
    rate_bounds,
    subspace_coding_rate,
    subspace_coding_rate_official,
    subspace_token_rates,
    token_rates,
)

# (tokens, width): more tokens than directions, fewer, as many, and one
SHAPES = [(12, 5), (5, 12), (6, 6), (1, 4)]


def tokens(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def rate_with_alpha(z: np.ndarray, alpha: float) -> float:
    return np.linalg.slogdet(np.eye(z.shape[1]) + alpha * z.T @ z).logabsdet / 2


def official_rate(x: torch.Tensor) -> torch.Tensor:
    """The published formula, on the large N×N matrix. x: (b,K,N,p). Returns (b,)."""
    x = x / torch.norm(x, dim=-1, keepdim=True)
    tokens, width = x.shape[-2:]
    gram = torch.eye(tokens, dtype=x.dtype) + width / (tokens * 0.01) * x @ x.transpose(-1, -2)
    return torch.logdet(gram).sum(-1) / 2


def test_coding_rate_by_hand():
    # N=2, d=2, ε²=½: α = 2/(2·½) = 2; ZᵀZ = diag(1, 4); R = ½ ln((1+2)(1+8)) = ½ ln 27
    assert coding_rate(np.diag([1.0, 2.0]), 0.5) == pytest.approx(np.log(27) / 2, rel=1e-14)


def test_coding_rate_of_one_token():
    # N=1, d=3, z = (1,2,2), ε²=0.01: α = 300, ‖z‖² = 9: R = ½ ln(1 + 2700)
    assert coding_rate(np.array([[1.0, 2.0, 2.0]])) == pytest.approx(np.log(2701) / 2, rel=1e-14)


def test_coding_rate_of_zero_is_zero():
    assert coding_rate(np.zeros((4, 3))) == 0.0
    assert np.array_equal(subspace_coding_rate(np.zeros((2, 4, 3))), [0.0, 0.0])


@pytest.mark.parametrize("shape", SHAPES)
def test_both_gram_matrices_give_the_same_rate(shape):
    z = tokens(*shape)
    alpha = shape[1] / (shape[0] * 0.01)
    assert coding_rate(z) == pytest.approx(rate_with_alpha(z, alpha), rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal_change_of_basis_and_order_of_tokens_keep_the_rate(shape):
    z = tokens(*shape)
    basis, _ = np.linalg.qr(tokens(shape[1], shape[1], seed=1))
    moved = (z @ basis)[::-1]
    assert coding_rate(moved) == pytest.approx(coding_rate(z), rel=1e-12)


def test_a_larger_distortion_lowers_the_rate():
    rates = [coding_rate(tokens(9, 4), eps) for eps in (0.01, 0.1, 1.0)]
    assert rates == sorted(rates, reverse=True)


def test_float32_tokens_are_measured_in_float64():
    z = tokens(200, 64).astype(np.float32)
    assert coding_rate(z) == coding_rate(z.astype(np.float64))


def test_subspace_rate_splits_into_one_rate_per_head():
    subspace = tokens(3, 10, 4)
    expected = [coding_rate(head, 0.3) for head in subspace]
    np.testing.assert_allclose(subspace_coding_rate(subspace, 0.3), expected, rtol=1e-13, atol=0)


def test_subspace_rate_is_not_normalised():
    subspace = tokens(2, 6, 3)
    assert (subspace_coding_rate(2 * subspace) > subspace_coding_rate(subspace)).all()


@pytest.mark.parametrize("shape", [(6, 40, 8), (3, 5, 16)])
def test_official_rate_matches_torch(shape):
    subspace = tokens(*shape)
    expected = official_rate(torch.from_numpy(subspace)[None])[0].item()
    assert subspace_coding_rate_official(subspace).sum() == pytest.approx(expected, rel=1e-12)


def test_official_rate_ignores_the_length_of_tokens():
    subspace = tokens(2, 9, 4)
    lengths = np.random.default_rng(1).uniform(0.1, 10, (2, 9, 1))
    np.testing.assert_allclose(
        subspace_coding_rate_official(subspace * lengths),
        subspace_coding_rate_official(subspace),
        rtol=1e-12,
        atol=0,
    )


def test_official_rate_of_a_zero_token_is_finite():
    subspace = tokens(1, 5, 3)
    subspace[0, 2] = 0
    assert torch.isnan(official_rate(torch.from_numpy(subspace)[None])).all()
    # the zero token still counts in N, so four unit tokens at α = 3/(5·0.01)
    unit = np.delete(subspace[0], 2, axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = rate_with_alpha(unit, 3 / (5 * 0.01))
    assert subspace_coding_rate_official(subspace)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_token_rate_is_what_removing_the_token_takes_away(shape):
    z = tokens(*shape)
    alpha = shape[1] / (shape[0] * 0.05)
    without = [rate_with_alpha(np.delete(z, i, axis=0), alpha) for i in range(shape[0])]
    expected = rate_with_alpha(z, alpha) - np.array(without)
    np.testing.assert_allclose(token_rates(z, 0.05), expected, rtol=1e-10, atol=1e-12)


def test_token_rates_by_hand():
    # orthogonal tokens share nothing: each adds ½ ln(1 + α‖z‖²), and a zero token adds nothing
    rates = token_rates(np.diag([1.0, 2.0, 0.0]), 1.0)
    np.testing.assert_allclose(rates, [np.log(2) / 2, np.log(5) / 2, 0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("size", [1e6, 1e7, 1e8])
def test_token_rates_stay_finite_when_one_token_dwarfs_the_rest(size):
    z = tokens(5, 3)
    z[0] *= size
    rates = token_rates(z)
    assert np.isfinite(rates).all()
    assert np.argmax(rates) == 0


@pytest.mark.parametrize("shape", [(3, 12, 4), (2, 4, 9)])
def test_subspace_token_rates_are_token_rates_in_each_head(shape):
    subspace = tokens(*shape)
    expected = [token_rates(head, 0.2) for head in subspace]
    np.testing.assert_allclose(subspace_token_rates(subspace, 0.2), expected, rtol=1e-12, atol=1e-14)


def test_effective_rank_by_hand():
    assert effective_rank(np.eye(3)) == pytest.approx(3, rel=1e-13)
    assert effective_rank(np.ones((5, 4))) == pytest.approx(1, rel=1e-10)
    # singular values 3 and 1: shares ¾ and ¼
    expected = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(expected, rel=1e-13)


def test_effective_rank_edges():
    assert effective_rank(np.zeros((4, 3))) == 0.0
    z = tokens(7, 4)
    assert effective_rank(5 * z) == pytest.approx(effective_rank(z), rel=1e-12)
    assert 1 <= effective_rank(z) <= 4


@pytest.mark.parametrize(
    ("heads", "width", "floor", "ceiling"),
    [(6, 64, 26, 886), (12, 48, 51, 1329), (12, 64, 53, 1772), (16, 64, 70, 2363)],
    ids=["T", "S", "B", "L"],
)
def test_bounds_of_the_published_sizes(heads, width, floor, ceiling):
    low, high = rate_bounds(heads, width)
    assert (round(low), round(high)) == (floor, ceiling)


def test_bounds_are_reached_by_collapse_and_by_an_even_spread():
    low, high = rate_bounds(2, 3)
    collapsed = np.ones((2, 7, 3))
    even = np.tile(np.eye(3), (2, 2, 1))
    assert subspace_coding_rate_official(collapsed).sum() == pytest.approx(low, rel=1e-12)
    assert subspace_coding_rate_official(even).sum() == pytest.approx(high, rel=1e-12)
    assert low < subspace_coding_rate_official(tokens(2, 7, 3)).sum() < high


@pytest.mark.parametrize(
    "call",
    [
        lambda: coding_rate(np.ones(3)),
        lambda: coding_rate(np.ones((0, 3))),
        lambda: coding_rate(np.ones((2, 3)), 0.0),
        lambda: coding_rate(np.ones((2, 3)), float("nan")),
        lambda: subspace_coding_rate(np.ones((2, 3))),
        lambda: subspace_coding_rate_official(np.ones((2, 3))),
        lambda: token_rates(np.ones((2, 3)), -1.0),
        lambda: subspace_token_rates(np.ones((2, 3))),
        lambda: effective_rank(np.ones(3)),
        lambda: rate_bounds(0, 4),
    ],
)
def test_misuse_is_refused(call):
    with pytest.raises(ValueError, match=r"expected|must be"):
        call()
