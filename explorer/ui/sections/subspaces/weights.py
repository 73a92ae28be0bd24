"""Geometry of the weights, a section of a page: what the subspaces and the dictionary look like by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.measures.weights import LayerGeometry
from explorer.trace import Array, LayerWeights
from explorer.ui.frame.widgets import plot
from explorer.ui.sections.subspaces.token_axes import token_axes, token_axes_curves
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.run import RunView

ONE, ALL = "This layer", "Every layer"
SMALLEST, MEAN = "Smallest angle", "Mean angle"
UNIT, LEARNED = "Columns of length 1", "As learned"
COSINE_TOP = 0.4
"""Where the colours of |cos| end on every map, so that layers, models and controls compare."""
MEAN_COSINE_TOP = 0.25
"""The same where a cell is a mean: single large entries fade there."""
MAP_SIDE, SMALL_SIDE = 192, 66


def weight_geometry(view: RunView, layer: int) -> None:
    """The section: the subspaces, their angles and spectra, the dictionary, and what the tokens use of it."""
    st.markdown("Do the subspaces point apart, and is the dictionary a set of orthogonal directions?")
    if note := view.card.traits.notes.weights:
        st.info(note)
    span = url_setting(
        st.segmented_control, "Show the geometry of", (ONE, ALL), key="geometry", default=ONE, valid=(ONE, ALL),
        required=True,
    )  # fmt: skip
    if span == ALL:
        _every_layer(view, layer)
        return
    _subspaces(view, layer)
    _angles_and_spectra(view, layer)
    if view.card.has_ista:
        _dictionary(view, layer)
    token_axes(view, layer)


def geometry(view: RunView, layer: int, control: bool = False) -> LayerGeometry:
    """A layer's geometry, or its control's: once for each model, as no photo changes it."""
    weights = caches.layer_weights(view.card, control)[layer - 1]
    return caches.once(f"{view.card.sha256}|{control}|{layer}", measures.weights.layer_geometry, weights)


def pair(figure: Callable[..., go.Figure], key: str, view: RunView, **options: Any) -> None:
    """The same figure of the trained model and of its control, side by side; figures of weights, whatever the photo."""
    for column, control in zip(st.columns(2), (False, True), strict=True):
        drawn = caches.once(view.card.sha256, figure, view, control=control, **options)
        with column:
            plot(drawn, f"{key}_{control}")


def _who(control: bool) -> str:
    return figures.CONTROL_NAME if control else "trained"


def _subspaces(view: RunView, layer: int) -> None:
    pair(_cosine_map, "cosines", view, layer=layer)
    now, other = geometry(view, layer), geometry(view, layer, control=True)
    chance = np.sqrt(2 / (np.pi * view.card.dim))
    st.caption(
        f"Every cell compares two of the {view.card.heads} × {view.card.head_dim} learned directions: 0 is a right "
        "angle, 1 the same line. The theory wants dark between the outlined blocks (different subspaces share "
        f"nothing). Mean between heads: **{now.between:.3f}**, control {other.between:.3f}; within a head: "
        f"**{now.within:.3f}**, control {other.within:.3f}; directions drawn at random: {chance:.3f}. Below the "
        "control: the subspaces learned to keep apart; above: they share directions. The colours end at "
        f"{COSINE_TOP:g}." + _cell_note(_head_cell(view, MAP_SIDE))
    )


def _cosine_map(view: RunView, layer: int, control: bool) -> go.Figure:
    title = f"|U<sup>⊤</sup>U| of layer {layer}, {_who(control)}"
    cell = _head_cell(view, MAP_SIDE)
    return figures.matrix_map(
        measures.weights.block_max(geometry(view, layer, control).cosines, cell),
        label=figures.COLUMN_COSINE_LABEL, top=COSINE_TOP, title=title, heads=view.card.heads, cell=cell,
    )  # fmt: skip


def _head_cell(view: RunView, side: int) -> int:
    """Columns in a cell of a map of at most `side` cells: the least number that divides a head evenly."""
    width, columns = view.card.head_dim, view.card.heads * view.card.head_dim
    return next((cell for cell in range(1, width) if width % cell == 0 and columns // cell <= side), width)


def _cell_note(cell: int, kind: str = "largest") -> str:
    return "" if cell == 1 else f" Each cell shows the {kind} of {cell} × {cell} entries."


def _angles_and_spectra(view: RunView, layer: int) -> None:
    now, other = geometry(view, layer), geometry(view, layer, control=True)
    kind = url_setting(
        st.segmented_control, "Angle between two subspaces", (SMALLEST, MEAN), key="angle", default=SMALLEST,
        valid=(SMALLEST, MEAN), required=True,
    )  # fmt: skip
    angles, spectra = st.columns(2)
    with angles:
        if view.card.heads == 1:
            st.info("There is one head, so there are no two subspaces to compare.")
        else:
            _angles(view, now, other, layer, kind)
    with spectra:
        curves = figures.head_curves(
            now.singular_values, other.singular_values, label=figures.SINGULAR_LABEL, across="direction",
            title=f"Singular values of U<sub>k</sub>, layer {layer}",
        )  # fmt: skip
        plot(curves, "singular_values", verdict=verdicts.steepest(now.singular_values, other.singular_values))
        st.caption(
            "How strongly a head reads each of its directions. A flat line: all alike, as the theory's orthonormal "
            "$U_k$ would have it. A steep one: the head listens to a few directions more than to the rest. Random "
            "weights already slope (the grey band), so look for what lies outside it."
        )


def _angles(view: RunView, now: LayerGeometry, other: LayerGeometry, layer: int, kind: str) -> None:
    trained, control = (g.angles[..., 0] if kind == SMALLEST else g.angles.mean(axis=-1) for g in (now, other))
    figure = figures.pair_matrix(
        trained, label=figures.ANGLE_LABEL, limits=(0, 90), title=f"{kind} between heads, layer {layer}", text=".0f"
    )
    plot(figure, "angles", verdict=verdicts.nearest_pair([trained], [control], first=layer))
    st.caption(
        "90° means that two subspaces share nothing, 0° that they share a direction. Mean of all pairs: "
        f"**{measures.weights.mean_between(trained):.1f}°**, control "
        f"{measures.weights.mean_between(control):.1f}°. Even random subspaces of {view.card.head_dim} directions "
        f"in {view.card.dim} come close to each other somewhere, so compare with the control and not with 90°."
    )


def _dictionary(view: RunView, layer: int) -> None:
    scaling = url_setting(
        st.segmented_control, "Dictionary", (UNIT, LEARNED), key="dictionary", default=UNIT, valid=(UNIT, LEARNED),
        required=True,
    )  # fmt: skip
    pair(_dictionary_map, "dictionary", view, layer=layer, unit=scaling == UNIT)
    now, other = geometry(view, layer).dictionary, geometry(view, layer, control=True).dictionary
    assert now is not None  # has_ista
    assert other is not None
    bound = (
        f" {_dictionary_size(view)} can't all be orthogonal: the least possible is {now.welch:.2f}."
        if now.welch
        else ""
    )
    st.caption(
        "The theory takes the dictionary's columns for orthogonal and of length 1: a bright diagonal, all else "
        f"dark. Mean |cos| of two columns: **{now.mean_cosine:.3f}**, control {other.mean_cosine:.3f}; largest: "
        f"**{now.coherence:.2f}**, control {other.coherence:.2f}.{bound} Length of a column: **{now.length:.2f}**, "
        f"control {other.length:.2f}. Distance of $D^\\top D$ from the identity, $\\|D^\\top D - I\\|_F / \\sqrt m$: "
        f"**{now.deviation:.2f}**, control {other.deviation:.2f} (0 is orthonormal; columns longer than 1 count into "
        f"it)." + _cell_note(_dictionary_cell(view))
    )


def _dictionary_size(view: RunView) -> str:
    """How many columns the dictionary has in how many dimensions, in words."""
    return f"{view.card.codes_dim or view.card.dim} columns in {view.card.dim} dimensions"


def _dictionary_map(view: RunView, layer: int, unit: bool, control: bool) -> go.Figure:
    cell = _dictionary_cell(view)
    title = f"D<sup>⊤</sup>D of layer {layer}, {_who(control)}"
    trained, drawn = (_dictionary_gram(view, layer, unit, c) for c in (control, False))
    top = COSINE_TOP if unit else float(drawn.max()) or 1.0
    label = figures.COLUMN_COSINE_LABEL if unit else figures.GRAM_LABEL
    return figures.matrix_map(trained, label=label, top=top, title=title, cell=cell)


def _dictionary_cell(view: RunView) -> int:
    return -(-(view.card.codes_dim or view.card.dim) // MAP_SIDE)


def _dictionary_gram(view: RunView, layer: int, unit: bool, control: bool) -> Array:
    """|DᵀD| as it is drawn, reduced to the map's side."""
    return caches.once(
        f"{view.card.sha256}|{control}", _gram, caches.layer_weights(view.card, control), layer=layer, unit=unit,
        cell=_dictionary_cell(view),
    )  # fmt: skip


