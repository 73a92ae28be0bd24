"""Rows that pages and the command line share, by hand."""

import numpy as np

from explorer.measures.patches import Segments
from explorer.tables import overlap_rows


def test_overlaps_with_a_mask_by_hand():
    objects = Segments("maskcut", 3, None, np.array([[1, 1], [0, 2]]))
    clusters = Segments("kmeans", 3, None, np.array([[0, 0], [0, 1]]))
    mask = np.array([[True, True], [False, False]])  # the upper half, which the first object covers exactly
    rows = overlap_rows([objects, clusters], mask)
    assert [row["layer"] for row in rows] == [3, 3]
    assert (rows[0]["IoU of the foreground"], rows[0]["best segment"], rows[0]["its IoU"]) == (0.667, 1, 1.0)
    assert (rows[1]["IoU of the foreground"], rows[1]["its IoU"]) == (None, 0.667)  # upper half of three quarters
