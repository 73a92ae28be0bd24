"""The numbers of a layer, against the torch module and the steps written out."""

from dataclasses import replace

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.measures.rates.layers import before_threshold, measure_curves, measure_layers, project
from explorer.measures.rates.rate import subspace_coding_rate
from explorer.trace import Knobs, LayerWeights
from tests.conftest import pixels, prepared


def test_projecting_the_input_of_a_layer_gives_its_trace_point(measured):
    _, trace, weights = measured
    for layer, of_layer in enumerate(weights, start=1):
        for image in (0, 1):
            np.testing.assert_allclose(
                project(trace.z(layer, image), of_layer), trace.projections(layer, image), atol=1e-5
            )


def test_what_is_thresholded_gives_the_codes(measured):
    card, trace, weights = measured
    for layer, of_layer in enumerate(weights, start=1):
        if not card.has_ista:
            with pytest.raises(ValueError, match="no dictionary"):
                before_threshold(trace.z_half(layer), of_layer)
            continue
        before, threshold = before_threshold(trace.z_half(layer), of_layer)
        assert threshold == pytest.approx(0.01)
        np.testing.assert_allclose(np.maximum(before - threshold, 0), trace.codes(layer), atol=1e-5)


def test_every_number_is_taken_at_the_position_that_it_names(measured):
    _, trace, weights = measured
    rows = measure_layers(trace, weights, image=1)
    for layer, row in enumerate(rows, start=1):
        half = project(trace.z_half(layer, 1), weights[layer - 1])
        assert row.layer == layer
        np.testing.assert_allclose(row.per_head, subspace_coding_rate(trace.projections(layer, 1)), rtol=1e-9)
        np.testing.assert_allclose(row.per_head_half, subspace_coding_rate(half), rtol=1e-9)
        assert row.subspace_coding_rate == pytest.approx(row.per_head.sum())
        codes = trace.codes(layer, 1)
        assert row.l0 == np.count_nonzero(codes)
        assert row.nonzero_fraction == pytest.approx(row.l0 / codes.size)
        assert row.l1 == pytest.approx(np.abs(codes).sum(), rel=1e-6)


@pytest.mark.parametrize("image", [0, 1])
def test_the_curves_alone_are_those_of_all_measures(measured, image):
    _, trace, weights = measured
    rows, (rates, nonzeros) = measure_layers(trace, weights, image), measure_curves(trace, image)
    np.testing.assert_allclose(rates, [row.subspace_coding_rate_official for row in rows], rtol=1e-12)
    np.testing.assert_allclose(nonzeros, [row.nonzero_fraction for row in rows], rtol=1e-12)


@pytest.mark.parametrize("family", ["crate", "crate_alpha"])
def test_turned_steps_move_the_threshold(cards, opened, family):
    """With η and λ as turned, the weights say what the graph thresholds; with the trained ones they do not."""
    knobs = Knobs(ista_lambda=np.array([0.4, 0.3]), ista_eta=np.array([0.2, 0.05]))
    trace = runtime.run(opened[family], prepared(pixels(1)), None, knobs)
    for layer, trained in enumerate(zoo.layer_weights(cards[family]), start=1):
        turned = replace(trained, eta=[0.2, 0.05][layer - 1], lam=[0.4, 0.3][layer - 1])
        before, threshold = before_threshold(trace.z_half(layer), turned)
        np.testing.assert_allclose(np.maximum(before - threshold, 0), trace.codes(layer), atol=1e-5)
        before, threshold = before_threshold(trace.z_half(layer), trained)
        assert np.abs(np.maximum(before - threshold, 0) - trace.codes(layer)).max() > 1e-3


def test_project_by_hand():
    """One token (1, 3): normalised (−1, 1), scaled by 2, shifted by 1 → (−1, 3); two heads pick its entries."""
    weights = LayerWeights(np.eye(2), None, (np.full(2, 2.0), np.ones(2)), eps=0.0, heads=2)
    np.testing.assert_allclose(project(np.array([[1.0, 3.0]]), weights), [[[-1.0]], [[3.0]]])
