"""Dictionary features: how often a code fires, where it is strongest, which words it speaks for and against."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from explorer.trace import Array, Readout

NOBODY = -1
"""Stands where there is no token: before the text's beginning and behind its end, and in contexts that are missing."""


@dataclass(frozen=True)
class FeatureIndex:
    """What the codes of every layer do over a long text of `tokens` tokens. L layers, m codes, C contexts, W tokens.

    rate: (L,m) share of the tokens at which a code is above 0. mean: (L,m) its mean where it is. top: (L,m,C) its
    largest values, one a window of text at most, in falling order; 0 where there are fewer. contexts: (L,m,C,W) the
    tokens around them, the one that fires at `before`. words: (L,m,S) the tokens that hold most of its sum, and
    word_shares their shares. control_rate, control_share: (L,m) rate and first word_share of the codes of the
    random-init control on the same text.
    """

    tokens: int
    before: int
    rate: Array
    mean: Array
    top: Array
    contexts: Array
    words: Array
    word_shares: Array
    control_rate: Array
    control_share: Array


class FeatureCounter:
    """Adds up what one layer's codes do, window after window, in memory that does not grow with the text."""

    def __init__(
        self, codes: int, vocabulary: int, contexts: int = 12, words: int = 8, around: tuple[int, int] = (16, 8)
    ) -> None:
        """contexts, words: how many are kept for each code. around: tokens kept before and after the one that fires."""
        self.contexts, self.words = contexts, words
        self.before, self.after = around
        self.seen = 0
        self.fired = np.zeros(codes, np.int64)
        self.sums = np.zeros((vocabulary, codes), np.float32)
        self.top = np.zeros((codes, contexts), np.float32)
        self.around = np.full((codes, contexts, self.before + 1 + self.after), NOBODY, np.int32)

    def add(self, tokens: Array, codes: Array) -> None:
        """tokens: (N,) of a window; codes: (N,m), what fires at each; only what is above 0 counts."""
        active = np.maximum(codes, 0)
        self.seen += len(tokens)
        self.fired += (active > 0).sum(axis=0)
        order = np.argsort(tokens, kind="stable")  # sum over equal tokens at once
        known, starts = np.unique(tokens[order], return_index=True)
        self.sums[known] += np.add.reduceat(active[order], starts, axis=0)
        place = active.argmax(axis=0)
        value = np.take_along_axis(active, place[None], axis=0)[0]
        better = np.flatnonzero(value > self.top[:, -1])
        if not better.size:
            return
        padded = np.pad(tokens, (self.before, self.after), constant_values=NOBODY)
        windows = padded[place[better][:, None] + np.arange(self.before + 1 + self.after)]
        values = np.concatenate([self.top[better], value[better][:, None]], axis=1)
        around = np.concatenate([self.around[better], windows[:, None]], axis=1)
        rank = np.argsort(-values, axis=1, kind="stable")[:, : self.contexts]
        self.top[better] = np.take_along_axis(values, rank, axis=1)
        self.around[better] = np.take_along_axis(around, rank[..., None], axis=1)

    def strongest_words(self) -> tuple[Array, Array]:
        """The tokens that hold most of each code's sum (m,S), and their shares; share 0 where a code has fewer."""
        rank = np.argsort(-self.sums, axis=0, kind="stable")[: self.words]
        held = np.take_along_axis(self.sums, rank, axis=0)
        return rank.T, (held / np.maximum(self.sums.sum(axis=0), 1e-30)).T


def feature_index(counters: list[FeatureCounter], control: list[FeatureCounter]) -> FeatureIndex:
    """The index of all layers, from the counter of each, and from those of the random-init control."""
    sums = np.stack([one.sums.sum(axis=0) for one in counters])
    fired = np.stack([one.fired for one in counters])
    words = [one.strongest_words() for one in counters]
    return FeatureIndex(
        tokens=counters[0].seen,
        before=counters[0].before,
        rate=fired / counters[0].seen,
        mean=sums / np.maximum(fired, 1),
        top=np.stack([one.top for one in counters]),
        contexts=np.stack([one.around for one in counters]),
        words=np.stack([numbers for numbers, _ in words]),
        word_shares=np.stack([shares for _, shares in words]),
        control_rate=np.stack([one.fired / one.seen for one in control]),
        control_share=np.stack([one.strongest_words()[1][:, 0] for one in control]),
    )


def logit_effect(direction: Array, readout: Readout) -> Array:
    """What a unit of a code adds to the scores of all tokens (V,), mean 0, if the head read it at once.

    direction: (d,), what the code writes into the tokens. The final norm's scale counts, its division by the standard
    deviation does not, which depends on the rest of the token: so effects compare with each other, not with scores.
    Exact up to that factor at the last layer of a CRATE-LM; earlier layers' codes go through the layers between. A cap
    of the scores is left out.
    """
    written = direction if readout.norm == "rms" else direction - direction.mean()
    if isinstance(readout.norm, tuple):
        written = written * readout.norm[0]
    effect = readout.embedding @ written
    return effect - effect.mean()


def codes_of_words(index: FeatureIndex, tokens: Collection[int], count: int) -> list[tuple[int, int, float]]:
    """The codes of whose sum these tokens hold most, at most `count` of all layers: (layer from 1, code, share)."""
    shares = np.where(np.isin(index.words, list(tokens)), index.word_shares, 0).sum(axis=-1, dtype=np.float64)
    best = [place for place in np.argsort(-shares, axis=None, kind="stable")[:count] if shares.flat[place] > 0]
    places = [tuple(int(i) for i in np.unravel_index(place, shares.shape)) for place in best]
    return [(layer + 1, code, float(shares[layer, code])) for layer, code in places]
