"""How far apart the compared runs are: numbers for a layer, and maps over layers, heads and weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.card import ModelCard
from explorer.lens import PANELS, LensLook, Panel, Section
from explorer.studies.compare import (
    ComparedRun,
    Difference,
    attention_change,
    by_chance,
    cka,
    differences,
    notes,
    number_text,
    weight_changes,
)
from explorer.studies.compare_text import text_differences
from explorer.trace import Array, layer_on
from explorer.ui.frame.widgets import plain, plot
from explorer.ui.sections.compare.sides import Compared, Side
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, lens_choice
from explorer.words import SCALES

ATTENTION = SCALES["attention_js_bits"]
PHOTO_TEXT = (
    f"How much each patch looks at other places than in A: {ATTENTION.number} of its attention. {ATTENTION.ends}. "
    "Heads count by their number, so choose one only for models of one run."
)
TABLE_CAPTION = (
    "At the layer of the slider, and where depths differ its counterpart. *By chance*: CKA of shuffled tokens; heads "
    "and atoms of random directions after the same matching. Heads and dictionaries are compared as directions of the "
    "residual stream, so only models of one run share coordinates for sure."
)
AnySide = TypeVar("AnySide", bound=Compared)
VALUE_WIDTH = 150
"""Pixels of a column of differences: a number with its note."""


def difference_lens(sides: Sequence[Side], by_depth: bool) -> tuple[int, tuple[int, ...]]:
    """Where on the photo attention differs from A's; returns the layer and heads that are chosen in it."""
    a, choice = sides[0], lens_choice(sides[0].view)
    panels = [PANELS["photo"], PANELS["attention"]]
    panels += [Panel("map", f"A → {s.title}", f"js_{s.letter}", scale="rate", unit=ATTENTION.unit) for s in sides[1:]]
    others = tuple((side.letter, side.view) for side in sides[1:])
    maps = partial(_attention_maps, of=a.view, others=others, heads=choice.heads, by_depth=by_depth)
    section = Section(panels, "Attention, A against the others", PHOTO_TEXT, columns=max(len(panels), 4))
    draw_lens(PhotoLens(a.view, choice, [section], LensLook(), key="difference_lens", maps=maps))()
    return choice.layer, choice.heads


def _attention_maps(
    view: View, layer: int, of: View, others: tuple[tuple[str, View], ...], heads: tuple[int, ...], by_depth: bool
) -> dict[str, Array]:
    """On the photo of A: the change of each patch's attention, to each of the others."""
    if view.key != of.key:
        return {}
    changes = {}
    for letter, other in others:
        counterpart = layer_on(layer, of.card.layers, other.card.layers, by_depth)
        a, b = (ComparedRun(one.card, one.prepared, one.trace, (), key=one.key) for one in (of, other))
        changes[f"js_{letter}"] = attention_change(a, b, layer, counterpart, heads, caches.once).patches
    return changes


def difference_table(sides: Sequence[Compared], layer: int, heads: tuple[int, ...], by_depth: bool) -> None:
    """Every difference from A in a line, with what chance gives and what its scale means."""
    alone = len(sides) == 2
    columns = {
        f"A → {side.title if alone else side.letter}": _differences(sides[0], side, layer, heads, by_depth)
        for side in sides[1:]
    }
    rows = []
    for i, one in enumerate(next(iter(columns.values()))):
        values = {name: found[i].text for name, found in columns.items()}
        said = {"by chance": number_text(one.chance), "scale": one.scale}
        rows.append({"from A to the others": one.name, **values, **said})
    widths = {} if alone else dict.fromkeys(columns, st.column_config.TextColumn(width=VALUE_WIDTH))
    st.dataframe(rows, hide_index=True, width="stretch", height="content", key="differences", column_config=widths)
    said = [note for s in sides[1:] for note in notes(sides[0].run, s.run, s.letter)]
    st.caption(" ".join([TABLE_CAPTION, *map(plain, said)]))


def _differences(a: Compared, b: Compared, layer: int, heads: tuple[int, ...], by_depth: bool) -> list[Difference]:
    find = text_differences if a.view.card.reads_text else differences
    return find(a.run, b.run, layer, counterpart(a, b, layer, by_depth), heads, caches.once)


def counterpart(a: Compared, b: Compared, layer: int, by_depth: bool) -> int:
    """The layer of B that goes with a layer of A."""
    return layer_on(layer, a.view.card.layers, b.view.card.layers, by_depth)


def nothing_to_compare() -> None:
    """A stands alone."""
    st.info("Choose a model for B: then A is compared with it.")


def chosen_pair(sides: Sequence[AnySide]) -> AnySide:
    """Which of the others is held against A where only one can be shown."""
    letters = [side.letter for side in sides[1:]]
    letter = letters[0]
    if len(letters) > 1:
        letter = url_setting(
            st.segmented_control, "A against", letters, key="pair", default=letter, valid=letters, required=True,
            format_func=lambda one: next(side.title for side in sides if side.letter == one),
        )  # fmt: skip
    return next(side for side in sides if side.letter == letter)


