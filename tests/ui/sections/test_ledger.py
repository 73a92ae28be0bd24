"""What the ledger's curves are made of, without a page."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.measures.rates.layers import layer_norm, project
from explorer.measures.rates.ledger import Balance, LayerLedger
from explorer.measures.rates.rate import coding_rate, subspace_token_rates
from explorer.ui.sections.ledger.accounts import LINES
from explorer.ui.sections.ledger.on_photo import token_maps
from explorer.ui.sections.ledger.table import _change
from explorer.ui.state import caches
from tests.conftest import pixels, prepared

BOOKS = [
    LayerLedger(
        1,
        Balance(10.0, np.array([3.0, 1.0]), 8, 2.0),
        Balance(9.0, np.array([1.0, 1.0]), 10, 1.0),
        Balance(9.0, np.array([2.0, 1.0]), 4, 3.0),
    )
]


@pytest.mark.parametrize(
    ("name", "values", "worse"),
    [
        ("Objective", [5.2, 6.0, 5.6], False),  # 10 − 4 − 0.8; 9 − 2 − 1; 9 − 3 − 0.4
        ("R − Rᶜ", [6, 7, 6], False),
        ("R", [10, 9, 9], True),
        ("Rᶜ", [4, 2, 3], False),
        ("‖Z‖₀", [8, 10, 4], False),
        ("‖Z‖₁", [2, 1, 3], True),
    ],
)
def test_every_line_and_which_way_is_worse(name, values, worse):
    line = next(line for line in LINES if line.name == name)
    found = line.values(BOOKS, price=0.1)
    np.testing.assert_allclose(found, [values], rtol=1e-12)
    np.testing.assert_array_equal(line.worse(found), [worse])


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
def test_maps_hold_what_the_rates_lose_without_a_patch(family, opened):
    model = opened[family]
    trace, weights = runtime.run(model, prepared(pixels(1))), zoo.layer_weights(model.card)
    view = SimpleNamespace(trace=trace, layer_weights=lambda: weights)
    maps = token_maps(view, 2, 0.1)
    assert {values.shape for values in maps.values()} == {trace.grid}
    tokens = project(trace.z(2), weights[1])
    alone = subspace_token_rates(tokens, 0.1).sum(axis=0)
    after = subspace_token_rates(project(trace.z_half(2), weights[1]), 0.1).sum(axis=0)
    np.testing.assert_allclose(maps["parts@0.1"].ravel(), alone[1:], rtol=1e-6)
    np.testing.assert_allclose(maps["change@0.1"].ravel(), (after - alone)[1:], rtol=1e-6, atol=1e-9)
    x = layer_norm(trace.z(2), weights[1].norm, weights[1].eps)
    one = 3  # row 1, column 0 of 3 × 3 patches: token 4
    without = np.delete(x, one + 1, axis=0)
    eps_there = 0.1 * len(x) / len(without)  # the same α with a token less
    lost = coding_rate(x, 0.1) - coding_rate(without, eps_there)
    assert maps["whole@0.1"].ravel()[one] == pytest.approx(lost, rel=1e-4)


def test_maps_of_two_distortions_share_neither_a_name_nor_a_place_in_the_cache(opened):
    model = opened["crate"]
    trace, weights = runtime.run(model, prepared(pixels(1))), zoo.layer_weights(model.card)
    view = SimpleNamespace(trace=trace, layer_weights=lambda: weights)
    fine, coarse = (
        caches.once("test of the maps", partial(token_maps, eps_squared=eps), view, layer=1) for eps in (0.01, 0.3)
    )
    assert not fine.keys() & coarse.keys()
    assert fine["whole@0.01"].sum() > coarse["whole@0.3"].sum()


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [(-0.04, 1, "0.0"), (0.04, 1, "0.0"), (-0.06, 1, "−0.1"), (1234.5, 0, "+1,234"), (0, 0, "0"), (np.nan, 1, "–")],
)
def test_a_change_that_is_shown_as_0_has_no_sign(value, digits, written):
    assert _change(value, digits) == written
