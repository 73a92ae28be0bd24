"""Places of patches on the photo, and what is carried from one grid to another: by hand, and what is conserved."""

import numpy as np
import pytest

from explorer import runtime
from explorer.measures.patches.grid import Patches, carry_tokens, nearest_patches, patches_of, spread_mass
from explorer.trace import Knobs
from tests.conftest import pixels, prepared

HALVES = Patches(height=8, width=16, patch=8, stride=8)  # one row of two patches, centres 4 and 12 of 16
QUARTERS = Patches(height=8, width=16, patch=4, stride=4)  # two rows of four, centres 2, 6, 10, 14 of 16


def test_nearest_centre_by_hand():
    assert nearest_patches(QUARTERS, HALVES, 1).tolist() == [0, 0, 1, 1]
    assert nearest_patches(QUARTERS, HALVES, 0).tolist() == [0, 0]
    # 4 lies half-way between 2 and 6, 12 between 10 and 14: the later one wins
    assert nearest_patches(HALVES, QUARTERS, 1).tolist() == [1, 3]


def test_places_are_shares_of_the_picture_not_pixels():
    twice = Patches(height=24, width=48, patch=24, stride=24)  # the same two places at three times the size
    assert nearest_patches(HALVES, twice, 1).tolist() == [0, 1]
    shifted = Patches(height=24, width=48, patch=24, stride=12)  # centres 12, 24, 36 of 48: shares ¼, ½, ¾
    assert nearest_patches(HALVES, shifted, 1).tolist() == [0, 2]


def test_a_tie_is_a_tie_at_any_size():
    """Thirds of odd sizes are no binary fractions: 1/6 and 3/6 are equally far from 2/6."""
    thirds, middle = Patches(3, 3, 1, 1), Patches(6, 6, 2, 1)  # centres 1/6 3/6 5/6, and 1/6 … 5/6 in sixths
    assert nearest_patches(middle, thirds, 0).tolist() == [0, 1, 1, 2, 2]


def test_tokens_by_hand():
    tokens = np.array([[9.0], [1.0], [2.0]])  # CLS, left, right
    carried = carry_tokens(tokens, HALVES, QUARTERS)
    assert carried[:, 0].tolist() == [9, 1, 1, 2, 2, 1, 1, 2, 2]
    # back: one row of two lies half-way between the rows of four, so the later row, and columns 2 and 4
    fine = np.arange(9.0)[:, None]
    assert carry_tokens(fine, QUARTERS, HALVES)[:, 0].tolist() == [0, 6, 8]
    np.testing.assert_array_equal(carry_tokens(fine, QUARTERS, QUARTERS), fine)


def test_mass_by_hand():
    np.testing.assert_array_equal(spread_mass(HALVES, QUARTERS, 1), [[0.5, 0], [0.5, 0], [0, 0.5], [0, 0.5]])
    np.testing.assert_array_equal(spread_mass(HALVES, HALVES, 1), np.eye(2))


def test_a_patch_that_is_the_nearest_of_none_keeps_its_mass():
    """Coarse centres 4, 12, 20, 28; fine ones 12 … 20: the outer two go to the fine patch that is nearest to them."""
    coarse, fine = Patches(32, 32, 8, 8), Patches(32, 32, 24, 2)
    assert fine.centres(0).tolist() == [24, 28, 32, 36, 40]
    third = 1 / 3
    expected = [[1, 0.5, 0, 0], [0, 0.5, 0, 0], [0, 0, third, 0], [0, 0, third, 0], [0, 0, third, 1]]
    np.testing.assert_allclose(spread_mass(coarse, fine, 0), expected, rtol=1e-15)


@pytest.mark.parametrize("fine", [Patches(112, 112, 8, 2), Patches(224, 160, 8, 4), Patches(65, 99, 7, 3)])
def test_mass_is_conserved_and_never_negative(fine):
    coarse = Patches(64, 64, 16, 16)
    for side in (0, 1):
        spread = spread_mass(coarse, fine, side)
        assert spread.shape == (fine.grid[side], 4)
        assert (spread >= 0).all()
        np.testing.assert_allclose(spread.sum(axis=0), 1, rtol=1e-12)


def test_of_a_run(cards, opened):
    photo = prepared(pixels(1, 12, 16))
    trace = runtime.run(opened["crate"], photo, ["z.1"], Knobs(stride=2))
    assert patches_of(trace, photo) == Patches(12, 16, cards["crate"].patch, 2)
    with pytest.raises(ValueError, match="this input gives"):
        patches_of(trace, prepared(pixels(1, 16, 16)))


def test_tokens_of_another_grid_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        carry_tokens(np.ones((4, 2)), HALVES, QUARTERS)
