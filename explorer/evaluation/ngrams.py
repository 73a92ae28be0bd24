"""Counting models of text, against which a language model is measured: unigram, and Kneser–Ney of bi- and trigrams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.trace import Array


@dataclass(frozen=True)
class _Level:
    """Counts of n-grams, as sorted keys with their counts, and of their contexts: how often, and with how many
    different words behind them."""

    keys: Array
    counts: Array
    contexts: Array
    totals: Array
    kinds: Array

    @property
    def discount(self) -> float:
        """Ney's estimate n₁/(n₁ + 2n₂); between 0 and 1 also where nothing occurs once or twice."""
        once, twice = (np.count_nonzero(self.counts == n) for n in (1, 2))
        return once / (once + 2 * twice) if once else 0.5


class KneserNey:
    """Interpolated Kneser–Ney of order 3 (or 2) over V tokens, counted once; every token has a probability above 0.

    P(w|u,v) = max(c(uvw)−D,0)/c(uv) + D·N₁₊(uv·)/c(uv) · P(w|v); lower orders count in how many different contexts a
    word was seen, N₁₊(·vw), instead of how often; below the unigram lies 1/V.
    Source: Kneser and Ney, 1995; Chen and Goodman, An empirical study of smoothing techniques, 1998, section 3.
    """

    def __init__(self, tokens: Array, vocabulary: int, order: int = 3) -> None:
        """tokens: (T,) training text. Raises ValueError for an order that is not 2 or 3, or too short a text."""
        if order not in (2, 3) or len(tokens) < order:
            raise ValueError(f"expected order 2 or 3 and at least as many tokens, got {order} and {len(tokens)}")
        self.vocabulary, self.order = vocabulary, order
        text = tokens.astype(np.int64)
        keys, counts = np.unique(self._keys(text, order), return_counts=True)
        self.levels = {order: self._level(keys, counts)}
        for lower in range(order - 1, 0, -1):
            base = vocabulary**lower  # the last `lower` words of every kind of longer n-gram, each kind counted once
            keys, counts = np.unique(self.levels[lower + 1].keys % base, return_counts=True)
            self.levels[lower] = self._level(keys, counts)

    def _keys(self, text: Array, order: int) -> Array:
        key = text[: len(text) - order + 1]
        for shift in range(1, order):
            key = key * self.vocabulary + text[shift : len(text) - order + 1 + shift]
        return key

    def _level(self, keys: Array, counts: Array) -> _Level:
        contexts, starts = np.unique(keys // self.vocabulary, return_index=True)
        kinds = np.diff(np.append(starts, len(keys)))
        return _Level(keys, counts, contexts, np.add.reduceat(counts, starts), kinds)

    def probabilities(self, text: Array) -> Array:
        """(N,) → (N−1,): the probability of every token after the first, given up to order − 1 tokens before it."""
        text = text.astype(np.int64)
        found = np.empty(len(text) - 1)
        for order in range(2, self.order + 1):
            keys = self._keys(text, order)
            if len(keys):  # the first words of the text have shorter contexts
                found[order - 2 :] = self._probability(keys, order)
        return found

    def _probability(self, keys: Array, order: int) -> Array:
        """P of the last word of each n-gram given the others."""
        if order == 0:
            return np.full(len(keys), 1 / self.vocabulary)
        level = self.levels[order]
        lower = self._probability(keys % self.vocabulary ** (order - 1), order - 1)
        count = _looked_up(level.keys, level.counts, keys)
        total, kinds = (_looked_up(level.contexts, of, keys // self.vocabulary) for of in (level.totals, level.kinds))
        seen = np.maximum(total, 1)
        smoothed = np.maximum(count - level.discount, 0) / seen + level.discount * kinds / seen * lower
        return np.where(total > 0, smoothed, lower)


def _looked_up(keys: Array, values: Array, wanted: Array) -> Array:
    """The value of each wanted key, 0 where it is missing. keys: sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def unigram_probabilities(tokens: Array, vocabulary: int) -> Array:
    """(V,) how often each token occurs, with one more of each, so that none is impossible."""
    counts = np.bincount(tokens, minlength=vocabulary) + 1
    return counts / counts.sum()
