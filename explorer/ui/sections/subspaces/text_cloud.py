"""A text's tokens as a cloud: how they lie in the subspaces of a layer, and where in the text those are that lie
together."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.figures.style import SELECTED_COLOR
from explorer.inputs import isolated
from explorer.trace import Array
from explorer.ui.components.coloured_text import coloured_text
from explorer.ui.frame.widgets import heading, plot
from explorer.ui.jobs.umap import UmapOptions
from explorer.ui.panels.placing import (
    UMAP_CAPTION,
    layout_choice,
    of_control,
    subspace_choice,
    umap_places,
    umap_service,
)
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.text import TextView
from explorer.words import METHODS, TOKEN_RATE, meaning

COLOURS = {
    "place": "Place in the text",
    "surprise": "Surprise",
    "rate": TOKEN_RATE,
    "strongest": METHODS["subspace"],
}
COLOUR_CAPTIONS = {
    "place": "Colours from the start of the text to its end. If they change smoothly, the subspace keeps track "
    "of position.",
    "surprise": f"{meaning('surprise')} Nothing predicts the first token.",
    "rate": meaning("rate of a token"),
    "strongest": "The head in which a token has most energy, relative to that head's mean over the text.",
}
LEAST_TOKENS, LEAST_FOR_UMAP = 3, 20
MOST_WORDS = 120
"""Up to so many tokens stand in the cloud as words."""
CONTEXT = 4
"""Tokens before and after that are shown under the pointer."""


@dataclass(frozen=True)
class TextCloud:
    """What the controls say. head: from 1, 0 = all, joined."""

    layer: int
    head: int
    layout: str
    colour: str
    control: bool


def text_cloud(view: TextView, layer: int) -> None:
    """Controls, the cloud, and the text with what is selected in the cloud."""
    if len(view.tokens) < LEAST_TOKENS:
        st.info(f"A cloud needs at least {LEAST_TOKENS} tokens: type some more.")
        return
    settings = _settings(view, layer)
    trace = view.control_trace() if settings.control else view.trace
    projections = trace.projections(layer)
    places, axes = _places(view, settings, projections)
    groups = _groups(view, settings, projections, places)
    which = "all subspaces together" if not settings.head else f"subspace U_{settings.head}"
    title = f"{len(view.tokens)} tokens in layer {layer}, {which}{', control' if settings.control else ''}"
    chosen = plot(figures.point_map(groups, axes=axes, title=title), "text_cloud", select=True)
    st.caption(f"{COLOUR_CAPTIONS[settings.colour]} Compare with the control: what it shows, too, was not learned.")
    _in_text(view, _rates(view, settings, projections), [int(i) for i in chosen])


def _settings(view: TextView, layer: int) -> TextCloud:
    subspace, layout, colour, weights = st.columns([3, 2, 3, 2], vertical_alignment="bottom")
    with subspace:
        head = subspace_choice(view.card)
    with layout:
        placed = layout_choice()
    with colour:
        offered = [name for name in COLOURS if name != "strongest" or view.card.heads > 1]
        coloured = url_setting(
            st.selectbox, "Colour by", offered, key="token_colour", default="place", valid=offered,
            format_func=COLOURS.__getitem__,
        )  # fmt: skip
    with weights:
        control = of_control("This model", "Control")
    return TextCloud(layer, head, placed, coloured, control)


def _places(view: TextView, settings: TextCloud, projections: Array) -> tuple[Array, tuple[str, str]]:
    """Where the tokens lie, and what the axes are."""
    key = f"{view.key}|{settings.control}|{settings.layer}|{settings.head}|text cloud"
    vectors = measures.patches.cloud_vectors(projections[None], settings.head or None)
    if settings.layout == "umap" and len(vectors) < LEAST_FOR_UMAP:
        st.caption(f"UMAP needs at least {LEAST_FOR_UMAP} tokens: PCA is shown.")
    elif settings.layout == "umap":
        umap_service()
        placed = umap_places(key, lambda: vectors, UmapOptions())
        if placed is not None:
            st.caption(f"{UMAP_CAPTION}the control before you conclude.")
            return placed, ("UMAP 1", "UMAP 2")
    coordinates, explained = caches.once(key, measures.patches.pca_coordinates, vectors, components=2)
    st.caption(
        "PCA: the two directions in which the tokens spread most in this layer hold "
        f"**{explained.sum():.0%}** of their variance; tokens that lie together may differ in others."
    )
    return coordinates, (f"PC 1 ({explained[0]:.0%})", f"PC 2 ({explained[1]:.0%})")


def _rates(view: TextView, settings: TextCloud, projections: Array) -> Array:
    """The exact rate of every token, (N,) nats."""
    key = f"{view.key}|{settings.control}|{settings.layer}|text rates"
    return caches.once(key, _rates_of, projections, head=settings.head or None)


def _rates_of(projections: Array, head: int | None) -> Array:
    return measures.patches.cloud_rates(projections[None], head)[0]


def _groups(view: TextView, settings: TextCloud, projections: Array, places: Array) -> list[figures.Points]:
    names, numbers = _names(view), np.arange(len(places))
    words = (
        [html.escape(piece.name.strip("␣") or piece.name) for piece in view.pieces]
        if len(places) <= MOST_WORDS
        else None
    )

    def points(name: str, of: Array, **look) -> figures.Points:
        own = words and [words[i] for i in of]
        return figures.Points(name, places[of], [names[i] for i in of], words=own, numbers=of, **look)

    if settings.colour == "strongest":
        strongest = measures.patches.strongest_subspace(projections, (len(places), 1))[:, 0]
        heads = np.unique(strongest)
        return [points(f"head {k + 1}", np.flatnonzero(strongest == k), color=figures.head_color(k)) for k in heads]
    if settings.colour == "surprise":
        surprise = view.lens(settings.control)[-1].surprise
        first = points("not predicted", numbers[:1])
        return [first, points("tokens", numbers[1:], values=surprise, label=figures.SURPRISE_LABEL)]
    if settings.colour == "rate":
        values, label = _rates(view, settings, projections), figures.TOKEN_RATE_LABEL
    else:
        values, label = numbers + 1.0, "place in the text (token)"
    return [points("tokens", numbers, values=values, label=label)]


def _names(view: TextView) -> list[str]:
    """Every token between the characters around it, for the pointer."""
    boxes = [piece.box for piece in view.pieces]
    shown, here = [], 0
    for i, piece in enumerate(view.pieces):
        here = i if piece.box else here  # where the box of the token begins
        before, after = "".join(boxes[max(here - CONTEXT, 0) : here]), "".join(boxes[i + 1 : i + 1 + CONTEXT])
        around = [isolated(html.escape(part.replace("\n", " "))) for part in (before, boxes[here], after)]
        part = f"<br>{html.escape(piece.label)}" if piece.part else ""
        shown.append(f"{i + 1}: {around[0]}<b>{around[1]}</b>{around[2]}{part}")
    return shown


def _in_text(view: TextView, rates: Array, chosen: Sequence[int]) -> None:
    """The text, with the selected tokens marked and their mean rate."""
    heading("In the text", "Draw a line or a rectangle around points, or click one: they are marked here.")
    marked = set(chosen)
    colours = [f"{SELECTED_COLOR}66" if i in marked else "" for i in range(len(view.pieces))]
    coloured_text(view.pieces, colours, [f"token {i + 1}: {rate:.3f} nats" for i, rate in enumerate(rates)])
    if chosen:
        others = np.delete(rates, chosen)
        rest = f"; the {len(others)} others: **{others.mean():.3f}**" if len(others) else ""
        st.caption(f"{len(chosen)} selected. Mean rate **{rates[list(chosen)].mean():.3f} nats** a token{rest}.")
