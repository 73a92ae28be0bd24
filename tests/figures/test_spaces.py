"""Tokens among their subspaces, and curves over other steps than layers."""

import numpy as np
import pytest

from explorer import figures
from explorer.figures import style

NAMES = ("x", "y", "z")
POINTS = np.array([[1.0, 0, 0], [0, 2, 0], [-1, 0, 0]])
LABELS = np.array([0, 1, 0])
LINE, PLANE = np.array([[1.0, 0], [0, 0], [0, 0]]), np.array([[0.0, 0], [1, 0], [0, 1]])


def cloud(points=POINTS, labels=LABELS, bases=None, limit=3.0):
    bases = np.stack([LINE, PLANE]) if bases is None else bases
    return figures.subspace_cloud(points, labels, bases, limit=limit, names=NAMES, title="t")


def test_points_have_the_colour_of_their_subspace():
    first, second = (trace for trace in cloud().data if trace.type == "scatter3d" and trace.mode == "markers")
    np.testing.assert_array_equal(first.x, [1, -1])
    np.testing.assert_array_equal(second.y, [2])
    assert (first.marker.color, second.marker.color) == style.HEAD_COLORS[:2]


def test_a_subspace_is_a_line_or_a_plane_or_nothing():
    figure = cloud()
    (line,) = (trace for trace in figure.data if trace.type == "scatter3d" and trace.mode == "lines")
    np.testing.assert_allclose(np.sort(line.x), [-3, 3])
    np.testing.assert_allclose(line.y, 0, atol=1e-15)
    (plane,) = (trace for trace in figure.data if trace.type == "mesh3d")
    np.testing.assert_allclose(plane.x, 0, atol=1e-15)
    assert np.abs([plane.y, plane.z]).max() <= 3
    unseen = cloud(bases=np.stack([np.eye(3), np.zeros((3, 3))]))
    assert {trace.mode for trace in unseen.data} == {"markers"}


def test_axes_are_the_same_on_all_sides():
    scene = cloud(limit=2.5).layout.scene
    assert [scene[f"{name}axis"].range for name in NAMES] == [(-2.5, 2.5)] * 3
    assert scene.aspectmode == "cube"
    assert scene.xaxis.title.text == "x"


@pytest.mark.parametrize(
    "wrong",
    [{"points": POINTS[:, :2]}, {"labels": LABELS[:2]}, {"bases": np.ones((2, 2, 1))}, {"limit": 0.0},
     {"points": np.full((3, 3), np.nan)}],
)  # fmt: skip
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"fit|limit|NaN"):
        cloud(**wrong)


def test_a_curve_over_steps():
    values = np.array([3.0, 2.0, 1.0])
    figure = figures.layer_curve(
        values, values + 1, label=figures.RATE_LABEL, selected=5, name="ours", control_name="theirs",
        axis=figures.STEP_LABEL, first=4,
    )  # fmt: skip
    assert [trace.name for trace in figure.data] == ["theirs", "ours"]
    np.testing.assert_array_equal(figure.data[1].x, [4, 5, 6])
    assert figure.data[1].hovertemplate.startswith("step %{x}: ")
    assert figure.layout.xaxis.title.text == figures.STEP_LABEL
    assert figure.layout.xaxis.range == (3.4, 6.6)
    assert np.argmax(figure.data[1].marker.size) == 1
    with pytest.raises(ValueError, match="step in 4 … 6"):
        figures.layer_curve(values, label=figures.RATE_LABEL, selected=3, axis=figures.STEP_LABEL, first=4)


def test_a_boundary_between_the_steps():
    figure = figures.mark_boundary(figures.layer_curve(np.ones(4), label=figures.RATE_LABEL), 2.5, "before, after")
    assert figure.layout.shapes[0].x0 == 2.5
    assert figure.layout.xaxis.title.text == "before, after"