def difference_figures(a: Compared, b: Compared, layer: int, by_depth: bool) -> None:
    """One pair in four pictures: all layers with all layers, heads with heads, atoms, and weights."""
    other = counterpart(a, b, layer, by_depth)
    left, right = st.columns(2)
    with left:
        layers = (f"layer of {a.letter}", f"layer of {b.letter}")
        alike = cka(a.run, b.run, caches.once)
        title = f"Tokens of every layer, {a.letter} and {b.letter}"
        plot(figures.cross_matrix(alike.values, label=figures.CKA_LABEL, limits=(0, 1), axes=layers, title=title,
                                  marked=[(layer, other)]), "cka")  # fmt: skip
        st.caption(
            f"Linear CKA of what the layers leave here; shuffled tokens would have "
            f"{alike.chance.mean():.3f} on average over all pairs. "
            "A bright diagonal: the two do the same, layer by layer."
        )
    with right:
        _head_figure(a, b, layer, other)
    left, right = st.columns(2)
    with left:
        _atom_figure(a, b, layer, other)
    with right:
        _weight_figure(a, b)


def _head_figure(a: Compared, b: Compared, layer: int, other: int) -> None:
    match = measures.pairs.match_heads(a.run.weights[layer - 1], b.run.weights[other - 1])
    if match is None:
        st.info(f"{a.letter} and {b.letter} have other widths, so their subspaces share no space.")
        return
    axes, title = (f"head of {a.letter}", f"head of {b.letter}"), f"Subspaces of layer {layer}: overlap of the heads"
    plot(figures.cross_matrix(match.overlap, label=figures.SPAN_OVERLAP_LABEL, limits=(0, 1), axes=axes, title=title,
                              text=".0%", marked=match.pairs), "heads_overlap")  # fmt: skip
    chance = by_chance(a.run, b.run, measures.pairs.heads_by_chance, caches.once)
    st.caption(
        f"Mean squared cosine of the principal angles; outlined: the best matching one to one, {match.mean:.3f} on "
        f"average (random subspaces {chance:.3f}). Its angles: {match.angles.min():.0f}° to {match.angles.max():.0f}°, "
        f"median {np.median(match.angles):.0f}°."
    )


def _atom_figure(a: Compared, b: Compared, layer: int, other: int) -> None:
    match = measures.pairs.match_atoms(a.run.weights[layer - 1], b.run.weights[other - 1])
    if match is None:
        st.info(f"{a.letter} and {b.letter} have no dictionaries of one width to compare.")
        return
    numbers, chance = (
        np.arange(1.0, 1 + len(match.matched)),
        by_chance(a.run, b.run, measures.pairs.atoms_by_chance, caches.once) or 0.0,
    )
    series = [
        figures.Series("matched atoms", numbers, match.matched, b.color),
        figures.Series("by chance", numbers[[0, -1]], np.full(2, chance), figures.CONTROL_COLOR, dash="dash"),
    ]
    title = f"Dictionaries of layer {layer}: atoms matched one to one"
    said = verdicts.curve(
        match.matched, label=figures.ATOM_LABEL, along=verdicts.Places("pair"), level=("chance", chance)
    )
    plot(
        figures.scale_curves(series, label=figures.ATOM_LABEL, across="pair, the most alike first", title=title),
        "atoms", verdict=said,
    )  # fmt: skip
    st.caption(f"{SCALES['atom_cosine'].ends}. The dashed line: random atoms after the same matching, on average.")


def _role(card: ModelCard, name: str) -> str:
    """What a layer's tensor is, in words; of an unknown one its name. name: without the layer's part in front."""
    words, (stem, _, kind) = card.traits.tensors, name.rpartition(".")
    if name in words or stem not in words:
        return words.get(name, name)
    said = {"bias": "shift", "weight": "scale"} if "norm" in words[stem] else {"bias": "bias", "weight": ""}
    return f"{words[stem]} {said.get(kind, kind)}".rstrip()


def _weight_figure(a: Compared, b: Compared) -> None:
    changes = weight_changes(a.run, b.run, caches.once)
    card, roles = a.view.card, {}
    for one in changes.tensors:
        if (found := re.search(card.traits.shapes.layer, one.name)) and np.isfinite(one.relative):
            role = _role(card, one.name[found.end() :])
            roles.setdefault(role, {})[int(found[1]) + 1] = one.relative
    if not roles:
        st.info(f"{a.letter} and {b.letter} have no tensor of the same name and shape in their layers.")
        return
    series = [
        figures.Series(role, np.array(list(by_layer), float), np.array(list(by_layer.values())), figures.head_color(i))
        for i, (role, by_layer) in enumerate(roles.items())
    ]
    label = figures.WEIGHT_CHANGE_LABEL
    found = {f"{role}, layer {at}": value for role, by_layer in roles.items() for at, value in by_layer.items()}
    names = sorted(found, key=found.__getitem__, reverse=True)
    said = verdicts.ranking(names, np.array([found[name] for name in names]), label)
    figure = figures.scale_curves(series, label=label, across="layer", title="Weights, tensor by tensor")
    plot(figure, "weight_changes", verdict=said)
    st.caption(
        f"‖{b.letter} − {a.letter}‖ / ‖{a.letter}‖: 0 = the same; √2 ≈ 1.41 on average for independent tensors of one "
        f"length. A tensor that is zero in {a.letter} has no relative change and is left out."
    )
    with st.expander("All tensors"):
        rows = [{"tensor": one.name, "relative change": one.relative, "cosine": one.cosine} for one in changes.tensors]
        st.dataframe(rows, hide_index=True, width="stretch", key="tensors")
        for text, names in ((f"only in {a.letter}", changes.only_a), (f"only in {b.letter}", changes.only_b),
                            ("of other shapes", changes.reshaped)):  # fmt: skip
            if names:
                st.caption(f"{text}: {plain(', '.join(names))}")