def _gram(weights: Sequence[LayerWeights], layer: int, unit: bool, cell: int) -> Array:
    dictionary = weights[layer - 1].dictionary
    assert dictionary is not None  # has_ista
    gram = measures.weights.absolute_cosines(dictionary) if unit else np.abs(dictionary.T @ dictionary)
    return measures.weights.block_max(gram, cell)


def _every_layer(view: RunView, layer: int) -> None:
    with st.spinner("Measuring every layer…"):
        figure = caches.once(view.card.sha256, _all_cosine_maps, view, selected=layer)
    plot(figure, "all_cosines", verdict=_most_coherent(view))
    st.caption(
        "All layers on one scale. Dark outside the outlined blocks: the subspaces keep apart. The papers show that "
        "CRATE's maps become more block-like with depth; the curves below say whether this model's do, in numbers."
        + _cell_note(_small_cell(view), "mean")
    )
    overlap, dictionary = st.columns(2)
    with overlap:
        chance = view.card.head_dim / view.card.dim
        figure, said = _curve(
            view,
            layer,
            lambda g: measures.weights.mean_between(g.overlap),
            figures.SPAN_OVERLAP_LABEL,
            "Overlap of the subspaces",
            ("random subspaces", chance),
        )
        named = figures.reference_line(figure, chance, "random subspaces", view.card.layers)
        plot(named, "overlap", verdict=said)
        st.caption(
            "How much of one subspace lies inside another, mean of all pairs (mean cos² of their angles). 0: they "
            f"share nothing; 1: they are the same. Random ones have p/d = {chance:.1%}. Below: incoherent, as the "
            "theory assumes. Above: the heads look at the same directions."
        )
    with dictionary:
        if view.card.has_ista:
            _dictionary_curve(view, layer)
    token_axes_curves(view, layer)


