"""What the page Features reads: a model's index, the names of its tokens, and how its codes are told in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs import token_name
from explorer.measures.texts import FeatureIndex, most_alike, promoted_words
from explorer.studies.features import document_at, path_of, read_index
from explorer.trace import Array
from explorer.ui.frame.widgets import plain, sentence
from explorer.ui.state import caches

PROMOTED = 4
"""Words that a row names of those that a code speaks for."""
BETWEEN = "  ·  "


@dataclass(frozen=True, eq=False)
class Features:
    """A model with its index; about: what the index was made from. key: names both, for caches."""

    card: ModelCard
    index: FeatureIndex
    about: dict[str, Any]
    key: str

    @property
    def what(self) -> str:
        """What its codes are called."""
        return "code" if self.card.has_ista else "neuron"

    @property
    def names(self) -> list[str]:
        """Every token as a list shows it."""
        return caches.once(self.card.sha256, token_names, self.card)

    def words(self, layer: int, code: int) -> str:
        """The words that hold most of a code's sum, with their shares."""
        pairs = zip(self.index.words[layer - 1, code], self.index.word_shares[layer - 1, code], strict=True)
        return BETWEEN.join(f"{self.names[int(word)]} {share:.0%}" for word, share in pairs if share >= 0.005)

    def promoted(self, layer: int) -> Array:
        """The tokens (m,PROMOTED) whose scores each code of a layer raises most."""
        atoms, readout = caches.atoms(self.card, layer), caches.readout(self.card)
        return caches.once(f"{self.card.sha256}|{layer}", promoted_words, atoms, readout, count=PROMOTED)

    def speaks_for(self, layer: int, code: int) -> str:
        return BETWEEN.join(self.names[int(word)] for word in self.promoted(layer)[code])

    def alike(self, layer: int) -> tuple[Array, Array]:
        """For each code of a layer the one whose atom points most like its own, and the cosine."""
        return caches.once(f"{self.card.sha256}|{layer}", most_alike, caches.atoms(self.card, layer))

    def document(self, place: int) -> str:
        """What the document is called in which a token of the index's text stands."""
        return document_at(self.about, place).replace("_", " ")


def token_names(card: ModelCard) -> list[str]:
    return [token_name(card, token) for token in range(card.vocabulary)]


def feature_data(card: ModelCard) -> Features | None:
    """The index of a model, or None with a word on why there is none."""
    try:
        return features_of(card)
    except ExplorerError as problem:
        st.info(sentence(problem), icon=":material/info:")
        return None


def features_of(card: ModelCard) -> Features:
    index, about = read(card)
    return Features(card, index, about, _key(card))


def read(card: ModelCard) -> tuple[FeatureIndex, dict[str, Any]]:
    """The index as its file is now: one that was made anew is read again."""
    return caches.once(_key(card), read_index, card)


def _key(card: ModelCard) -> str:
    path = path_of(card)
    return f"{card.sha256}|{path.stat().st_mtime_ns if path.is_file() else 0}"


def index_caption(features: Features) -> None:
    """What the index was made from, and how its codes fire on the whole."""
    rates, about, what = features.index.rate, features.about, f"{features.what}s"
    licence = f", {about['licence']}" if about.get("licence") else ""
    names = [str(name).replace("_", " ") for name, _ in about.get("documents", [])]
    books = f" ({', '.join(names)})" if 0 < len(names) <= 6 else f" ({len(names)} documents)" if names else ""
    silent = int((rates == 0).sum())
    said = f"{silent:,} of {rates.size:,} {what} are never above 0 there."
    st.caption(
        plain(
            f"{features.index.tokens:,} tokens of {about.get('data', 'a text')}{books}{licence}"
            + (", held out from training: " if about.get("part") == "val" else ": ")
            + (said if silent else f"each of the {rates.size:,} {what} is above 0 somewhere there.")
        )
    )


def example_words(features: Features) -> str:
    """Two words that some code answers to, so that a search for them finds it: letters only, each one token."""
    return caches.once(features.key, _example, features)


def _example(features: Features) -> str:
    index, names = features.index, features.names
    spoken = np.array([name.startswith("␣") and name[1:].isalpha() and len(name) > 3 for name in names])
    shares = np.where(spoken[index.words], index.word_shares, 0)
    two = np.sort(shares, axis=-1)[..., -2:]
    layer, code = np.unravel_index(two.min(axis=-1).argmax(), two.shape[:2])
    best = np.argsort(-shares[layer, code], kind="stable")[:2]
    return ", ".join(names[int(index.words[layer, code, i])][1:] for i in best if shares[layer, code, i] > 0)
