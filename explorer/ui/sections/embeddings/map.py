"""A picture of the rows of an embedding: PCA at once, UMAP when it is done, coloured by kind of token or frequency."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.figures.style import SELECTED_COLOR
from explorer.trace import Array
from explorer.ui.frame.widgets import plot
from explorer.ui.jobs.umap import UmapOptions
from explorer.ui.panels.placing import UMAP_CAPTION, layout_choice, of_control, umap_places, umap_service
from explorer.ui.sections.embeddings.rows import CONTROL, TRAINED, Rows, dictionary, dictionary_settings
from explorer.ui.state import caches
from explorer.ui.state.settings import url_choice, url_setting

COLOURS = {"kind": "Kind", "rank": "Frequency"}
MOST_POINTS = 8192
"""Rows that are drawn: the most frequent, or where that is not known the first of the vocabulary."""
ATOM_SIZE = 8
"""Pixels."""
NAMED = 3
"""Tokens that name an atom."""
RANK_LABEL = "frequency rank (1 = most frequent)"
NUMBER_LABEL = "place in the vocabulary (pairs are learned in the order of their count)"


def row_map(rows: Rows) -> None:
    """Controls, then the picture: directions of the rows, and of a dictionary's atoms if they are asked for."""
    first, second, third, fourth = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
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
    groups = _tokens(rows, shown, places[: len(shown)], colour)
    if len(atoms):
        names = caches.once(f"{key}|atom names", _atom_names, rows, atoms, who=whose)
        groups.append(
            figures.Points("atoms", places[len(shown) :], names, SELECTED_COLOR, symbol="diamond", size=ATOM_SIZE)
        )
    plot(figures.point_map(groups, axes=axes, title=f"Directions of {len(shown):,} rows, {whose}"), "row_map")


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
