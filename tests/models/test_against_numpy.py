"""Each network against its equations in NumPy: logits and every trace point, at several sizes, strides and knobs."""

import dataclasses

import numpy as np
import pytest

from tests.conftest import SIZES, TINY, draw, pixels, state_of, torch_points
from tests.models import reference

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
ONES = np.ones((2, 2), np.float32)
TENTHS = np.full(2, 0.1, np.float32)
# (height, width, stride): the trained grid, overlapping patches, another size, and one patch alone
GRIDS = [(12, 12, 4), (12, 12, 2), (20, 8, 3), (4, 4, 4)]


def assert_same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        assert array.shape == theirs[name].shape, name
        np.testing.assert_allclose(array, theirs[name], **TOLERANCE, err_msg=name)


@pytest.mark.parametrize(("height", "width", "stride"), GRIDS)
@pytest.mark.parametrize("family", SIZES)
def test_every_trace_point(modules, family, height, width, stride):
    image = pixels(2, height, width)
    theirs = reference.forward(
        family, state_of(modules[family]), SIZES[family], image, stride, gain=ONES, eta=TENTHS, lam=TENTHS
    )
    assert_same(torch_points(modules[family], image, stride=stride), theirs)


@pytest.mark.parametrize("family", SIZES)
def test_every_trace_point_with_turned_knobs(modules, family):
    rng = np.random.default_rng(1)
    gain = rng.uniform(0, 2, (2, 2)).astype(np.float32)
    eta, lam = rng.uniform(0, 0.5, (2, 2)).astype(np.float32)
    steps = {} if family == "vit" else {"ista_eta": eta, "ista_lambda": lam}
    theirs = reference.forward(family, state_of(modules[family]), SIZES[family], pixels(), 4, gain, eta, lam)
    assert_same(torch_points(modules[family], pixels(), mssa_gain=gain, **steps), theirs)


@pytest.mark.parametrize("family", ["crate", "crate_alpha"])
def test_step_size_and_threshold_of_each_layer(family):
    eta, lam = (0.05, 0.4), (0.3, 0.02)
    size = dataclasses.replace(SIZES[family], eta=eta, lam=lam)
    module = draw(family, size)
    theirs = reference.forward(family, state_of(module), size, pixels(), 4, ONES, eta, lam)
    assert_same(torch_points(module, pixels()), theirs)


@pytest.mark.parametrize("inner", [None, 16])
@pytest.mark.parametrize("family", ["crate", "crate_alpha"])
def test_one_head(family, inner):
    """One head as wide as the tokens has no output matrix; a wider one has."""
    size = dataclasses.replace(SIZES[family], heads=1, inner=inner)
    module = draw(family, size)
    assert ("transformer.layers.0.0.fn.to_out.0.weight" in module.state_dict()) == (inner is not None)
    theirs = reference.forward(family, state_of(module), size, pixels(), 4, ONES[:, :1], TENTHS, TENTHS)
    assert_same(torch_points(module, pixels()), theirs)


def test_heads_wider_than_the_tokens():
    size = dataclasses.replace(TINY, inner=12)
    module = draw("crate", size)
    assert module.state_dict()["transformer.layers.0.0.fn.qkv.weight"].shape == (12, 8)
    theirs = reference.forward("crate", state_of(module), size, pixels(), 4, ONES, TENTHS, TENTHS)
    assert_same(torch_points(module, pixels()), theirs)


def test_reference_by_hand():
    """The reference itself: one token, one direction, numbers that fit on a napkin."""
    z, D = np.array([[[2.0]]]), np.array([[0.5]])
    np.testing.assert_allclose(reference.ista(z, D, eta=0.1, lam=1.0), [[[1.95]]])  # 2 + .1·.5·(2 − 1) − .1
    # A₁ = .1·.5·2 − .01 = .09; A₂ = .09 − .1·.5·(.045 − 2) − .01 = .17775
    np.testing.assert_allclose(reference.odl_codes(z, D, eta=0.1, lam=0.1), [[[0.17775]]])
    np.testing.assert_allclose(reference.attend(*[np.ones((1, 1, 2, 1))] * 3, np.array([3.0])), [[[3.0], [3.0]]])
