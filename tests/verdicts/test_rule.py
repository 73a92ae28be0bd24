"""What counts as a difference, and how numbers are written."""

import numpy as np
import pytest

from explorer import figures, verdicts
from explorer.figures.quantities import QUANTITIES
from explorer.verdicts.rule import listed


@pytest.mark.parametrize(
    ("value", "label", "written"),
    [
        (1104.96, figures.RATE_LABEL, "1,105.0 nats"),
        (-0.04, figures.RATE_LABEL, "0.0 nats"),
        (-3.25, figures.COSINE_LABEL, "−3.250"),
        (0.4534, figures.NONZERO_LABEL, "45.3 %"),
        (88012.4, figures.L0_LABEL, "88,012 entries"),
        (1234.6, figures.NORM_LABEL, "1,230"),
        (0.012345, figures.NORM_LABEL, "0.0123"),
        (0.0, figures.NORM_LABEL, "0"),
    ],
)
def test_numbers_are_written_as_their_quantity_is_shown(value, label, written):
    assert verdicts.number(value, label) == written


def test_a_change_has_a_sign_and_shares_change_by_points():
    assert verdicts.change(-16.84, figures.OBJECTIVE_LABEL) == "−16.8 nats"
    assert verdicts.change(0.031, figures.NONZERO_LABEL) == "+3.1 pp"


def test_what_is_written_as_zero_does_not_count():
    assert verdicts.rounding(figures.RATE_LABEL) == pytest.approx(0.05)  # one decimal
    assert verdicts.rounding(figures.NONZERO_LABEL) == pytest.approx(0.0005)  # a tenth of a per cent
    assert verdicts.rounding(figures.NORM_LABEL, 123.0) == pytest.approx(0.5)  # three digits


def test_a_difference_of_curves_counts_from_a_fiftieth_of_all_that_is_drawn():
    values, control = np.array([0.0, 50.0]), np.array([np.nan, 100.0])
    assert verdicts.least_difference(figures.RATE_LABEL, values, control) == pytest.approx(2.0)  # 2 % of 100
    assert verdicts.least_difference(figures.RATE_LABEL, np.ones(3), None) == pytest.approx(0.05)  # flat: by rounding
    assert verdicts.least_difference(figures.RATE_LABEL, np.array([np.nan])) == pytest.approx(0.05)


@pytest.mark.parametrize("label", QUANTITIES)
def test_every_quantity_can_be_written(label):
    assert verdicts.number(0.5, label)
    assert verdicts.rounding(label) > 0


def test_lists():
    assert [listed(names) for names in (["3"], ["3", "5"], ["3", "5", "7"])] == ["3", "3 and 5", "3, 5 and 7"]
