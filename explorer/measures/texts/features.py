"""Dictionary features over a text: how often a code fires, how strongly, where, and on which words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.trace import Array

NOBODY = -1
"""Stands where there is no token: before a window's beginning and behind its end, and in contexts that are missing."""
STRONGEST, WORDS = 12, 8
"""Contexts of the largest values, and words, that are kept for each code."""
AROUND = (16, 8)
"""Tokens of a context before and after the one that fires."""
BANDS, A_BAND = 5, 3
"""Equal shares of a code's firings, by value, and the contexts that are kept of each."""
DRAWN = 40
"""Firings of a code that are drawn by chance, from which those contexts come."""
BINS = 40
FULL_SHADE = 17
"""Steps in which a code is told around a context; more would double the file."""


@dataclass(frozen=True)
class FeatureIndex:
    """What the codes of every layer do over a long text of T tokens, read in windows of `window` tokens.

    L layers, m codes, C = STRONGEST + BANDS · A_BAND contexts of A tokens, S words, B bins. text: (T,). rate: (L,m)
    share of the tokens at which a code is above 0; it fires there. mean: (L,m) its mean where it does.
    values, places: (L,m,C) the code at its contexts, and the token of the text that fires, from 0; 0 and NOBODY where
    there are fewer. The first STRONGEST are its largest values, one a window at most, in falling order; then A_BAND
    for each of BANDS equal shares of its firings, the strongest fifth first, drawn by chance. shades: (L,m,C,A) uint8,
    the code at every token around, the one that fires at `before`: FULL_SHADE for its largest value anywhere, rounded
    up, 0 where it does not fire. histogram: (L,m,B) its firings by value, in bins of width widths (L,m) from 0 on.
    words: (L,m,S) the tokens that hold most of its sum, word_shares their shares. control_rate, control_share: (L,m)
    rate and first word_share of the codes of the random-init control on the same text.
    """

    window: int
    before: int
    text: Array
    rate: Array
    mean: Array
    values: Array
    places: Array
    shades: Array
    histogram: Array
    widths: Array
    words: Array
    word_shares: Array
    control_rate: Array
    control_share: Array

    @property
    def tokens(self) -> int:
        return len(self.text)

    @property
    def most(self) -> Array:
        """(L,m), the largest value of each code."""
        return self.values[..., 0]

    def around(self, place: int) -> Array:
        """The tokens (A,) of the context of a token of the text; NOBODY outside of the window that it was read in."""
        wanted = place - self.before + np.arange(self.shades.shape[-1])
        inside = wanted // self.window == place // self.window
        return np.where(inside, self.text[np.clip(wanted, 0, len(self.text) - 1)], NOBODY)


