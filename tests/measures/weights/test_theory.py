"""Fit to the model of the data: tokens made by the model, tokens without structure, closed forms and edges."""

import numpy as np
import pytest

from explorer.card import ModelCard
from explorer.measures.rates.layers import normed
from explorer.measures.weights.geometry import mean_between
from explorer.measures.weights.theory import (
    best_energy,
    energy_shares,
    explained_energy,
    gaussian_kurtosis_spread,
    gaussian_quantiles,
    gaussianity,
    isotropic_subspaces_per_token,
    layer_fit,
    subspaces_per_token,
    support_overlap,
)
from explorer.trace import LayerWeights, Trace

K, P, D = 4, 3, 12


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def mixture(tokens: int, seed: int = 0) -> np.ndarray:
    """The model itself: token i is Gaussian in span U_k of the first axes, k = i mod K."""
    samples = np.zeros((tokens, K, P))
    samples[np.arange(tokens), np.arange(tokens) % K] = drawn(tokens, P, seed=seed)
    return samples.reshape(tokens, K * P)


def test_energy_by_hand():
    subspaces = np.array([[2.0, 0, 0], [0, 5, 0]])  # lengths do not matter, spans do
    shares = energy_shares(np.array([[3.0, 4, 0], [0, 0, 1], [0, 0, 0]]), subspaces, 2)
    np.testing.assert_allclose(shares, [[0.36, 0.64], [0, 0], [0, 0]], rtol=1e-12)
    explained = explained_energy(np.array([[3.0, 4, 0], [0, 0, 1], [0, 0, 0]]), shares)
    np.testing.assert_allclose(explained, [9 / 26, 16 / 26], rtol=1e-12)


def test_energy_of_orthogonal_subspaces_adds_up_and_bases_do_not_matter():
    tokens, rotation = drawn(20, D), np.linalg.qr(drawn(D, D, seed=1))[0]
    shares = energy_shares(tokens, rotation, K)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    mixed = np.concatenate([drawn(P, P, seed=k + 2) @ rotation[P * k : P * (k + 1)] for k in range(K)])
    np.testing.assert_allclose(energy_shares(tokens, mixed, K), shares, rtol=1e-9)


def test_energy_of_tokens_inside_one_subspace_is_whole():
    subspaces = drawn(D, D)
    tokens = drawn(5, P, seed=1) @ subspaces[:P]
    np.testing.assert_allclose(energy_shares(tokens, subspaces, K)[:, 0], 1, rtol=1e-12)


def test_random_subspaces_hold_p_over_d_and_the_best_one_more():
    tokens = drawn(300, D) * np.linspace(0.2, 3, D)
    held = [explained_energy(tokens, energy_shares(tokens, drawn(D, D, seed=s), K)) for s in range(60)]
    np.testing.assert_allclose(np.mean(held), P / D, rtol=0.05)
    best = best_energy(tokens, P)
    assert np.max(held) <= best < 1
    _, s, vt = np.linalg.svd(tokens, full_matrices=False)
    np.testing.assert_allclose(best, np.sum(s[:P] ** 2) / np.sum(s**2), rtol=1e-10)
    shares = energy_shares(tokens, vt, K)
    np.testing.assert_allclose(explained_energy(tokens, shares)[0], best, rtol=1e-10)


def test_best_energy_with_fewer_tokens_than_dimensions():
    tokens = drawn(5, D)
    np.testing.assert_allclose(best_energy(tokens, 5), 1, rtol=1e-12)
    np.testing.assert_allclose(
        best_energy(tokens, 2),
        best_energy(np.pad(tokens, ((0, 20), (0, 0))), 2),
    )


def test_subspaces_per_token_by_hand():
    shares = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.2], [0, 0, 0]])
    np.testing.assert_allclose(subspaces_per_token(shares), [1, 2, 3, 3], rtol=1e-12)


def test_tokens_of_the_model_use_one_subspace_and_random_ones_many():
    ours = energy_shares(mixture(40), np.eye(D), K)
    np.testing.assert_allclose(subspaces_per_token(ours), 1, rtol=1e-12)
    shares = energy_shares(drawn(4000, D), np.eye(D), K)
    inverse = 1 / np.mean(1 / subspaces_per_token(shares))
    np.testing.assert_allclose(inverse, isotropic_subspaces_per_token(K, P), rtol=0.02)


def test_support_overlap_by_hand():
    shares = np.array([[9.0, 9, 0], [8, 0, 9], [0, 8, 8], [0, 0, 0]]) / 10
    expected = [[1, 1 / 3, 1 / 3], [1 / 3, 1, 1 / 3], [1 / 3, 1 / 3, 1]]
    np.testing.assert_allclose(support_overlap(shares, top=0.5), expected, rtol=1e-12)
    np.testing.assert_array_equal(support_overlap(np.ones((5, 2)), top=0.01), 1)  # at least one, the first


def test_supports_of_the_model_are_disjoint_and_random_ones_meet_by_chance():
    model = support_overlap(energy_shares(mixture(200), np.eye(D), K), top=0.2)
    np.testing.assert_array_equal(model, np.eye(K))
    chance = mean_between(support_overlap(np.random.default_rng(0).random((5000, 8))))
    np.testing.assert_allclose(chance, 0.1 / 1.9, rtol=0.1)


