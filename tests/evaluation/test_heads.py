"""The heads suite: its three figures by hand, and on tiny models of every family."""

import numpy as np
import pytest

from explorer.evaluation.heads import APART, CONSTANT, ON_OBJECT, box_share, constancy, heads, patches_inside
from explorer.evaluation.record import CONTROL, MODEL
from explorer.trace import Trace
from tests.evaluation.conftest import task_of


def test_constancy_is_one_for_heads_that_always_read_the_same():
    """Two heads, three pictures, one layer: what they read differs in length and in what all heads share."""
    direction, rng = np.array([1.0, -2.0, 0.5]), np.random.default_rng(0)
    shared = rng.standard_normal((3, 1, 1, 3))
    apart = np.array([1.0, 0.2, 7.0])[:, None, None, None] * np.stack([direction, -direction])[None, None]
    np.testing.assert_allclose(constancy(shared + apart), 1, rtol=1e-12)


def test_constancy_by_hand():
    """Opposite in one of three pictures: it disagrees with both others, and each of them with a mean that cancels."""
    reads = np.array([[[[1.0, 0], [-1, 0]]], [[[1, 0], [-1, 0]]], [[[-1, 0], [1, 0]]]])
    assert constancy(reads).ravel().tolist() == [0, 0, -1]
    assert constancy(np.ones((3, 1, 2, 4))).ravel().tolist() == [0, 0, 0]  # heads that read the same have no difference


def test_box_share_by_hand():
    attention = np.array([[0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]])
    inside = np.array([True, False, False, False])
    np.testing.assert_allclose(box_share(attention, inside), [1, 2.8])
    assert box_share(attention, np.zeros(4, bool)).tolist() == [1, 1]


def test_patches_lie_in_a_box_by_their_centres(named):
    trace = Trace(named["crate"], {}, (5, 5), 2)  # 12 px, patches of 4: centres at 2, 4, 6, 8, 10
    inside = patches_inside(trace, 12, np.array([0, 0.5, 0.5, 1.0])).reshape(5, 5)
    assert inside.any(axis=0).tolist() == [True, True, False, False, False]
    assert inside.any(axis=1).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
def test_every_family_is_measured_beside_its_control(named, squares, family):
    card = named[family]
    found = heads(task_of(card, squares, divisor=2))
    for who in (MODEL, CONTROL):
        for measure in (APART, CONSTANT):
            rows = [row for row in found.rows if (row.measure, row.who) == (measure, who)]
            assert [row.at for row in rows] == list(range(1, card.layers + 1))
            assert all(-1 <= row.low <= row.value <= row.high <= 1 for row in rows)
        lifts = [row for row in found.rows if (row.measure, row.who) == (ON_OBJECT, who)]
        assert [row.method for row in lifts] == [f"head {k + 1}" for k in range(card.heads)]
        assert all(row.value > 0 and row.images == 7 for row in lifts)
