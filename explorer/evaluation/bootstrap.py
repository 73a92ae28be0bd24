"""How far a mean over images can be trusted: percentile bootstrap over the images, and rows that carry it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from explorer.evaluation.record import Row
from explorer.trace import Array

DRAWS = 2000
LEVEL = 0.95
CHUNK = 4_000_000
"""Images drawn at once: 32 MB of numbers."""


def intervals(values: Array, seed: int = 0, draws: int = DRAWS) -> Array:
    """95 % percentile intervals of the means over images: (n,m), one column for each quantity → (m,2).

    Every draw takes n images with replacement, the same for all columns; so a column of differences a − b gives the
    paired interval of the difference. Raises ValueError for values that are not (n,m), empty or not finite.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13.
    """
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"expected finite values (n,m), got shape {values.shape}")
    rng, count = np.random.default_rng(seed), len(values)
    means = []
    for chosen in np.array_split(np.arange(draws), -(-draws * count // CHUNK)):
        drawn = rng.integers(0, count, (len(chosen), count)) + count * np.arange(len(chosen))[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * len(chosen)).reshape(len(chosen), count)
        means.append(times @ values / count)
    tail = 100 * (1 - LEVEL) / 2
    return np.percentile(np.concatenate(means), [tail, 100 - tail], axis=0).T


def mean_rows(columns: Mapping[Row, Array], seed: int) -> list[Row]:
    """Rows filled with the mean of their column and its interval, and no row where there is no image.

    columns: a row that says what its values are → (n,), one value for each image; the images are the same for all.
    """
    values = np.stack(list(columns.values()), axis=1).astype(np.float64)
    if not len(values):
        return []
    ends = intervals(values, seed)
    return [
        dataclasses.replace(row, value=float(mean), low=float(low), high=float(high), images=len(values))
        for row, mean, (low, high) in zip(columns, values.mean(axis=0), ends, strict=True)
    ]
