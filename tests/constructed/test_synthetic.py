"""Known subspaces and the theory's steps on them: by hand, by brute force, by finite differences, by closed forms."""

import numpy as np
import pytest
from scipy.special import softmax

from explorer.constructed.synthetic import (
    Mixture,
    draw_mixture,
    draw_subspaces,
    gradient_step,
    ista_step,
    largest_ista_step,
    make_dictionary,
    mssa_step,
    own_share,
    rate_gradient,
    recognised,
    subspace_coordinates,
    view_axes,
)
from explorer.measures.rates.rate import subspace_coding_rate
from explorer.measures.rates.sparsity import l1

AXES = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])  # K=2 lines, the coordinate axes of R²
BY_HAND = np.array([[1.0, 0.0], [0.0, 2.0]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(count=3, dim=2, width=8, angle: float | None = 90, tokens=30, noise=0.3, length=1.5, seed=0):
    random = rng(seed)
    subspaces = draw_subspaces(count, dim, width, angle, random)
    return draw_mixture(subspaces, tokens, length, noise, random)


def total_rate(z: np.ndarray, subspaces: np.ndarray, eps_squared: float) -> float:
    return float(subspace_coding_rate(subspace_coordinates(z, subspaces), eps_squared).sum())


def test_a_compression_step_by_hand():
    # W_1 = (1,0), W_2 = (0,2): token 1 attends in U_1 with e:1, token 2 with 1:1; in U_2 with 1:1 and with 1:e⁴
    attended = np.array([[np.e / (np.e + 1), 1.0], [0.5, 2 * np.e**4 / (1 + np.e**4)]])
    np.testing.assert_allclose(mssa_step(BY_HAND, AXES, 0.25), 0.75 * BY_HAND + 0.25 * attended, rtol=1e-14)


def test_a_gradient_step_by_hand():
    # p=1, N=2, ε²=½: α = 1; each line holds one token: ∇ = w/(1+w²) = 1/2 and 2/5
    gradient = np.array([[0.5, 0.0], [0.0, 0.4]])
    np.testing.assert_allclose(rate_gradient(BY_HAND, AXES, 0.5), gradient, rtol=1e-14)
    np.testing.assert_allclose(gradient_step(BY_HAND, AXES, 0.5, 0.5), BY_HAND - gradient / 2, rtol=1e-14)
    assert total_rate(BY_HAND, AXES, 0.5) == pytest.approx(np.log(2 * 5) / 2, rel=1e-14)


@pytest.mark.parametrize(("count", "dim", "width", "angle"), [(3, 2, 8, 90), (2, 3, 7, 40), (5, 2, 4, None)])
def test_the_gradient_is_the_derivative_of_the_rate(count, dim, width, angle):
    mixture = drawn(count, dim, width, angle, tokens=9)
    z, step = mixture.tokens, 1e-5
    gradient = rate_gradient(z, mixture.subspaces, 0.2)
    for place in np.ndindex(z.shape):
        nudge = np.zeros_like(z)
        nudge[place] = step
        ends = [total_rate(z + sign * nudge, mixture.subspaces, 0.2) for sign in (1, -1)]
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("count", "angle"), [(3, 90), (3, 30), (6, None)])
@pytest.mark.parametrize("part", [0.05, 0.5, 1.0])
def test_the_gradient_step_never_raises_the_rate_up_to_its_bound(count, angle, part):
    mixture = drawn(count, 2, 8, angle)
    overlap = np.linalg.norm(np.einsum("kdp,kep->de", mixture.subspaces, mixture.subspaces), 2)
    z, rates = mixture.tokens, []
    for _ in range(12):
        rates.append(total_rate(z, mixture.subspaces, 0.1))
        z = gradient_step(z, mixture.subspaces, part * 2 / overlap, 0.1)
    assert (np.diff(rates) < 1e-9).all()


@pytest.mark.parametrize("angle", [90, 50, None])
def test_a_compression_step_against_loops(angle):
    mixture = drawn(3, 2, 8, angle, tokens=12)
    z, expected = mixture.tokens, 0.7 * mixture.tokens
    for basis in mixture.subspaces:
        for i, token in enumerate(z):
            weights = softmax([(basis.T @ token) @ (basis.T @ other) for other in z])
            value = sum(weight * (basis.T @ other) for weight, other in zip(weights, z, strict=True))
            expected[i] += 0.3 * basis @ value
    np.testing.assert_allclose(mssa_step(z, mixture.subspaces, 0.3), expected, rtol=1e-12, atol=1e-13)


def test_steps_turn_with_the_space_and_follow_the_order_of_tokens():
    mixture = drawn(angle=70)
    turn = np.linalg.qr(rng(5).standard_normal((8, 8)))[0]
    order = rng(6).permutation(30)
    turned = turn.T @ mixture.subspaces
    for step in (
        lambda z, u: mssa_step(z, u, 0.2),
        lambda z, u: gradient_step(z, u, 0.2, 0.1),
    ):
        expected = (step(mixture.tokens, mixture.subspaces) @ turn)[order]
        np.testing.assert_allclose(step((mixture.tokens @ turn)[order], turned), expected, rtol=0, atol=1e-12)


def test_attention_stays_within_the_span_and_keeps_the_labels():
    mixture = drawn(noise=0.0, tokens=60)
    z = mixture.tokens
    for _ in range(10):
        z = mssa_step(z, mixture.subspaces, 0.15)
        assert recognised(z, mixture).all()
    span = np.einsum("kdp,kep->de", mixture.subspaces, mixture.subspaces)
    np.testing.assert_allclose(z @ span, z, atol=1e-13)


def test_what_lies_in_no_subspace_only_shrinks():
    mixture = drawn(noise=1.0)
    outside = np.eye(8) - np.einsum("kdp,kep->de", mixture.subspaces, mixture.subspaces)
    after = mssa_step(mixture.tokens, mixture.subspaces, 0.15)
    np.testing.assert_allclose(after @ outside, 0.85 * mixture.tokens @ outside, atol=1e-13)
    exact = gradient_step(mixture.tokens, mixture.subspaces, 0.15, 0.1)
    np.testing.assert_allclose(exact @ outside, mixture.tokens @ outside, atol=1e-13)


def test_very_long_tokens_attend_to_themselves_alone():
    z = np.diag([50.0, 60.0])
    np.testing.assert_allclose(np.diagonal(mssa_step(z, AXES, 0.5)), np.diagonal(z), rtol=1e-12)
    assert np.isfinite(mssa_step(1e6 * z, AXES, 0.5)).all()


@pytest.mark.parametrize("angle", [90, 60, 20])
def test_subspaces_at_an_angle(angle):
    subspaces = draw_subspaces(4, 2, 8, angle, rng())
    products = np.einsum("jdp,kdq->jkpq", subspaces, subspaces)
    for j, k in np.ndindex(4, 4):
        expected = np.eye(2) * (1.0 if j == k else np.cos(np.radians(angle)))
        np.testing.assert_allclose(products[j, k], expected, atol=1e-13)


def test_random_subspaces_are_orthonormal_bases_and_may_overlap():
    subspaces = draw_subspaces(9, 3, 4, None, rng())
    assert subspaces.shape == (9, 4, 3)
    np.testing.assert_allclose(
        subspaces.swapaxes(1, 2) @ subspaces, np.broadcast_to(np.eye(3), (9, 3, 3)), atol=1e-13
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(3, 3, 8, 90), (2, 9, 8, None), (0, 1, 4, 90), (2, 0, 4, None), (2, 1, 4, 0)])
def test_subspaces_that_do_not_exist_are_refused(shape):
    with pytest.raises(ValueError, match=r"fit|angle"):
        draw_subspaces(*shape, rng())