def test_gaussian_samples_have_kurtosis_one_with_the_exact_spread():
    found = [gaussianity(drawn(60, 8, seed=seed)).kurtosis for seed in range(1500)]
    spread = gaussian_kurtosis_spread(60, 8)
    assert abs(np.mean(found) - 1) < 4 * spread / np.sqrt(1500)
    np.testing.assert_allclose(np.std(found), spread, rtol=0.06)


def test_quantiles_are_those_of_gaussian_samples():
    samples = np.array([gaussianity(drawn(50, 6, seed=seed)).distances for seed in range(400)])
    expected = gaussian_quantiles(50, 6)
    pooled = np.quantile(samples, (np.arange(50) + 0.5) / 50)
    np.testing.assert_allclose(pooled, expected, rtol=0.015, atol=0.03)
    np.testing.assert_allclose(expected.mean(), 6, rtol=0.005)
    np.testing.assert_allclose(samples.sum(axis=1), 50 * 6, rtol=1e-9)  # whatever the sample is


def test_gaussianity_agrees_with_the_definition():
    tokens = drawn(40, 5) @ drawn(5, 5, seed=1) + 7
    centred = tokens - tokens.mean(axis=0)
    inverse = np.linalg.inv(np.cov(tokens.T, bias=True))
    distances = np.einsum("ni,ij,nj->n", centred, inverse, centred)
    found = gaussianity(tokens)
    np.testing.assert_allclose(found.distances, np.sort(distances), rtol=1e-8)
    np.testing.assert_allclose(found.kurtosis, np.mean(distances**2) / (35 * 39 / 41), rtol=1e-8)
    moved = gaussianity(tokens @ drawn(5, 5, seed=2) - 3)
    np.testing.assert_allclose(moved.distances, found.distances, rtol=1e-6)


def test_the_mixture_has_kurtosis_k_from_one_head_and_a_cluster_less_than_one():
    head = mixture(8000)[:, :P]
    np.testing.assert_allclose(gaussianity(head).kurtosis, K, rtol=0.05)
    corners = np.sign(drawn(2000, P))
    np.testing.assert_allclose(gaussianity(corners).kurtosis, P / (P + 2), rtol=0.02)  # all distances are P


def test_few_tokens_limit_the_axes_and_tokens_that_are_alike_have_none():
    assert gaussianity(drawn(20, 30)).axes == 5
    flat = drawn(40, 6)
    flat[:, 3:] = flat[:, :3] @ drawn(3, 3, seed=1)
    assert gaussianity(flat.astype(np.float32)).axes == 3
    alike = gaussianity(np.full((9, 4), 0.1, np.float32))
    assert (alike.axes, alike.kurtosis) == (0, 1)
    np.testing.assert_array_equal(alike.distances, 0)


def test_a_layer_leaves_cls_out():
    card = ModelCard("t", "crate", "image", 1, K, D, P, 4, 8, (0.1,), (0.1,), ())
    z, u = drawn(1, 10, D), drawn(1, K, 10, P, seed=1)
    weights = LayerWeights(drawn(D, D, seed=2), None, (np.ones(D), np.zeros(D)), 1e-5, K)
    found = layer_fit(Trace(card, {"z.1": z, "subspace.1": u}, (3, 3), 4), [weights], 1)
    z2, u2 = z.copy(), u.copy()
    z2[:, 0], u2[:, :, 0] = 50 * drawn(D, seed=3), 100
    again = layer_fit(Trace(card, {"z.1": z2, "subspace.1": u2}, (3, 3), 4), [weights], 1)
    np.testing.assert_array_equal(again.explained, found.explained)
    np.testing.assert_array_equal(again.gaussian[0].distances, found.gaussian[0].distances)
    patches = normed(z[0], weights)[1:]
    np.testing.assert_allclose(patches.mean(axis=1), 0, atol=1e-12)
    shares = energy_shares(patches, weights.subspaces, K)
    np.testing.assert_array_equal(found.explained, explained_energy(patches, shares))
    assert found.best == best_energy(patches, P)
    assert found.kurtosis == np.mean([g.kurtosis for g in found.gaussian])
    np.testing.assert_array_equal(found.support, support_overlap(shares))


@pytest.mark.parametrize(
    "call",
    [
        lambda: energy_shares(np.ones((2, 3)), np.eye(4), 2),
        lambda: explained_energy(np.ones((2, 3)), np.ones((3, 1))),
        lambda: best_energy(np.ones((2, 3)), 0),
        lambda: subspaces_per_token(-np.ones((2, 3))),
        lambda: isotropic_subspaces_per_token(0, 1),
        lambda: support_overlap(np.ones((2, 3)), top=0),
        lambda: gaussianity(np.ones((7, 3))),
        lambda: gaussian_quantiles(10, 9),
        lambda: gaussian_kurtosis_spread(10, 0),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(ValueError, match=r"expected|must be|do not have"):
        call()
