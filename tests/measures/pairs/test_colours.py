"""PCA colours of two runs in one basis."""

import numpy as np
import pytest

from explorer.measures.pairs.colours import shared_colours
from explorer.measures.patches.grid import Patches
from explorer.measures.patches.projection import pca_rgb

GRID = Patches(32, 32, 4, 4)  # 8 × 8 patches


@pytest.fixture
def projections() -> np.ndarray:
    """(K,N,p) with an object in the middle: its patches differ from the ground and among themselves."""
    rng = np.random.default_rng(0)
    tokens = 0.05 * rng.standard_normal((65, 2, 3))
    cells = tokens[1:].reshape(8, 8, 2, 3)
    cells -= 5
    cells[2:6, 2:6] += 10
    cells[2:6, 2:6, 0] += rng.standard_normal((4, 4, 3)) * [1.0, 0.6, 0.3]
    return tokens.transpose(1, 0, 2)


def test_a_run_compared_with_itself_keeps_its_colours(projections):
    own = pca_rgb(projections, GRID.grid)
    found = shared_colours(projections, GRID, projections, GRID)
    np.testing.assert_allclose(found.rgb, own.rgb, atol=1e-9)
    assert (found.foreground == own.foreground).all()


def test_a_rotated_scaled_and_shifted_copy_gets_the_same_colours(projections):
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    flat = projections.transpose(1, 0, 2).reshape(65, 6) @ rotation * -3 + 0.7
    copy = flat.reshape(65, 2, 3).transpose(1, 0, 2)
    found = shared_colours(projections, GRID, copy, GRID)
    np.testing.assert_allclose(found.rgb, pca_rgb(projections, GRID.grid).rgb, atol=1e-6)


def test_a_coarser_grid_takes_the_colours_of_the_same_places(projections):
    coarse = Patches(16, 16, 4, 4)
    cells = projections[:, 1:].reshape(2, 8, 8, 3)[:, 1::2, 1::2]
    few = np.concatenate([projections[:, :1], cells.reshape(2, 16, 3)], axis=1)
    found = shared_colours(projections, GRID, few, coarse)
    assert found.rgb.shape == (4, 4, 3)
    assert found.foreground.sum() == 4  # too few to be turned onto: its own colours
    np.testing.assert_allclose(found.rgb, pca_rgb(few, coarse.grid).rgb)
