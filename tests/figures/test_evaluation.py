"""Results as dots and curves: the numbers in the traces are the numbers given."""

import numpy as np
import pytest

from explorer import figures
from explorer.figures import Dots, Series, quantities

TRAINED = Dots("trained", ["a", "b"], np.array([0.5, 0.25]), np.array([0.4, 0.2]), np.array([0.7, 0.3]), "#102030")
OTHER = Dots("control", ["a", "c"], np.array([0.1, 0.2]), np.array([0.1, 0.1]), np.array([0.2, 0.2]), "#808080")


def test_dots_carry_their_intervals_and_share_rows():
    figure = figures.interval_dots([TRAINED, OTHER], label=figures.CORLOC_LABEL, title="t")
    trained, control = figure.data
    np.testing.assert_array_equal(trained.x, [0.5, 0.25])
    np.testing.assert_allclose(trained.error_x.array, [0.2, 0.05])
    np.testing.assert_allclose(trained.error_x.arrayminus, [0.1, 0.05])
    assert list(figure.layout.yaxis.ticktext) == ["a", "b", "c"]
    assert trained.y[0] < 0 < control.y[0]  # both in row a, one above the other
    assert (trained.y[1], control.y[1]) == (1, 2)
    assert list(trained.customdata[1]) == ["b", 0.2, 0.3]
    assert figure.layout.xaxis.title.text == figures.CORLOC_LABEL


def test_differences_have_a_line_at_zero():
    assert not figures.interval_dots([TRAINED], label=figures.CORLOC_LABEL).layout.shapes
    (line,) = figures.interval_dots([TRAINED], label=figures.CORLOC_LABEL, zero=True).layout.shapes
    assert (line.x0, line.x1) == (0, 0)


def test_curves_with_bands():
    x, y = np.array([0.0, 10, 25]), np.array([0.5, 0.4, 0.1])
    series = [Series("trained", x, y, "#102030", y - 0.1, y + 0.1), Series("other", x, y, "#808080")]
    figure = figures.scale_curves(series, label=figures.CORLOC_LABEL, across="σ")
    band, trained, other = figure.data
    np.testing.assert_allclose(band.y, [0.6, 0.5, 0.2, 0.0, 0.3, 0.4])
    np.testing.assert_array_equal(trained.y, y)
    assert (trained.name, other.name) == ("trained", "other")
    assert list(figure.layout.xaxis.tickvals) == [0, 10, 25]


def test_epochs_go_from_one_end_of_the_scale_to_the_other():
    assert figures.epoch_color(0, 3) == "#e1b02d"
    assert figures.epoch_color(2, 3) == "#2d5ac3"
    assert figures.epoch_color(0, 1) == "#e1b02d"


@pytest.mark.parametrize("label", [figures.CORLOC_LABEL, figures.BOX_OVERLAP_LABEL, figures.MASK_OVERLAP_LABEL])
def test_measures_have_a_look_of_their_own(label):
    assert label in quantities.QUANTITIES


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="no results"):
        figures.interval_dots([], label=figures.CORLOC_LABEL)
    bad = Dots("x", ["a"], np.zeros(2), np.zeros(2), np.zeros(2), "#102030")
    with pytest.raises(ValueError, match="do not fit"):
        figures.interval_dots([bad], label=figures.CORLOC_LABEL)
    with pytest.raises(ValueError, match="no curves"):
        figures.scale_curves([], label=figures.CORLOC_LABEL, across="x")
    with pytest.raises(ValueError, match="NaN"):
        figures.scale_curves(
            [Series("x", np.zeros(1), np.array([np.nan]), "#102030")], label=figures.CORLOC_LABEL, across="x"
        )