def test_tokens_lie_in_their_subspace_at_one_length_and_noise_has_the_length_it_says():
    clean = drawn(noise=0.0)
    np.testing.assert_allclose(np.linalg.norm(clean.tokens, axis=1), 1.5, rtol=1e-13)
    np.testing.assert_allclose(own_share(clean.tokens, clean), 1)
    assert np.bincount(clean.labels).tolist() == [10, 10, 10]
    noisy, quiet = (drawn(width=64, tokens=600, noise=noise) for noise in (2.0, 0.0))
    np.testing.assert_allclose(np.linalg.norm(noisy.tokens - quiet.tokens, axis=1).mean(), 3.0, rtol=0.02)
    np.testing.assert_array_equal(drawn(seed=4).tokens, drawn(seed=4).tokens)


@pytest.mark.parametrize("bad", [{"tokens": 0}, {"length": 0.0}, {"noise": -1.0}])
def test_data_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        drawn(**bad)


def test_the_own_share_is_the_squared_cosine():
    mixture = Mixture(np.zeros((4, 2)), np.array([0, 1, 0, 1]), AXES)
    angle = np.radians(30)
    z = np.array([[np.cos(angle), np.sin(angle)], [3.0, 0.0], [0.0, 0.0], [1.0, -2.0]])
    np.testing.assert_allclose(own_share(z, mixture), [0.75, 0.0, 0.0, 0.8], atol=1e-15)
    assert recognised(z, mixture).tolist() == [True, False, False, True]


def test_one_sparsification_step_is_the_released_formula():
    d = rng(2).standard_normal((6, 6))
    z = rng(3).standard_normal((9, 6))
    columns = z.T  # the paper's columns: ReLU(z + η Dᵀ(z − Dz) − ηλ)
    expected = np.maximum(columns + 0.1 * d.T @ (columns - d @ columns) - 0.1 * 0.4, 0).T
    np.testing.assert_allclose(ista_step(z, z, d, 0.1, 0.4), expected, rtol=1e-12, atol=1e-14)


