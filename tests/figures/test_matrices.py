"""Maps of matrices and one curve for each head: values, blocks, scales, sizes and what is refused."""

import re

import numpy as np
import pytest

from explorer import figures
from explorer.figures import style

LIMIT_BYTES = 250_000


def square(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((size, size))


def test_a_matrix_keeps_its_values_and_outlines_its_heads():
    matrix = square(6)
    figure = figures.matrix_map(matrix, label=figures.COLUMN_COSINE_LABEL, top=0.4, heads=3, title="t")
    heat = figure.data[0]
    np.testing.assert_allclose(heat.z, matrix, rtol=5e-4)
    assert (heat.zmin, heat.zmax) == (0, 0.4)
    blocks = [(s.x0, s.x1, s.y0, s.y1) for s in figure.layout.shapes]
    assert blocks == [(0.5, 2.5, 0.5, 2.5), (2.5, 4.5, 2.5, 4.5), (4.5, 6.5, 4.5, 6.5)]
    assert list(figure.layout.xaxis.ticktext) == ["1", "2", "3"]
    assert list(figure.layout.xaxis.tickvals) == [1.5, 3.5, 5.5]
    assert figure.layout.yaxis.range == (6.5, 0.5)  # row 1 on top


def test_a_reduced_matrix_counts_its_columns_in_full():
    figure = figures.matrix_map(square(3), label=figures.GRAM_LABEL, top=1, cell=4)
    heat = figure.data[0]
    assert (heat.x0, heat.dx) == (2.5, 4)  # columns 1 … 4 are the first cell
    assert figure.layout.xaxis.range == (0.5, 12.5)
    assert "4×4" in heat.hovertemplate
    assert not figure.layout.shapes


def test_every_layer_has_its_map_on_one_scale():
    maps = [square(4, seed) for seed in range(6)]
    figure = figures.matrix_row(maps, label=figures.COLUMN_COSINE_LABEL, top=0.5, heads=2, selected=5)
    assert len(figure.data) == 6
    for drawn, matrix in zip(figure.data, maps, strict=True):
        np.testing.assert_allclose(drawn.z, matrix, rtol=5e-4)
        assert (drawn.zmin, drawn.zmax) == (0, 0.5)
    assert [drawn.showscale for drawn in figure.data] == [True] + 5 * [False]
    assert [a.text for a in figure.layout.annotations][4] == "<b>layer 5</b>"
    assert len(figure.layout.shapes) == 12
    assert len({drawn.xaxis for drawn in figure.data}) == 6
    assert {s.xref for s in figure.layout.shapes} == {drawn.xaxis for drawn in figure.data}


def test_the_largest_figures_stay_small():
    one = figures.matrix_map(square(192), label=figures.COLUMN_COSINE_LABEL, top=0.4, heads=12)
    many = figures.matrix_row([square(34)] * 25, label=figures.COLUMN_COSINE_LABEL, top=0.4, heads=8)
    curves = figures.quantile_plot(np.sort(square(1000)[:16]), np.arange(1000.0), label="d", across="e")
    assert max(len(figure.to_json()) for figure in (one, many, curves)) < LIMIT_BYTES


def test_pairs_of_heads_leave_the_diagonal_empty():
    figure = figures.pair_matrix(
        np.array([[0.0, 41.6], [41.6, 0]]), label=figures.ANGLE_LABEL, limits=(0, 90), text=".0f"
    )
    heat = figure.data[0]
    np.testing.assert_array_equal(heat.z, [[np.nan, 41.6], [41.6, np.nan]])
    assert [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in heat.text] == [["", "42"], ["42", ""]]
    assert (heat.zmin, heat.zmax) == (0, 90)
    assert "degrees" in heat.hovertemplate


def test_curves_of_heads_over_the_band_of_the_control():
    figure = figures.head_curves(
        np.array([[3.0, 1], [2, 1]]), np.array([[2.0, 2], [1, 3], [1.5, 2.5]]), label=figures.SINGULAR_LABEL, across="n"
    )
    band, *heads = figure.data
    np.testing.assert_array_equal(band.x, [1, 2, 2, 1])
    np.testing.assert_array_equal(band.y, [2, 3, 2, 1])
    assert [curve.line.color for curve in heads] == list(style.HEAD_COLORS[:2])
    np.testing.assert_array_equal(heads[0].y, [3, 1])


def test_quantiles_keep_the_ends_and_show_the_diagonal():
    expected = np.arange(500.0)
    figure = figures.quantile_plot(2 * expected[None], expected, 3 * expected[None], label="d", across="e")
    band, diagonal, head = figure.data
    np.testing.assert_array_equal(diagonal.x, [0, 499])
    np.testing.assert_array_equal(diagonal.y, diagonal.x)
    assert len(head.x) <= 120
    assert (head.y[0], head.y[-1]) == (0, 998)
    np.testing.assert_array_equal(head.y, 2 * np.array(head.x))
    assert max(band.y) == 3 * 499


def test_a_reference_line_is_named_in_the_legend():
    figure = figures.layer_curve(np.ones(3), np.zeros(3), label=figures.KURTOSIS_LABEL, selected=2)
    line = figures.reference_line(figure, 1.5, "Gaussian", 3).data[-1]
    assert (line.name, tuple(line.y), tuple(line.x)) == ("Gaussian", (1.5, 1.5), (0.4, 3.6))
    assert figure.layout.showlegend


@pytest.mark.parametrize(
    "call",
    [
        lambda: figures.matrix_map(-np.ones((2, 2)), label="l", top=1),
        lambda: figures.matrix_map(np.ones((2, 3)), label="l", top=1),
        lambda: figures.matrix_map(np.ones((193, 193)), label="l", top=1),
        lambda: figures.matrix_map(np.full((2, 2), np.nan), label="l", top=1),
        lambda: figures.matrix_map(np.ones((2, 2)), label="l", top=0),
        lambda: figures.matrix_row([], label="l", top=1),
        lambda: figures.matrix_row([np.ones((150, 150))] * 2, label="l", top=1),
        lambda: figures.pair_matrix(np.ones((2, 3)), label="l", limits=(0, 1)),
        lambda: figures.pair_matrix(np.ones((2, 2)), label="l", limits=(1, 1)),
        lambda: figures.head_curves(np.ones((2, 3)), np.ones((2, 4)), label="l", across="a"),
        lambda: figures.quantile_plot(np.ones((2, 3)), np.ones(4), label="l", across="a"),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(ValueError, match=r"expected|must|NaN|cannot"):
        call()


def test_the_numbers_of_a_matrix_stand_out_from_their_cells():
    """WCAG 2: at least 4.5 : 1 for text, over the whole scale."""
    for share in np.linspace(0, 1, 256):
        ink = {"#000": 0.0, "#fff": 1.0}[style.ink_on(style.RATE_SCALE, share)]
        channels = style.lookup(style.RATE_SCALE)[round(255 * share)] / 255
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        ground = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 4.5
    assert style.ink_on(style.RATE_SCALE, -1) == "#fff"
    assert style.ink_on(style.RATE_SCALE, 2) == "#000"


def test_a_cross_matrix_takes_two_numbers_of_rows_and_outlines_pairs():
    values = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    figure = figures.cross_matrix(
        values, label=figures.CKA_LABEL, limits=(0, 1), axes=("layer of A", "layer of B"), marked=[(2, 3)]
    )
    heat = figure.data[0]
    np.testing.assert_allclose(heat.z, values)
    assert (list(heat.y), list(heat.x)) == (["1", "2"], ["1", "2", "3"])
    assert [(s.x0, s.x1, s.y0, s.y1) for s in figure.layout.shapes] == [(1.5, 2.5, 0.5, 1.5)]
    assert (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text) == ("layer of A", "layer of B")


@pytest.mark.parametrize("bad", [np.zeros((0, 2)), np.array([[np.nan]])])
def test_a_cross_matrix_refuses_what_is_no_matrix(bad):
    with pytest.raises(ValueError, match="values"):
        figures.cross_matrix(bad, label=figures.CKA_LABEL, limits=(0, 1), axes=("a", "b"))


def test_angles_are_ticked_up_to_the_right_angle():
    angles = figures.pair_matrix(90 * square(3), label=figures.ANGLE_LABEL, limits=(0, 90)).data[0]
    assert (angles.zmin, angles.zmax, angles.colorbar.dtick) == (0, 90, 30)
    cosines = figures.matrix_map(square(6), label=figures.COLUMN_COSINE_LABEL, top=0.4).data[0]
    assert cosines.colorbar.nticks == 6