def _dictionary_curve(view: RunView, layer: int) -> None:
    figure, said = _curve(
        view,
        layer,
        lambda g: g.dictionary.mean_cosine,
        figures.COLUMN_COSINE_LABEL,
        "Dictionary: how far from orthogonal",
    )
    plot(figure, "all_dictionary", verdict=said)
    st.caption("Mean |cos| of two columns of $D$, whatever their lengths. 0: orthogonal, as the theory assumes.")


def _small_cell(view: RunView) -> int:
    return _head_cell(view, min(SMALL_SIDE, int(np.sqrt(figures.MAX_CELLS / view.card.layers))))


def _all_cosine_maps(view: RunView, selected: int) -> go.Figure:
    cell = _small_cell(view)
    maps = [measures.weights.block_mean(geometry(view, n).cosines, cell) for n in range(1, view.card.layers + 1)]
    return figures.matrix_row(
        maps, label=figures.COLUMN_COSINE_LABEL, top=MEAN_COSINE_TOP, title="|U<sup>⊤</sup>U| of every layer",
        heads=view.card.heads, cell=cell, selected=selected,
    )  # fmt: skip


def _most_coherent(view: RunView) -> str:
    """The two subspaces of all layers that share a direction most nearly."""
    layers = range(1, view.card.layers + 1)
    ours, random = ([geometry(view, n, c).angles[..., 0] for n in layers] for c in (False, True))
    return verdicts.nearest_pair(ours, random)


def _curve(
    view: RunView,
    layer: int,
    number: Callable[..., float],
    label: str,
    title: str,
    level: tuple[str, float] | None = None,
) -> tuple[go.Figure, str]:
    """A number of every layer's geometry beside the control's, and what it says. level: as verdicts.curve's."""
    layers = range(1, view.card.layers + 1)
    values, control = (np.array([number(geometry(view, n, c)) for n in layers]) for c in (False, True))
    figure = figures.layer_curve(values, control, label=label, title=title, selected=layer)
    return figure, verdicts.curve(values, control, label=label, level=level)