def test_without_a_threshold_an_orthogonal_dictionary_is_read_in_one_step():
    mixture = drawn()
    d = make_dictionary("orthogonal", mixture.subspaces, rng(7))
    np.testing.assert_allclose(d.T @ d, np.eye(8), atol=1e-13)
    read = np.maximum(mixture.tokens @ d, 0)
    start = np.abs(rng(8).standard_normal(read.shape))
    np.testing.assert_allclose(ista_step(start, mixture.tokens, d, 1.0, 0.0), read, atol=1e-13)
    np.testing.assert_allclose(ista_step(read, mixture.tokens, d, 0.3, 0.0), read, atol=1e-13)


def settled(mixture, dictionary, eta: float, lam: float, steps: int = 400) -> np.ndarray:
    codes = np.maximum(mixture.tokens @ dictionary, 0)
    for _ in range(steps):
        codes = ista_step(codes, mixture.tokens, dictionary, eta, lam)
    return codes


@pytest.mark.parametrize("lam", [0.0, 0.1, 0.4])
def test_on_the_bases_the_codes_settle_at_the_soft_threshold_and_the_error_at_its_bound(lam):
    mixture = drawn()
    d = make_dictionary("bases", mixture.subspaces, rng())
    codes = settled(mixture, d, 0.5, lam)
    np.testing.assert_allclose(codes, np.maximum(mixture.tokens @ d - lam, 0), atol=1e-12)
    span = np.einsum("kdp,kep->de", mixture.subspaces, mixture.subspaces)
    within = np.abs(subspace_coordinates(mixture.tokens, mixture.subspaces))
    expected = np.sum((mixture.tokens - mixture.tokens @ span) ** 2) + np.sum(np.minimum(within, lam) ** 2)
    assert np.sum((mixture.tokens - codes @ d.T) ** 2) == pytest.approx(expected, rel=1e-10)


def test_on_overlapping_subspaces_the_settled_codes_fulfil_the_lasso_conditions():
    mixture = drawn(6, 2, 5, None)
    d, lam = make_dictionary("bases", mixture.subspaces, rng()), 0.2
    codes = settled(mixture, d, largest_ista_step(d), lam, steps=6000)
    slope = (mixture.tokens - codes @ d.T) @ d
    assert slope.max() <= lam + 1e-6
    np.testing.assert_allclose(slope[codes > 1e-6], lam, atol=1e-6)


@pytest.mark.parametrize("kind", ["bases", "orthogonal", "identity"])
def test_a_higher_threshold_lowers_l1_and_no_step_raises_the_objective(kind):
    mixture = drawn(6, 2, 5, None)
    d = make_dictionary(kind, mixture.subspaces, rng())
    eta = largest_ista_step(d)
    sums = [l1(settled(mixture, d, eta, lam)) for lam in (0.0, 0.1, 0.3, 1.0)]
    assert (np.diff(sums) < 0).all()
    codes, objectives = np.ones((30, d.shape[1])), []
    for _ in range(30):
        objectives.append(np.sum((mixture.tokens - codes @ d.T) ** 2) / 2 + 0.3 * codes.sum())
        codes = ista_step(codes, mixture.tokens, d, eta, 0.3)
    assert (np.diff(objectives) < 1e-9).all()


def test_dictionaries():
    mixture = drawn()
    bases = make_dictionary("bases", mixture.subspaces, rng())
    assert bases.shape == (8, 12)
    np.testing.assert_allclose(np.linalg.norm(bases, axis=0), 1, rtol=1e-13)
    np.testing.assert_array_equal(bases[:, 4:6], mixture.subspaces[1])
    np.testing.assert_array_equal(bases[:, 6:8], -mixture.subspaces[1])
    assert largest_ista_step(bases) == pytest.approx(0.5, rel=1e-12)
    identity = make_dictionary("identity", mixture.subspaces, rng())
    np.testing.assert_array_equal(identity, np.eye(8))
    assert largest_ista_step(identity) == pytest.approx(1.0, rel=1e-12)
    with pytest.raises(ValueError, match="dictionary"):
        make_dictionary("learned", mixture.subspaces, rng())


def test_the_view_looks_along_one_vector_of_each_subspace():
    subspaces = draw_subspaces(4, 2, 9, 90, rng())
    np.testing.assert_allclose(view_axes(subspaces), subspaces[:3, :, 0].T, atol=1e-13)
    two = draw_subspaces(2, 2, 9, 90, rng())
    expected = np.stack([two[0, :, 0], two[1, :, 0], two[0, :, 1]], axis=1)
    np.testing.assert_allclose(view_axes(two), expected, atol=1e-13)
    skew = view_axes(draw_subspaces(3, 1, 5, 30, rng()))
    np.testing.assert_allclose(skew.T @ skew, np.eye(3), atol=1e-13)
    np.testing.assert_array_equal(view_axes(draw_subspaces(5, 1, 3, None, rng())), np.eye(3))
    with pytest.raises(ValueError, match="at least 3"):
        view_axes(AXES)


def test_few_subspaces_in_a_wide_space_are_seen_along_three_directions():
    axes = view_axes(draw_subspaces(1, 1, 5, 90, rng()))
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-13)


def test_nothing_is_coded_without_distortion():
    with pytest.raises(ValueError, match="eps_squared"):
        rate_gradient(BY_HAND, AXES, 0.0)
