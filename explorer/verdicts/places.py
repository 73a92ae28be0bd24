"""The places along a curve in words: layers, steps, epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.trace import Array
from explorer.verdicts.rule import listed

MOST_RUNS = 2
"""Stretches of places that are named one by one."""


@dataclass(frozen=True)
class Places:
    """What stands along a curve. axis: what a place is called; first: the number of the first one; labels: what they
    are called where they are not numbered."""

    axis: str = "layer"
    first: int = 1
    labels: Sequence[str] = ()

    def name(self, at: int) -> str:
        """Of a place, from 0: "layer 3"."""
        return f"{self.axis} {self._label(at)}"

    def where(self, chosen: Array) -> str:
        """Those of a boolean array: "in every layer", "from layer 3 on", "up to layer 2", "in layers 3–5 and 7";
        where these are too many to read, "in 4 of 9 layers"."""
        at = np.flatnonzero(chosen)
        if len(at) == len(chosen):
            return f"in every {self.axis}" if len(chosen) > 1 else f"in its one {self.axis}"
        if len(at) > 1 and at[-1] - at[0] == len(at) - 1:
            if at[-1] == len(chosen) - 1:
                return f"from {self.name(int(at[0]))} on"
            if at[0] == 0:
                return f"up to {self.name(int(at[-1]))}"
        if 1 + (np.diff(at) > 1).sum() > MOST_RUNS:
            return f"in {len(at)} of {len(chosen)} {self.axis}s"
        return f"in {self.those(chosen)}"

    def those(self, chosen: Array) -> str:
        """ "layer 3", "layers 3–5 and 7"."""
        at = np.flatnonzero(chosen)
        runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
        names: list[str] = []
        for run in runs:
            ends = [self._label(int(run[0])), self._label(int(run[-1]))]
            names += ["–".join(ends)] if len(run) > 2 else [self._label(int(i)) for i in run]
        return f"{self.axis}{'s' if len(at) > 1 else ''} {listed(names)}"

    def _label(self, at: int) -> str:
        return self.labels[at] if self.labels else str(self.first + at)


LAYERS = Places()
