"""What the film of a layer shows, against the steps written out in NumPy, in each family."""

import numpy as np
import pytest

from explorer import runtime
from explorer.measures.patches import walk, walk_layer
from explorer.measures.rates import measure_layers
from tests.conftest import pixels, prepared

LAYER, TOKEN = 2, 5


@pytest.fixture
def walked(measured):
    card, trace, weights = measured
    return card, trace, weights[LAYER - 1], walk_layer(trace, weights[LAYER - 1], LAYER, TOKEN)


def normed(z: np.ndarray, norm, eps: float) -> np.ndarray:
    z = z.astype(np.float64)
    return (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + eps) * norm[0] + norm[1]


def by_hand(z: np.ndarray, weights, head: int) -> np.ndarray:
    """U_kᵀ LN(z) of one head, from 1; of a ViT its keys."""
    width = len(weights.subspaces) // weights.heads
    rows = slice((head - 1) * width, head * width)
    bias = 0 if weights.bias is None else weights.bias[rows]
    return normed(z, weights.norm, weights.eps) @ weights.subspaces[rows].T.astype(np.float64) + bias


def softmax(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    weights = np.exp(query @ key.T / np.sqrt(query.shape[-1]))
    return weights / weights.sum(axis=1, keepdims=True)


def gaps(places: np.ndarray) -> np.ndarray:
    """All distances between places: what a change of signs, centre or axes keeps."""
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


def test_the_row_is_the_softmax_of_the_trace(walked):
    _, trace, _, found = walked
    query, key = trace.query_key(LAYER)
    assert found.drawn.tolist() == list(range(1, 10))  # every patch of so few, without CLS
    for i, head in enumerate(found.heads):
        row = softmax(query[head - 1].astype(np.float64), key[head - 1].astype(np.float64))[TOKEN]
        np.testing.assert_allclose(found.attention[i], row[found.drawn], rtol=1e-5)


def test_places_are_the_projections_before_and_after_on_the_two_strongest_axes_of_both(walked):
    _, trace, weights, found = walked
    for i, head in enumerate(found.heads):
        both = np.concatenate([by_hand(z[1:], weights, head) for z in (trace.z(LAYER), trace.z_half(LAYER))])
        _, _, axes = np.linalg.svd(both - both.mean(0), full_matrices=False)
        expected = gaps((both - both.mean(0)) @ axes[:2].T)
        places = np.concatenate([found.before[i], found.after[i]])
        assert np.ptp(places, axis=0).max() == pytest.approx(2, rel=1e-5)
        scale = gaps(places).max() / expected.max()
        np.testing.assert_allclose(gaps(places), scale * expected, atol=1e-4)


def test_tokens_lie_on_the_two_strongest_axes(walked):
    _, trace, _, found = walked
    z = trace.z(LAYER)[1:].astype(np.float64)
    _, values, axes = np.linalg.svd(z - z.mean(0), full_matrices=False)
    expected = gaps((z - z.mean(0)) @ axes[:2].T)
    np.testing.assert_allclose(gaps(found.places), gaps(found.places).max() / expected.max() * expected, atol=1e-4)
    assert found.explained == pytest.approx((values[:2] ** 2).sum() / (values**2).sum(), rel=1e-5)


def test_entries_are_before_the_threshold_and_what_the_next_layer_reads(walked):
    card, trace, weights, found = walked
    before, after = found.entries
    if card.has_ista:
        assert found.threshold == pytest.approx(weights.eta * weights.lam)
        np.testing.assert_allclose(np.maximum(before - found.threshold, 0), trace.codes(LAYER)[TOKEN], atol=1e-5)
        np.testing.assert_array_equal(after, trace.codes(LAYER)[TOKEN])
    else:
        assert found.threshold is None
        np.testing.assert_array_equal(before, trace.z_half(LAYER)[TOKEN])
        np.testing.assert_array_equal(after, trace.z(LAYER + 1)[TOKEN])
    assert found.kept == (after != 0).sum()


def test_distances_are_means_weighted_by_attention(walked):
    _, trace, weights, found = walked
    query, key = trace.query_key(LAYER)
    nearer = []
    for i, head in enumerate(found.heads):
        attention = softmax(query[head - 1].astype(np.float64), key[head - 1].astype(np.float64))
        steps = [gaps(by_hand(z, weights, head)) for z in (trace.z(LAYER), trace.z_half(LAYER))]
        before, after = ((attention * step).sum(axis=1) for step in steps)
        np.testing.assert_allclose(found.distances[:, i], [before[TOKEN], after[TOKEN]], rtol=1e-4)
        nearer.append(after[1:] < before[1:])
    assert found.nearer == pytest.approx(np.mean(nearer))


def test_rates_are_those_of_the_layer(measured):
    _, trace, weights = measured
    row = measure_layers(trace, weights)[LAYER - 1]
    found = walk_layer(trace, weights[LAYER - 1], LAYER, TOKEN)
    expected = (row.subspace_coding_rate_official, row.subspace_coding_rate_half_official)
    assert found.rates == pytest.approx(expected, rel=1e-6)


def test_the_heads_are_those_of_the_most_uneven_attention():
    even, peaked, between = np.full(4, 0.25), np.array([1.0, 0, 0, 0]), np.array([0.5, 0.5, 0, 0])
    rows = np.stack([even, between, even, peaked, np.array([0.9, 0.1, 0, 0])])
    assert walk._most_uneven(rows).tolist() == [1, 3, 4]


def test_of_a_large_grid_a_part_is_drawn_and_what_is_attended_to():
    rows = np.full((2, 60 * 60), 1e-6)
    rows[0, 61], rows[1, 3599] = 0.6, 0.7
    drawn = walk._drawn((60, 60), None, 124, rows)
    assert {62, 124, 3600} <= set(drawn.tolist())  # row 2 column 2, the token itself, the last patch
    assert 900 <= len(drawn) <= 1000
    assert (np.diff(drawn) > 0).all()


def test_padding_is_left_out_but_for_what_is_attended_to(monkeypatch):
    monkeypatch.setattr(walk, "ATTENDED", 1)
    rows = np.zeros((1, 12))
    rows[0, 10] = 1
    assert walk._drawn((3, 4), (1, 0, 2, 4), 6, rows).tolist() == [5, 6, 7, 8, 11]


def test_only_a_patch_is_followed(measured, opened):
    card, _, weights = measured
    trace = runtime.run(opened[card.family], prepared(pixels(1)))
    for token in (0, 10):
        with pytest.raises(ValueError, match="expected a patch"):
            walk_layer(trace, weights[0], 1, token)
