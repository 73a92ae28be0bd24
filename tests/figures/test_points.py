"""Named points: what is under the pointer, colours by group or value, and what does not fit."""

import numpy as np
import pytest

from explorer import figures

PLACES = np.array([[0.0, 1], [2, 3]])


def test_groups_and_values():
    groups = [
        figures.Points("words", PLACES, ["a", "b"], "#2d87d2"),
        figures.Points("atoms", PLACES[:1], ["atom 0"], symbol="diamond", size=8),
    ]
    figure = figures.point_map(groups, axes=("PC 1", "PC 2"))
    first, second = figure.data
    assert (first.marker.color, list(first.customdata)) == ("#2d87d2", [["a", 0], ["b", 1]])
    assert (second.marker.symbol, second.marker.size, second.name) == ("diamond", 8, "atoms")
    assert figure.layout.showlegend
    valued = figures.Points("tokens", PLACES, ["a", "b"], values=np.array([0.0, 1]), label="rank", ticks={0.0: "1"})
    figure = figures.point_map([valued], axes=("x", "y"))
    assert list(figure.data[0].marker.color) == [0, 1]
    assert figure.data[0].marker.colorbar.ticktext == ("1",)
    assert not figure.layout.showlegend


def test_words_beside_points_and_numbers_of_their_own():
    group = figures.Points("tokens", PLACES, ["a", "b"], words=["A", "B"], numbers=np.array([7, 3]))
    (points,) = figures.point_map([group], axes=("x", "y")).data
    assert (points.mode, points.text) == ("markers+text", ("A", "B"))
    assert list(points.customdata) == [["a", 7], ["b", 3]]


@pytest.mark.parametrize(
    ("places", "names"), [(PLACES, ["a"]), (np.zeros((2, 3)), ["a", "b"]), (np.full((2, 2), np.nan), ["a", "b"])]
)
def test_what_does_not_fit(places, names):
    with pytest.raises(ValueError, match=r"do not fit|places"):
        figures.point_map([figures.Points("x", places, names)], axes=("x", "y"))
