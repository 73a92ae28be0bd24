"""What a code speaks for, and which codes answer to a word: atoms against the head, and the feature index searched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from explorer.measures.texts.features import FeatureIndex
from explorer.trace import Array, Readout

CHUNK = 256
"""Codes whose effects on all words are at hand at once."""


@dataclass(frozen=True)
class FoundCode:
    """A code that answers to some tokens. layer: from 1. score: how much. hits: how many of the tokens it answers
    to."""

    layer: int
    code: int
    score: float
    hits: int


def _written(directions: Array, readout: Readout) -> Array:
    """What the head reads of directions (…,d): centred and scaled as its norm does, without the division."""
    written = directions if readout.norm == "rms" else directions - directions.mean(axis=-1, keepdims=True)
    return written * readout.norm[0] if isinstance(readout.norm, tuple) else written


def logit_effect(direction: Array, readout: Readout) -> Array:
    """What a unit of a code adds to the scores of all tokens (V,), mean 0, if the head read it at once.

    direction: (d,), what the code writes into the tokens; or (m,d) of several, then (m,V). The final norm's scale
    counts, its division by the standard deviation does not, which depends on the rest of the token: so effects compare
    with each other, not with scores. Exact up to that factor at the last layer of a CRATE-LM; earlier layers' codes go
    through the layers between. A cap of the scores is left out.
    """
    effect = _written(direction, readout) @ readout.embedding.T
    return effect - effect.mean(axis=-1, keepdims=True)


def promoted_words(atoms: Array, readout: Readout, count: int) -> Array:
    """The tokens (m,count) whose scores each atom (m,d) raises most, falling (logit_effect)."""
    count = min(count, len(readout.embedding))
    found = []
    for start in range(0, len(atoms), CHUNK):
        effect = logit_effect(atoms[start : start + CHUNK], readout)
        best = np.argpartition(-effect, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(effect, best, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(found)


def promotion(atoms: Array, readout: Readout, tokens: Sequence[int]) -> Array:
    """How far atoms (m,d) raise the scores of some tokens beyond those of all: (m,n), in standard deviations.

    (⟨e_t, w⟩ − mean_v ⟨e_v, w⟩) / std_v ⟨e_v, w⟩, w what the head reads of the atom; 0 for an atom that it does not
    read. The deviation is √(wᵀ Cov(E) w), so the effects on all other words need not be computed.
    """
    written = _written(atoms, readout).astype(np.float64)
    centred = readout.embedding - readout.embedding.mean(axis=0, dtype=np.float64)
    spread = np.einsum("md,de,me->m", written, centred.T @ centred / len(centred), written)
    raised = written @ centred[list(tokens)].T
    return np.where(spread[:, None] > 0, raised / np.sqrt(np.maximum(spread, 1e-300))[:, None], 0.0)


def codes_of_words(index: FeatureIndex, tokens: Collection[int], count: int) -> list[FoundCode]:
    """The codes of whose sum these tokens hold most, at most `count` of all layers; score: the share they hold
    together, as far as they are among its words."""
    theirs = np.where(np.isin(index.words, list(tokens)), index.word_shares, 0).astype(np.float64)
    return _best(theirs.sum(axis=-1), (theirs > 0).sum(axis=-1), count)


def codes_for_words(atoms: Sequence[Array], readout: Readout, tokens: Sequence[int], count: int) -> list[FoundCode]:
    """The codes that raise the scores of these tokens most, at most `count` of all layers; score: the mean of their
    promotion. atoms: (m,d) of each layer. hits: tokens that are raised by more than two standard deviations."""
    raised = np.stack([promotion(of_layer, readout, tokens) for of_layer in atoms])
    return _best(raised.mean(axis=-1), (raised > 2).sum(axis=-1), count)


def theme_by_chance(atoms: Sequence[Array], readout: Readout, count: int, themes: int = 20, seed: int = 0) -> float:
    """What the best code of all reaches in codes_for_words for `count` tokens that are drawn by chance: the median of
    so many themes. A theme whose best code is no higher has no code of its own."""
    drawn = np.random.default_rng(seed).integers(0, len(readout.embedding), themes * count)
    raised = np.concatenate([promotion(of_layer, readout, drawn.tolist()) for of_layer in atoms])
    return float(np.median(raised.reshape(len(raised), themes, count).mean(axis=-1).max(axis=0)))


def _best(scores: Array, hits: Array, count: int) -> list[FoundCode]:
    """The largest scores (L,m) above 0."""
    best = [place for place in np.argsort(-scores, axis=None, kind="stable")[:count] if scores.flat[place] > 0]
    places = [tuple(int(i) for i in np.unravel_index(place, scores.shape)) for place in best]
    return [FoundCode(layer + 1, code, float(scores[layer, code]), int(hits[layer, code])) for layer, code in places]


def most_alike(atoms: Array) -> tuple[Array, Array]:
    """For each atom (m,d) the other one that points most like it, and their cosine: both (m,). A lone atom is like
    itself, with 0."""
    unit = atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-30)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.argmax(axis=1)
    return nearest, np.where(len(atoms) > 1, np.take_along_axis(cosines, nearest[:, None], axis=1)[:, 0], 0.0)
