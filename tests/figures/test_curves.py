"""Curves and histograms: the numbers in the traces are the numbers given."""

import numpy as np
import plotly.graph_objects as go
import pytest

from explorer import figures
from explorer.figures import quantities, style

VALUES = np.array([400.5, 341.2, 300.0])


def named(figure: go.Figure, name: str):
    return next(trace for trace in figure.data if trace.name == name)


def test_layer_curve_holds_the_values():
    figure = figures.layer_curve(VALUES, VALUES + 50, label=figures.RATE_LABEL, title="t", selected=2)
    trained, control = named(figure, "trained"), named(figure, figures.CONTROL_NAME)
    np.testing.assert_array_equal(trained.x, [1, 2, 3])
    np.testing.assert_array_equal(trained.y, VALUES)
    np.testing.assert_array_equal(control.y, VALUES + 50)
    assert (trained.line.dash, control.line.dash) == ("solid", "dash")
    assert control.line.color == style.CONTROL_COLOR
    assert trained.line.color == quantities.QUANTITIES[figures.RATE_LABEL].color
    assert figure.layout.yaxis.title.text == figures.RATE_LABEL
    assert trained.hovertemplate.startswith("layer %{x}: %{y:,.1f} nats")


def test_selected_layer_is_marked():
    figure = figures.layer_curve(VALUES, label=figures.RATE_LABEL, selected=2)
    sizes = figure.data[0].marker.size
    assert sizes[1] > sizes[0] == sizes[2]
    assert [shape.x0 for shape in figure.layout.shapes] == [2]


def test_the_ghost_is_the_trained_curve_behind_the_one_of_now():
    figure = figures.layer_curve(VALUES, VALUES + 50, label=figures.RATE_LABEL, ghost=VALUES - 9, name="now")
    now, ghost = named(figure, "now"), named(figure, figures.GHOST_NAME)
    np.testing.assert_array_equal(now.y, VALUES)
    np.testing.assert_array_equal(ghost.y, VALUES - 9)
    assert (ghost.line.dash, ghost.line.color) == ("dot", now.line.color)
    assert ghost.opacity < 1
    assert [trace.name for trace in figure.data][-1] == "now"
    assert figures.layer_curve(VALUES, label=figures.RATE_LABEL, ghost=VALUES).layout.showlegend


def test_bounds_and_bands():
    figure = figures.layer_curve(VALUES, label=figures.RATE_LABEL, spread=np.ones(3), bounds=(100, 500))
    assert [shape.y0 for shape in figure.layout.shapes] == [100, 500]
    assert [note.text for note in figure.layout.annotations] == ["floor", "ceiling"]
    np.testing.assert_array_equal(figure.data[0].y, [*(VALUES + 1), *(VALUES - 1)[::-1]])
    assert not figure.layout.showlegend


def test_shares_are_shown_in_per_cent():
    figure = figures.layer_curve(np.array([0.5]), label=figures.NONZERO_LABEL)
    assert "%{y:.1%}" in figure.data[0].hovertemplate
    assert figure.layout.yaxis.tickformat.endswith("p")


def test_unknown_label_takes_its_unit_from_the_parentheses():
    assert style.look_of("energy (J)").unit == "J"
    assert style.look_of("count").unit == ""


def test_background_and_text_are_left_to_the_theme():
    figure = figures.layer_curve(VALUES, label=figures.RATE_LABEL, title="t")
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.font.color is None
    assert figure.layout.title.font.color is None


@pytest.mark.parametrize("layers", [1, 24])
def test_any_number_of_layers(layers):
    figure = figures.layer_curve(np.ones(layers), np.ones(layers), label=figures.RATE_LABEL, selected=layers)
    assert len(named(figure, "trained").x) == layers


@pytest.mark.parametrize(
    "arguments",
    [
        {"values": [1.0, np.nan]},
        {"values": []},
        {"values": [[1.0]]},
        {"values": [1.0, 2.0], "control": [1.0]},
        {"values": [1.0, 2.0], "ghost": [1.0]},
        {"values": [1.0, 2.0], "spread": [1.0]},
        {"values": [1.0, 2.0], "control": [1.0, np.inf]},
        {"values": [1.0, 2.0], "selected": 0},
        {"values": [1.0, 2.0], "selected": 3},
    ],
)
def test_layer_curve_refuses(arguments):
    with pytest.raises(ValueError, match=r"must|NaN"):
        figures.layer_curve(label=figures.RATE_LABEL, **arguments)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (2, 20)])
def test_stacked_heads_sum_to_the_marker(shape):
    per_head = np.random.default_rng(0).random(shape)
    figure = figures.stacked_heads(per_head)
    bars = [trace.y for trace in figure.data if trace.type == "bar"]
    np.testing.assert_array_equal(np.stack(bars, axis=1), per_head)
    np.testing.assert_allclose(named(figure, "sum of all heads").y, per_head.sum(axis=1), rtol=1e-12)
    assert figure.layout.barmode == "stack"


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_stacked_heads_refuse(bad):
    with pytest.raises(ValueError, match=r"negative|NaN"):
        figures.stacked_heads(np.array([[1.0, bad]]))
