"""How the entries of an array are distributed: counts in bins of one width, for two arrays on the same bins."""

from __future__ import annotations

import numpy as np

from explorer.trace import Array

MAX_BINS = 80


def counts_in(values: Array, edges: Array) -> Array:
    """How many values lie in each bin, int, as np.histogram counts them, in a third of its time.

    edges: (n,), all bins of one width but for rounding, and no value outside.
    """
    last = len(edges) - 2
    guess = ((values - edges[0]) * ((last + 1) / (edges[-1] - edges[0]))).astype(np.int64).clip(0, last)
    guess -= values < edges[guess]
    guess += (values >= edges[guess + 1]) & (guess < last)
    return np.bincount(guess, minlength=last + 1)


def shared_edges(*samples: Array) -> Array:
    """Edges of at most 80 bins of one width that hold every sample and have 0 as an edge if it lies within."""
    low, high = min(float(s.min()) for s in samples), max(float(s.max()) for s in samples)
    width = (high - low) / (MAX_BINS - 2)
    if width <= np.spacing(max(abs(low), abs(high))):
        return np.array([low - 0.5, high + 0.5])
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    return edges


def threshold_histogram(before: Array, after: Array, threshold: float) -> Array:
    """What a threshold did to the entries, as one array (4, n): n edges of at most 80 shared bins, then in rows 1 and 2
    the n − 1 counts before and after, and in row 3 the threshold and the shares of exact zeros before and after.

    before, after: any shape; the rest of the rows is 0. Raises ValueError for NaN, infinity or empty arrays.
    """
    samples = np.ravel(before).astype(np.float64), np.ravel(after).astype(np.float64)
    if not all(sample.size and np.isfinite(sample).all() for sample in samples):
        raise ValueError("expected finite entries, and at least one of them, before and after")
    edges = shared_edges(*samples)
    packed = np.zeros((4, max(len(edges), 3)))
    packed[0] = np.pad(edges, (0, packed.shape[1] - len(edges)), mode="edge")
    for row, sample in enumerate(samples, start=1):
        packed[row, : len(edges) - 1] = counts_in(sample, edges)
    packed[3, :3] = threshold, *(np.mean(sample == 0) for sample in samples)
    return packed
