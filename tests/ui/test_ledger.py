"""What the ledger's curves are made of, without a page."""

import numpy as np
import pytest

from explorer.measures import Balance, LayerLedger
from explorer.ui.ledger import LINES

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
        ("Objective", [5.2, 6.0, 5.6], [False, True]),  # 10 − 4 − 0.8; 9 − 2 − 1; 9 − 3 − 0.4
        ("R − Rᶜ", [6, 7, 6], [False, True]),
        ("R", [10, 9, 9], [True, False]),
        ("Rᶜ", [4, 2, 3], [False, True]),
        ("‖Z‖₀", [8, 10, 4], [True, False]),
        ("‖Z‖₁", [2, 1, 3], [False, True]),
    ],
)
def test_every_line_and_which_way_is_worse(name, values, worse):
    line = next(line for line in LINES if line.name == name)
    found = line.values(BOOKS, lam=0.1)
    np.testing.assert_allclose(found, [values], rtol=1e-12)
    np.testing.assert_array_equal(line.worse(found), [worse])
