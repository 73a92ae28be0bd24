"""Where the patches of a run lie on its picture, and carrying tokens and maps from one grid of patches to another.

Two runs see the same photo at other sizes, patches or strides. What they share is the place on the photo: a centre at
(i·stride + patch/2)/size of a side. Both pictures must show the same part of the photo. Rows and columns are
independent, so everything here is worked out along one side at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.trace import Array, Prepared, Trace, patch_grid


@dataclass(frozen=True)
class Patches:
    """The patches of a run, in pixels of its picture: the picture's sides, the side of a patch, and the stride.

    prefix: names of the tokens in front of them.
    """

    height: int
    width: int
    patch: int
    stride: int
    prefix: tuple[str, ...] = ("CLS",)

    @property
    def grid(self) -> tuple[int, int]:
        return patch_grid(self.height, self.width, self.patch, self.stride)

    def centres(self, side: int) -> Array:
        """Centres of the patches along a side (0: rows, 1: columns), int (n,), in halves of a pixel."""
        return 2 * self.stride * np.arange(self.grid[side]) + self.patch


def patches_of(trace: Trace, prepared: Prepared) -> Patches:
    """Where the patches of a trace lie. prepared: the input that was run.

    Raises ValueError if the trace is of an input with another grid.
    """
    patches = Patches(prepared.height, prepared.width, trace.card.patch, trace.stride, trace.card.prefix)
    if patches.grid != trace.grid:
        raise ValueError(f"the trace has a grid of {trace.grid}, this input gives {patches.grid}")
    return patches


def nearest_patches(here: Patches, there: Patches, side: int) -> Array:
    """For every patch here, the one there whose centre is nearest on the photo, along one side (0: rows, 1: columns).

    Half-way between two centres the later patch wins, as in upsample. Returns int (n here,), from 0.
    """
    size_here, size_there = ((p.height, p.width)[side] for p in (here, there))
    distance = np.abs(here.centres(side)[:, None] * size_there - there.centres(side) * size_here)  # exact integers
    return distance.shape[1] - 1 - np.argmin(distance[:, ::-1], axis=1)


def nearest_places(here: Patches, there: Patches) -> Array:
    """For every patch here, the number of the patch there whose centre is nearest on the photo: int (n here,)."""
    rows, columns = (nearest_patches(here, there, side) for side in (0, 1))
    return (rows[:, None] * there.grid[1] + columns).ravel()


def matching_tokens(here: Patches, there: Patches) -> tuple[Array, Array]:
    """The rows of the tokens here that have a counterpart there, and its row there: int (n,) and (n,).

    A token in front of the patches stands for the one of its name (CLS for CLS), a patch for the patch whose centre is
    nearest.
    """
    shared = [name for name in here.prefix if name in there.prefix]
    own, other = ([prefix.index(name) for name in shared] for prefix in (here.prefix, there.prefix))
    places = nearest_places(here, there)
    return (
        np.concatenate([np.array(own, int), len(here.prefix) + np.arange(len(places))]),
        np.concatenate([np.array(other, int), len(there.prefix) + places]),
    )


def carry_tokens(tokens: Array, there: Patches, here: Patches) -> Array:
    """Tokens (N there, d) on the grid here, (n, d): a row for each of the tokens here that have a counterpart.

    On a finer grid tokens repeat, on a coarser one some are left out. Raises ValueError if they do not fit their grid.
    """
    check_tokens(len(tokens), there)
    return tokens[matching_tokens(here, there)[1]]


def finer_of(a: Patches, b: Patches, side: int) -> Patches:
    """The one with more patches along a side; a where both have the same number."""
    return b if b.grid[side] > a.grid[side] else a


def spread_mass(coarse: Patches, fine: Patches, side: int) -> Array:
    """How the mass of a coarse patch goes to fine ones along one side: (n fine, n coarse), every column sums to 1.

    A coarse patch spreads evenly over the fine ones that it is the nearest to. Near the border of the photo it may be
    the nearest of none; then all goes to the fine patch that is nearest to it.
    """
    share = (nearest_patches(fine, coarse, side)[:, None] == np.arange(coarse.grid[side])).astype(np.float64)
    none = ~share.any(axis=0)
    share[nearest_patches(coarse, fine, side)[none], none] = 1.0
    return share / share.sum(axis=0)


def check_tokens(tokens: int, patches: Patches) -> None:
    """Raises ValueError unless the number of tokens is that of the prefix and the patches of the grid."""
    rows, columns = patches.grid
    if tokens != len(patches.prefix) + rows * columns:
        front = " and ".join(patches.prefix) or "nothing in front"
        raise ValueError(f"{tokens} tokens do not fit {front} and a grid of {rows}×{columns} patches")
