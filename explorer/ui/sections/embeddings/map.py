"""A picture of the rows of an embedding: PCA at once, UMAP when it is done, coloured by kind of token or frequency."""

from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.figures.style import SELECTED_COLOR
from explorer.trace import Array
from explorer.ui.frame.widgets import plain, plot, word_box
from explorer.ui.jobs.umap import UmapOptions
from explorer.ui.panels.placing import UMAP_CAPTION, layout_choice, of_control, umap_places, umap_service
from explorer.ui.panels.words import single_tokens, words_in
from explorer.ui.sections.embeddings.rows import CONTROL, FIRST_WORD, TRAINED, Rows, dictionary, dictionary_settings
from explorer.ui.sections.embeddings.verdict import rows_verdict, token_verdict
from explorer.ui.state import caches
from explorer.ui.state.settings import url_choice, url_setting

COLOURS = {"kind": "Kind", "rank": "Frequency"}
MOST_POINTS = 8192
"""Rows that are drawn: the most frequent, or where that is not known the first of the vocabulary."""
ATOM_SIZE = 8
"""Pixels."""
NAMED = 3
"""Tokens that name an atom."""
NEAR_WORDS = 8
"""Rows nearest to a word that are marked with it."""
NEAR_COLOR = "#e0730d"
FADED = 0.18
"""Opacity of the other rows while a word is marked."""
RANK_LABEL = "frequency rank (1 = most frequent)"
NUMBER_LABEL = "place in the vocabulary (pairs are learned in the order of their count)"


def row_map(rows: Rows) -> None:
    """Controls, then the picture: directions of the rows, and of a dictionary's atoms if they are asked for."""
    first, second, third, fourth = st.columns([3, 3, 4, 4], vertical_alignment="bottom")
    with first:
        layout = layout_choice()
    with second:
        colour = url_choice("Colour by", COLOURS, "row_colour")
    with third:
        whose = CONTROL if of_control("This model", "Control") else TRAINED
    with fourth:
        with_atoms = url_setting(
            st.toggle, "Atoms of a dictionary", key="with_atoms", default=False, valid=(False, True),
            help="Learned from these rows; shown as diamonds.",
        )  # fmt: skip
    code = None
    if with_atoms:
        code = dictionary(rows, whose, *dictionary_settings(rows))
    shown = np.argsort(-rows.counts, kind="stable")[:MOST_POINTS]
    atoms = code.atoms if code and not code.trivial else np.zeros((0, rows.card.dim), np.float32)
    key = f"{rows.key}|{whose}|" + (f"{len(atoms)}|{code.places.shape[1]}" if code else "")
    places, axes = _places(key, np.concatenate([measures.patches.unit_rows(rows.of[whose][shown]), atoms]), layout)
    found, near = _looked_for(rows, whose)
    groups = _tokens(rows, shown, places[: len(shown)], colour)
    if found:
        groups = [replace(group, opacity=FADED) for group in groups]
    if len(atoms):
        names = caches.once(f"{key}|atom names", _atom_names, rows, atoms, who=whose)
        groups.append(
            figures.Points("atoms", places[len(shown) :], names, SELECTED_COLOR, symbol="diamond", size=ATOM_SIZE)
        )
    groups += _marked(rows, shown, places, found, near)
    rows_verdict(rows)
    plot(figures.point_map(groups, axes=axes, title=f"Directions of {len(shown):,} rows, {whose}"), "row_map")
    for token in found[:1]:
        token_verdict(rows, token)


def _looked_for(rows: Rows, whose: str) -> tuple[list[int], list[int]]:
    """The tokens of the words that are typed, and those nearest to the first of them."""
    if not rows.card.tokenizer:
        return [], []
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        words = words_in(word_box(f"find a word, such as: {FIRST_WORD}"))
    tokens = {word: sorted(single_tokens(rows.card, word), reverse=True) for word in words}
    found = [token for word in words for token in tokens[word]]
    if not found:
        if words:
            right.caption(f"No single token of this model is {plain(' or '.join(words))}: try another word.")
        return [], []
    first = rows.of[whose][found[0]]
    near = measures.texts.nearest_rows(rows.of[whose], first, NEAR_WORDS + 1)[0].tolist()
    missing = [word for word in words if not tokens[word]]
    right.caption(
        f"Marked: {plain(', '.join(rows.names[token] for token in found))}, and the {NEAR_WORDS} rows nearest to the "
        f"first{'; no single token: ' + plain(', '.join(missing)) if missing else ''}."
    )
    return found, [token for token in near if token not in found]


def _marked(rows: Rows, shown: Array, places: Array, found: list[int], near: list[int]) -> list[figures.Points]:
    """What was looked for, with its name beside it; tokens that are too rare to be on the map are left out."""
    at = {int(token): i for i, token in enumerate(shown)}
    groups = []
    looks = {"nearest to it": (near, NEAR_COLOR, "circle", 8), "found": (found, SELECTED_COLOR, "star", 15)}
    for name, (tokens, color, symbol, size) in looks.items():
        there = [token for token in tokens if token in at]
        if there:
            names = [html.escape(rows.names[token]) for token in there]
            groups.append(
                figures.Points(
                    name,
                    places[[at[token] for token in there]],
                    names,
                    color,
                    symbol=symbol,
                    size=size,
                    words=names,
                    opacity=1.0,
                )
            )
    return groups


def _places(key: str, directions: Array, layout: str) -> tuple[Array, tuple[str, str]]:
    umap_service()  # started with the page, so that it is warm when UMAP is chosen
    if layout == "umap":
        placed = umap_places(key, lambda: directions, UmapOptions())
        if placed is not None:
            st.caption(f"{UMAP_CAPTION}the control before you conclude.")
            return placed, ("UMAP 1", "UMAP 2")
    coordinates, explained = caches.once(key, measures.patches.pca_coordinates, directions, components=2)
    st.caption(
        f"PCA: the two directions in which the rows, scaled to length 1, spread most hold **{explained.sum():.0%}** of "
        "their variance. Compare with the control: what shows there, too, was not learned."
    )
    return coordinates, (f"PC 1 ({explained[0]:.0%})", f"PC 2 ({explained[1]:.0%})")


def _tokens(rows: Rows, shown: Array, places: Array, colour: str) -> list[figures.Points]:
    names = [html.escape(rows.names[token]) for token in shown]
    if colour == "rank":
        ranks = np.log10(np.arange(1, len(shown) + 1))
        ticks = {float(power): f"{10**power:,}" for power in range(int(ranks[-1]) + 1)}
        label = RANK_LABEL if rows.counted else NUMBER_LABEL
        return [figures.Points("tokens", places, names, values=ranks, label=label, ticks=ticks)]
    kinds = rows.kinds[shown]
    return [
        figures.Points(kind, places[kinds == k], [names[i] for i in np.flatnonzero(kinds == k)], figures.head_color(k))
        for k, kind in enumerate(measures.texts.TOKEN_KINDS)
        if (kinds == k).any()
    ]


def _atom_names(rows: Rows, atoms: Array, who: str) -> list[str]:
    near = [measures.texts.nearest_rows(rows.of[who], atom, NAMED)[0] for atom in atoms]
    return [html.escape(f"atom {k}: " + "  ".join(rows.names[t] for t in tokens)) for k, tokens in enumerate(near)]
