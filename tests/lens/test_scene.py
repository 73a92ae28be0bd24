"""How layers of networks of other depths go together, and the charts of several runs."""

import numpy as np
import pytest

from explorer.lens import runs_panel
from explorer.trace import layer_on


@pytest.mark.parametrize(
    ("layer", "layers", "others", "by_depth", "expected"),
    [
        (3, 8, 8, True, 3), (3, 8, 4, False, 3), (7, 8, 4, False, 4), (1, 8, 4, True, 1), (8, 8, 4, True, 4),
        (1, 4, 12, True, 1), (2, 4, 12, True, 5), (4, 4, 12, True, 12), (1, 1, 12, True, 1), (5, 12, 1, True, 1),
    ],
)  # fmt: skip
def test_layers_go_together_by_number_or_by_depth(layer, layers, others, by_depth, expected):
    assert layer_on(layer, layers, others, by_depth) == expected


def test_the_band_spans_the_controls_as_deep_as_each_goes():
    runs = [("A", "#000000", np.array([1.0, 2.0, 3.0])), ("B", "#ffffff", np.array([4.0, 5.0]))]
    chart = runs_panel("Rates", "R (nats)", runs, [np.array([1.0, 1.0, 1.0]), np.array([2.0, 0.0])]).chart
    assert chart
    assert [series["values"] for series in chart["series"]] == [[1, 2, 3], [4, 5]]
    assert (chart["band"]["low"], chart["band"]["high"]) == ([1, 0, 1], [2, 1, 1])