class FeatureCounter:
    """Adds up what one layer's codes do, window after window, in memory that does not grow with the text."""

    def __init__(self, codes: int, vocabulary: int, seed: int = 0, with_contexts: bool = True) -> None:
        """seed: of the chance by which firings are drawn. with_contexts: without, places and values are not kept."""
        self.seen, self.with_contexts = 0, with_contexts
        self.fired = np.zeros(codes, np.int64)
        self.sums = np.zeros((vocabulary, codes), np.float32)
        self.strongest, self.drawn = _Kept(codes, STRONGEST), _Kept(codes, DRAWN)
        self.histogram = np.zeros((codes, BINS), np.int64)
        self.widths = np.zeros(codes)
        self.chance = np.random.default_rng(seed)

    def add(self, tokens: Array, codes: Array) -> None:
        """tokens: (N,) of a window; codes: (N,m), what fires at each; only what is above 0 counts."""
        active = np.maximum(codes, 0)
        fires = active > 0
        self.seen += len(tokens)
        self.fired += fires.sum(axis=0)
        order = np.argsort(tokens, kind="stable")  # sum over equal tokens at once
        known, starts = np.unique(tokens[order], return_index=True)
        self.sums[known] += np.add.reduceat(active[order], starts, axis=0)
        if not self.with_contexts:
            return
        self._count_values(active, fires)
        best = active.argmax(axis=0)[None]
        value = np.take_along_axis(active, best, axis=0)
        self.strongest.offer(best, np.where(value > 0, -value, np.inf), active, self.seen - len(tokens))
        keys = np.where(fires, self.chance.random(active.shape, np.float32), np.inf)
        every = np.broadcast_to(np.arange(len(tokens))[:, None], keys.shape)
        self.drawn.offer(every, keys, active, self.seen - len(tokens))

    def _count_values(self, active: Array, fires: Array) -> None:
        """Into BINS bins from 0 on, which grow to twice their width, two becoming one, when a value lies beyond."""
        peak = active.max(axis=0).astype(np.float64)
        fresh = (self.widths == 0) & (peak > 0)
        self.widths[fresh] = 2.0 ** (np.floor(np.log2(peak[fresh])) + 1) / BINS
        while (beyond := np.flatnonzero(peak >= BINS * self.widths + (peak == 0))).size:
            pairs = self.histogram[beyond].reshape(len(beyond), BINS // 2, 2).sum(axis=2)
            self.histogram[beyond] = np.pad(pairs, ((0, 0), (0, BINS // 2)))
            self.widths[beyond] *= 2
        place, code = np.nonzero(fires)
        bins = (active[place, code] / self.widths[code]).astype(np.int64)
        counted = np.bincount(code * BINS + bins, minlength=self.histogram.size)
        self.histogram += counted.reshape(self.histogram.shape)

    def strongest_words(self) -> tuple[Array, Array]:
        """The tokens that hold most of each code's sum (m,S), and their shares; share 0 where a code has fewer."""
        rank = np.argsort(-self.sums, axis=0, kind="stable")[:WORDS]
        held = np.take_along_axis(self.sums, rank, axis=0)
        return rank.T, (held / np.maximum(self.sums.sum(axis=0), 1e-30)).T

    def contexts(self) -> tuple[Array, Array, Array]:
        """values, places (m,C) and shades (m,C,A) as FeatureIndex holds them."""
        before = AROUND[0]
        rank = np.argsort(self.strongest.keys, axis=1, kind="stable")
        values, places, around = (
            np.concatenate(parts, axis=1) for parts in zip(self.strongest.sorted_by(rank), self._by_band(), strict=True)
        )
        most = np.maximum(values[:, :1, None], 1e-30)
        shades = np.where(around > 0, np.clip(np.ceil(FULL_SHADE * around / most), 1, FULL_SHADE), 0)
        assert (values == around[..., before]).all()
        return values, places, shades.astype(np.uint8)

    def _by_band(self) -> tuple[Array, Array, Array]:
        """A_BAND drawn firings of each band, the strongest band first, in falling order within it."""
        values = self.drawn.values[..., AROUND[0]]
        weaker = weaker_share(self.histogram, self.widths, values)
        band = np.minimum((weaker * BANDS).astype(int), BANDS - 1)
        chosen = np.full((len(values), BANDS * A_BAND), NOBODY)
        for code, keys in enumerate(self.drawn.keys):
            order = np.argsort(keys, kind="stable")[: int(np.isfinite(keys).sum())]
            for k in range(BANDS):
                mine = order[band[code, order] == BANDS - 1 - k][:A_BAND]
                mine = mine[np.argsort(-values[code, mine], kind="stable")]
                chosen[code, k * A_BAND : k * A_BAND + len(mine)] = mine
        return self.drawn.sorted_by(chosen)


class _Kept:
    """For each code the places of the smallest keys, and the code's values around them."""

    def __init__(self, codes: int, count: int) -> None:
        self.keys = np.full((codes, count), np.inf, np.float32)
        self.places = np.full((codes, count), NOBODY, np.int64)
        self.values = np.zeros((codes, count, sum(AROUND) + 1), np.float32)

    def offer(self, places: Array, keys: Array, active: Array, start: int) -> None:
        """places, keys: (n,m), of this window's tokens, from 0, and their keys, inf for none. active: (N,m), the codes
        in the window. start: the window's first token in the text."""
        count = self.keys.shape[1]
        better = np.flatnonzero(keys.min(axis=0) < self.keys.max(axis=1))
        if not better.size:
            return
        few = min(count, int((keys[:, better] < self.keys[better].max(axis=1)).sum(axis=0).max()))
        first = np.argpartition(keys[:, better], few - 1, axis=0)[:few]
        new = np.take_along_axis(places[:, better], first, axis=0).T
        padded = np.pad(active[:, better], ((AROUND[0], AROUND[1]), (0, 0)))
        around = padded[new[..., None] + np.arange(sum(AROUND) + 1), np.arange(len(better))[:, None, None]]
        all_keys = np.concatenate([self.keys[better], np.take_along_axis(keys[:, better], first, axis=0).T], axis=1)
        rank = np.argsort(all_keys, axis=1, kind="stable")[:, :count]
        self.keys[better] = np.take_along_axis(all_keys, rank, axis=1)
        for kept, given in ((self.places, new + start), (self.values, around)):
            both = np.concatenate([kept[better], given], axis=1)
            kept[better] = np.take_along_axis(both, rank.reshape(rank.shape + (1,) * (both.ndim - 2)), axis=1)

    def sorted_by(self, rank: Array) -> tuple[Array, Array, Array]:
        """Values, places (m,n) and values around (m,n,A) in the order of rank (m,n); 0 and NOBODY where it is NOBODY
        or nothing is kept."""
        there = (rank != NOBODY) & np.isfinite(np.take_along_axis(self.keys, rank, axis=1))
        places = np.where(there, np.take_along_axis(self.places, rank, axis=1), NOBODY)
        around = np.where(there[..., None], np.take_along_axis(self.values, rank[..., None], axis=1), 0)
        return around[..., AROUND[0]], places, around


def weaker_share(histogram: Array, widths: Array, values: Array) -> Array:
    """The share of a code's firings that are weaker than a value (…,n), from their histogram (…,B) in bins of width
    widths (…): exact at the bins' edges, straight between them. 0 for a code that never fires."""
    steps = np.asarray(values, np.float64) / np.maximum(widths, 1e-300)[..., None]
    bins = np.clip(steps, 0, histogram.shape[-1] - 1).astype(np.int64)
    below = np.cumsum(histogram, axis=-1) - histogram
    part = np.take_along_axis(histogram, bins, axis=-1) * np.clip(steps - bins, 0, 1)
    total = np.maximum(histogram.sum(axis=-1, keepdims=True), 1)
    return (np.take_along_axis(below, bins, axis=-1) + part) / total


def feature_index(
    text: Array, window: int, counters: list[FeatureCounter], control: list[FeatureCounter]
) -> FeatureIndex:
    """The index of all layers. text: (T,) the tokens that were read in windows of `window`; counters: of each layer;
    control: those of the random-init control."""
    sums = np.stack([one.sums.sum(axis=0) for one in counters])
    fired = np.stack([one.fired for one in counters])
    words, contexts = [one.strongest_words() for one in counters], [one.contexts() for one in counters]
    values, places, shades = (np.stack(parts) for parts in zip(*contexts, strict=True))
    return FeatureIndex(
        window=window,
        before=AROUND[0],
        text=text,
        rate=fired / counters[0].seen,
        mean=sums / np.maximum(fired, 1),
        values=values,
        places=places,
        shades=shades,
        histogram=np.stack([one.histogram for one in counters]),
        widths=np.stack([one.widths for one in counters]),
        words=np.stack([numbers for numbers, _ in words]),
        word_shares=np.stack([shares for _, shares in words]),
        control_rate=np.stack([one.fired / one.seen for one in control]),
        control_share=np.stack([one.strongest_words()[1][:, 0] for one in control]),
    )
