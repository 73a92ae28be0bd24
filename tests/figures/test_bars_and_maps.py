"""Bars and coloured maps: values, colours, scales and the edges of one head or one patch."""

import numpy as np
import pytest

from explorer import figures
from explorer.figures import maps, quantities, style


def test_head_bars_hold_values_colors_and_the_sum():
    figure = figures.head_bars(np.array([100.0, 241.2]), np.array([200.0, 210.0]))
    bars, control = figure.data
    np.testing.assert_array_equal(bars.y, [100.0, 241.2])
    assert bars.marker.color == style.HEAD_COLORS[:2]
    assert (control.name, control.line.dash) == (figures.CONTROL_NAME, "dash")
    assert figure.layout.annotations[0].text == "Σ = R<sup>c</sup> = 341.2 nats"


def test_one_head_and_more_heads_than_colors():
    assert len(figures.head_bars(np.array([1.0])).data) == 1
    colors = figures.head_bars(np.ones(20), total=None).data[0].marker.color
    assert colors[16] == colors[0]


def test_head_colors_are_distinct():
    assert len(set(style.HEAD_COLORS)) == len(style.HEAD_COLORS) >= 12


def contrast(color: str, background: str) -> float:
    """WCAG contrast of two colours."""
    channels = style.colors_array((color, background)) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    low, high = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", [*style.HEAD_COLORS, *(q.color for q in quantities.QUANTITIES.values())])
def test_colors_show_on_light_and_dark(color):
    assert contrast(color, "#ffffff") >= 1.7
    assert contrast(color, "#0e1117") >= 3


def test_predictions():
    labels = ["cat", "a class whose name is much longer than any axis can hold"]
    figure = figures.prediction_bars(labels, np.array([0.9, 0.05]), np.array([0.1, -0.02]))
    np.testing.assert_array_equal(figure.data[0].x, [0.9, 0.05])
    assert figure.data[0].text == ("90.0% (+10.0 pp)", "5.0% (−2.0 pp)")
    assert figure.layout.yaxis.ticktext[0] == "cat"
    assert figure.layout.yaxis.ticktext[1].endswith("…")
    assert figure.data[0].customdata[1] == labels[1]


@pytest.mark.parametrize("deltas", [None, np.zeros(2)])
def test_the_scale_of_predictions_is_the_same_for_all(deltas):
    ends = [figures.prediction_bars(["a", "b"], np.array(p), deltas).layout.xaxis.range for p in ([1, 0], [0.2, 0.1])]
    assert ends[0] == ends[1]
    assert ends[0][0] == 0
    assert ends[0][1] > 1


@pytest.mark.parametrize(("labels", "values"), [(["a"], [np.nan]), (["a", "b"], [0.5]), (["a"], [1.5]), ([], [])])
def test_predictions_refuse(labels, values):
    with pytest.raises(ValueError, match=r"NaN|fit|\[0, 1\]|empty"):
        figures.prediction_bars(labels, np.array(values))


def test_ranked_bars():
    figure = figures.ranked_bars(["layer 2, head 1", "layer 1, head 2"], np.array([0.4, 0.1]), label="energy (J)")
    np.testing.assert_array_equal(figure.data[0].x, [0.4, 0.1])
    assert figure.layout.yaxis.ticktext == ("layer 2, head 1", "layer 1, head 2")
    assert figure.layout.yaxis.autorange == "reversed"  # the first is on top
    assert figure.layout.xaxis.title.text == "energy (J)"
    with pytest.raises(ValueError, match="fit"):
        figures.ranked_bars(["a"], np.ones(2), label="x")
    with pytest.raises(ValueError, match="NaN"):
        figures.ranked_bars(["a"], np.array([np.nan]), label="x")


CODES, LABELS, TOKENS = np.array([[1.0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 3]]), np.array([0, 0, 2]), np.array([9, 4, 7])


def test_a_code_map_names_tokens_and_parts_their_subspaces():
    figure = figures.code_map(CODES, LABELS, TOKENS, top=5, blocks=2)
    heat = figure.data[0]
    assert (heat.zmin, heat.zmax) == (0, 5)
    np.testing.assert_array_equal(heat.z, CODES)
    np.testing.assert_array_equal(heat.customdata[:, 3], [[9, 1], [4, 1], [7, 3]])
    assert figure.layout.yaxis.ticktext == ("U<sub>1</sub>", "U<sub>3</sub>")
    np.testing.assert_array_equal(figure.layout.yaxis.tickvals, [0.5, 2])
    rows, columns = figure.layout.shapes
    assert (rows.y0, rows.y1) == (1.5, 1.5)  # between the second token and the third
    assert (columns.x0, columns.x1) == (2.5, 2.5)  # entries count from 1


def test_no_code_is_drawn_as_nothing_so_that_the_background_shows():
    heat = figures.code_map(CODES, LABELS, TOKENS, top=3).data[0]
    assert heat.colorscale[0][1].endswith(",0)")
    assert heat.colorscale[-1][1].endswith(",1)")


@pytest.mark.parametrize(
    "arguments",
    [
        {"codes": np.zeros((maps.MAX_TOKENS + 1, 2))},
        {"codes": np.zeros((3, maps.MAX_ENTRIES + 1))},
        {"codes": np.full((3, 4), np.nan)},
        {"top": 0.0},
        {"tokens": TOKENS[:2]},
        {"labels": np.array([0, 2, 1])},
    ],
)
def test_code_map_refuses(arguments):
    with pytest.raises(ValueError, match=r"sample|NaN|top|sorted"):
        figures.code_map(**({"codes": CODES, "labels": LABELS, "tokens": TOKENS, "top": 1.0} | arguments))


def test_a_histogram_of_values_ends_behind_the_last_one():
    figure = figures.value_histogram(np.array([5, 0, 2, 0]), 0.5)
    np.testing.assert_allclose(figure.data[0].x, [0.25, 0.75, 1.25])
    assert list(figure.data[0].y) == [5, 0, 2]
    assert figure.layout.yaxis.type == "log"
    assert tuple(figure.layout.xaxis.range) == (0, 1.5)
    with pytest.raises(ValueError, match="width"):
        figures.value_histogram(np.array([1]), 0.0)
