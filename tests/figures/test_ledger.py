"""Curves over half steps and over ε²: the numbers in the traces are the numbers given."""

import numpy as np
import pytest

from explorer import figures
from explorer.figures import quantities

BOOKS = np.array([[1.0, 2.0, 3.0], [5.0, 4.0, 6.0]])
EPS = np.array([0.01, 0.1, 1.0])


def named(figure, name: str):
    return next(trace for trace in figure.data if trace.name == name)


def test_the_ledger_draws_each_layer_by_itself_and_dots_between():
    figure = figures.ledger_curve(BOOKS, BOOKS + 1, label=figures.OBJECTIVE_LABEL, title="t")
    trained = named(figure, "trained")
    assert trained.x == (1.0, 1.5, 2.0, None, 2.0, 2.5, 3.0, None)
    assert trained.y == (1.0, 2.0, 3.0, None, 5.0, 4.0, 6.0, None)
    assert len(trained.customdata) == len(trained.x)
    assert trained.customdata[5] == "Z<sup>2+½</sup> in the books of layer 2"
    between = named(figure, "trained, next")
    assert (between.x, between.y, between.line.dash) == ((2.0, 2.0, None), (3.0, 5.0, None), "dot")
    assert named(figure, figures.CONTROL_NAME).y[:3] == (2.0, 3.0, 4.0)
    assert trained.line.color == quantities.QUANTITIES[figures.OBJECTIVE_LABEL].color


def test_crosses_stand_at_the_end_of_the_layers_that_made_it_worse():
    worse = np.array([False, True])
    crosses = named(figures.ledger_curve(BOOKS, label=figures.RATE_LABEL, worse=worse), "made it worse")
    np.testing.assert_array_equal(crosses.x, [3.0])
    np.testing.assert_array_equal(crosses.y, [6.0])
    assert crosses.customdata == ("layer 2",)
    nothing = figures.ledger_curve(BOOKS, label=figures.RATE_LABEL, worse=np.zeros(2, bool))
    assert not named(nothing, "made it worse").showlegend


def test_one_layer_has_nothing_between():
    figure = figures.ledger_curve(BOOKS[:1], label=figures.RATE_LABEL)
    assert named(figure, "trained, next").x == ()


@pytest.mark.parametrize(
    "arguments",
    [
        {"values": BOOKS[:, :2]},
        {"values": [[1.0, np.nan, 2.0]]},
        {"values": BOOKS, "control": BOOKS[:1]},
        {"values": BOOKS, "worse": np.zeros((2, 3), bool)},
    ],
)
def test_a_ledger_that_is_none_is_refused(arguments):
    with pytest.raises(ValueError, match=r"must|NaN"):
        figures.ledger_curve(label=figures.RATE_LABEL, **arguments)


def test_cosines_show_zero_and_the_reference():
    figure = figures.cosine_curve(np.array([0.1, 0.2]), np.zeros(2), reference=("theory", np.array([-0.4, -0.3])))
    np.testing.assert_array_equal(named(figure, "theory").y, [-0.4, -0.3])
    assert figure.layout.yaxis.range == pytest.approx((-0.45, 0.5))
    assert any(shape.y0 == shape.y1 == 0 for shape in figure.layout.shapes)


def test_a_distortion_curve_is_logarithmic_in_eps():
    figure = figures.distortion_curve(EPS, EPS * 2, EPS, label=figures.BITS_LABEL, chosen=0.1)
    np.testing.assert_array_equal(named(figure, "trained").x, EPS)
    np.testing.assert_array_equal(named(figure, "trained").y, 2 * EPS)
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.shapes[0].x0 == 0.1


@pytest.mark.parametrize(("eps", "values"), [([0.1, 0.0], [1.0, 1.0]), ([0.1], [1.0, 2.0]), ([0.1], [np.nan])])
def test_a_distortion_curve_refuses(eps, values):
    with pytest.raises(ValueError, match=r"positive|NaN"):
        figures.distortion_curve(np.array(eps), np.array(values), label=figures.BITS_LABEL)
