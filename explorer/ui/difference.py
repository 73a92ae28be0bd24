"""How far apart the compared runs are: numbers for a layer, and maps over layers, heads and weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from explorer import figures, measures, zoo
from explorer.lens import PANELS, LensLook, Panel, Section, layer_on
from explorer.trace import Array
from explorer.ui import caches
from explorer.ui.common import plain, plot
from explorer.ui.compared import DRAWN, Side
from explorer.ui.lens import draw_lens, lens_choice
from explorer.ui.remembered import remembered
from explorer.ui.view import View

PHOTO_TEXT = (
    "How much each patch looks at other places than in A: Jensen–Shannon divergence of its attention, 0 = the same "
    "places, 1 = no place shared. Heads count by their number, so choose one only for models of one run."
)
TABLE_CAPTION = (
    "At the layer of the slider, and where depths differ its counterpart. *By chance*: CKA of shuffled tokens; heads "
    "and atoms of random directions after the same matching. Heads and dictionaries are compared as directions of the "
    "residual stream, so only models of one run share coordinates for sure."
)
_LAYER = re.compile(r"(?:layers|blocks)\.(\d+)\.(.*)")
"""Number and role of a tensor that belongs to a layer, in the official names."""


def difference_lens(sides: Sequence[Side], by_depth: bool) -> tuple[int, tuple[int, ...]]:
    """Where on the photo attention differs from A's; returns the layer and heads that are chosen in it."""
    a, choice = sides[0], lens_choice(sides[0].view)
    panels = [PANELS["photo"], PANELS["attention"]]
    panels += [Panel("map", f"A → {s.title}", f"js_{s.letter}", scale="rate", unit="bits") for s in sides[1:]]
    others = tuple((side.letter, side.view) for side in sides[1:])
    maps = partial(_attention_maps, of=a.view, others=others, heads=choice.heads, by_depth=by_depth)
    section = Section(panels, "Attention, A against the others", PHOTO_TEXT, columns=max(len(panels), 4))
    draw_lens(a.view, choice, [section], LensLook(), key="difference_lens", maps=maps)()
    return choice.layer, choice.heads


def _attention_maps(
    view: View, layer: int, of: View, others: tuple[tuple[str, View], ...], heads: tuple[int, ...], by_depth: bool
) -> dict[str, Array]:
    if view.key != of.key:
        return {}
    return {
        f"js_{letter}": _attention(view, other, layer, _counterpart(view, other, layer, by_depth), heads).patches
        for letter, other in others
    }


def _counterpart(a: View, b: View, layer: int, by_depth: bool) -> int:
    return layer_on(layer, a.card.layers, b.card.layers, by_depth)


def _attention(a: View, b: View, layer: int, other: int, heads: tuple[int, ...]) -> measures.AttentionChange:
    return caches.once(a.key, _attention_change, a, b=b, layer=layer, other=other, heads=heads)


def _attention_change(a: View, b: View, layer: int, other: int, heads: tuple[int, ...]) -> measures.AttentionChange:
    places = measures.patches_of(a.trace, a.prepared), measures.patches_of(b.trace, b.prepared)
    return measures.compare_attention(a.trace.query_key(layer), b.trace.query_key(other), *places, heads or None)


def difference_table(sides: Sequence[Side], layer: int, heads: tuple[int, ...], by_depth: bool) -> None:
    """Every difference from A in a line, with what chance gives and what its scale means."""
    a = sides[0]
    columns = {side.title: _differences(a, side, layer, heads, by_depth) for side in sides[1:]}
    first, rows = columns[sides[1].title], []
    for i, (name, scale) in enumerate(MEANINGS):
        values = {f"A → {title}": _number(cells[i][0]) for title, cells in columns.items()}
        rows.append({"from A to the others": name, **values, "by chance": _number(first[i][1]), "scale": scale})
    st.dataframe(rows, hide_index=True, width="stretch", key="differences")
    notes = [note for side in sides[1:] if (note := _note(a, side))]
    st.caption(" ".join([TABLE_CAPTION, *notes]))


def _number(value: float | None) -> str:
    """Three digits behind the point, ranks as whole numbers, nothing where there is none."""
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


MEANINGS = (
    ("prediction: KL (nats)", "0: the same; no limit"),
    ("prediction: rank of A's first class", "1: first there, too"),
    ("attention of all patches: JS (bits)", "0: the same places, 1: none shared"),
    ("attention of CLS: JS (bits)", "0: the same places, 1: none shared"),
    ("objects of MaskCut: IoU", "0: no overlap, 1: the same pixels"),
    ("tokens: CKA", "0: unrelated, 1: equal up to rotation, scale"),
    ("tokens: Procrustes distance", "0: equal up to rotation, scale, 2: unrelated"),
    ("subspaces: overlap of matched heads", "0: orthogonal, 1: the same spans"),
    ("dictionary: |cos| of matched atoms", "0: orthogonal, 1: equal up to sign"),
    ("weights: median relative change", "0: the same, √2: independent; no limit"),
)
"""Name with its unit, and what the ends of its scale mean."""
Cell = tuple[float | None, float | None]
"""A difference and its chance level, None where there is none."""


def _differences(a: Side, b: Side, layer: int, heads: tuple[int, ...], by_depth: bool) -> tuple[Cell, ...]:
    """The rows of MEANINGS for one pair."""
    other = _counterpart(a.view, b.view, layer, by_depth)
    prediction, attention = predictions(a, b), _attention(a.view, b.view, layer, other, heads)
    first = min(prediction.classes, key=lambda one: one.rank_a, default=None)
    likeness = cka(a.view, b.view)
    distance = caches.once(a.view.key, _procrustes, a.view, b=b.view, layer=layer, other=other)
    weights = a.layer_weights()[layer - 1], b.layer_weights()[other - 1]
    match, atoms = measures.match_heads(*weights), measures.match_atoms(*weights)
    changes = weight_changes(a, b).tensors
    return (
        (prediction.divergence, None),
        (first.rank_b if first else None, None),
        (attention.mean, None),
        (attention.cls, None),
        (_mask_overlap(a.view, b.view, layer, other), None),
        (float(likeness.values[layer - 1, other - 1]), float(likeness.chance[layer - 1, other - 1])),
        (distance, None),
        (match.mean if match else None, _chance(a, b, measures.heads_by_chance)),
        (atoms.mean if atoms else None, _chance(a, b, measures.atoms_by_chance)),
        (float(np.median([one.relative for one in changes])) if changes else None, None),
    )


def predictions(a: Side, b: Side) -> measures.PredictionChange:
    """KL, probabilities and ranks over the classes that both know."""
    logits, names = zip(*(_scores(side.view) for side in (a, b)), strict=True)
    return measures.compare_predictions(*logits, *names)


def _scores(view: View) -> tuple[Array, list[str]]:
    logits = view.trace.logits[0]
    return logits, [view.card.class_name(i) for i in range(len(logits))]


def cka(a: View, b: View) -> measures.CkaMap:
    """CKA of what every layer of A leaves with what every layer of B leaves."""
    return caches.once(a.key, _cka, a, b=b)


def _cka(a: View, b: View) -> measures.CkaMap:
    here, there = measures.patches_of(a.trace, a.prepared), measures.patches_of(b.trace, b.prepared)
    own = [a.trace.z(layer + 1) for layer in range(1, a.card.layers + 1)]
    others = [measures.carry_tokens(b.trace.z(layer + 1), there, here) for layer in range(1, b.card.layers + 1)]
    return measures.cka_map(own, others)


def _procrustes(a: View, b: View, layer: int, other: int) -> float:
    here, there = measures.patches_of(a.trace, a.prepared), measures.patches_of(b.trace, b.prepared)
    return measures.procrustes_distance(a.trace.z(layer + 1), measures.carry_tokens(b.trace.z(other + 1), there, here))


def _mask_overlap(a: View, b: View, layer: int, other: int) -> float:
    """IoU of the two foregrounds on A's pixels."""
    masks = []
    for view, number in ((a, layer), (b, other)):
        found = view.measured(measures.segment_trace, method="maskcut", layer=number, head=None, objects=3)
        labels = measures.on_pixels(found, view.trace, view.prepared.height, view.prepared.width).labels
        rows, columns = (
            ((np.arange(size) + 0.5) * own / size).astype(int)
            for size, own in zip((a.prepared.height, a.prepared.width), labels.shape, strict=True)
        )
        masks.append(labels[rows[:, None], columns] > 0)
    return measures.iou(masks[0], masks[1])


def _chance(a: Side, b: Side, level: Callable[..., measures.Chance | None]) -> float | None:
    """A chance level, which depends on the sizes of the two models alone."""
    found = caches.once(f"{a.view.card.sha256}|{b.view.card.sha256}", level, a.layer_weights()[0], b.layer_weights()[0])
    return found.mean if found else None


def weight_changes(a: Side, b: Side) -> measures.WeightChanges:
    """Every tensor of A against the same of B."""
    names = [f"{side.view.card.sha256}{side.slot.weights == DRAWN}" for side in (a, b)]
    return caches.once("|".join(names), _weight_changes, a, b)


def _weight_changes(a: Side, b: Side) -> measures.WeightChanges:
    return measures.weight_changes(*(_tensors(side) for side in (a, b)))


def _tensors(side: Side) -> dict[str, Array]:
    card = side.view.card
    return zoo.draw_control(card) if side.slot.weights == DRAWN else zoo.load_weights(card, card.init)


def _note(a: Side, b: Side) -> str:
    """What cannot be compared between two models, and why."""
    card, other = a.view.card, b.view.card
    notes = []
    if not set(card.classes) & set(other.classes) and predictions(a, b).shared == 0:
        notes.append(f"A and {b.letter} know no class in common, so their predictions cannot be compared.")
    elif len(set(card.classes) & set(other.classes)) < max(len(card.classes), len(other.classes)):
        notes.append(f"Predictions of A and {b.letter} are compared on the {predictions(a, b).shared} classes of both.")
    if card.dim != other.dim:
        notes.append(f"A is {card.dim} wide and {b.letter} {other.dim}: subspaces and atoms share no space.")
    return " ".join(notes)


def difference_figures(sides: Sequence[Side], layer: int, by_depth: bool) -> None:
    """One pair in four pictures: all layers with all layers, heads with heads, atoms, and weights."""
    a, letters = sides[0], [side.letter for side in sides[1:]]
    letter = letters[0]
    if len(letters) > 1:
        letter = remembered(
            st.segmented_control, "A against", letters, key="pair", default=letter, valid=letters, required=True,
            format_func=lambda one: next(side.title for side in sides if side.letter == one),
        )  # fmt: skip
    b = next(side for side in sides if side.letter == letter)
    other = _counterpart(a.view, b.view, layer, by_depth)
    left, right = st.columns(2)
    with left:
        layers = (f"layer of {a.letter}", f"layer of {b.letter}")
        alike = cka(a.view, b.view)
        title = f"Tokens of every layer, {a.letter} and {b.letter}"
        plot(figures.cross_matrix(alike.values, label=figures.CKA_LABEL, limits=(0, 1), axes=layers, title=title,
                                  marked=[(layer, other)]), "cka")  # fmt: skip
        st.caption(
            f"Linear CKA of what the layers leave on this photo; shuffled tokens would have {alike.chance.mean():.3f}. "
            "A bright diagonal: the two do the same, layer by layer."
        )
    with right:
        _head_figure(a, b, layer, other)
    left, right = st.columns(2)
    with left:
        _atom_figure(a, b, layer, other)
    with right:
        _weight_figure(a, b)


def _head_figure(a: Side, b: Side, layer: int, other: int) -> None:
    match = measures.match_heads(a.layer_weights()[layer - 1], b.layer_weights()[other - 1])
    if match is None:
        st.info(f"{a.letter} and {b.letter} have other widths, so their subspaces share no space.")
        return
    axes, title = (f"head of {a.letter}", f"head of {b.letter}"), f"Subspaces of layer {layer}: overlap of the heads"
    plot(figures.cross_matrix(match.overlap, label=figures.SPAN_OVERLAP_LABEL, limits=(0, 1), axes=axes, title=title,
                              marked=match.pairs), "heads_overlap")  # fmt: skip
    chance = _chance(a, b, measures.heads_by_chance)
    st.caption(
        f"Mean squared cosine of the principal angles; outlined: the best matching one to one, {match.mean:.3f} on "
        f"average (random subspaces {chance:.3f}). Its angles: {match.angles.min():.0f}° to {match.angles.max():.0f}°, "
        f"median {np.median(match.angles):.0f}°."
    )


def _atom_figure(a: Side, b: Side, layer: int, other: int) -> None:
    match = measures.match_atoms(a.layer_weights()[layer - 1], b.layer_weights()[other - 1])
    if match is None:
        st.info(f"{a.letter} and {b.letter} have no dictionaries of one width to compare.")
        return
    numbers, chance = np.arange(1.0, 1 + len(match.matched)), _chance(a, b, measures.atoms_by_chance) or 0.0
    series = [
        figures.Series("matched atoms", numbers, match.matched, b.color),
        figures.Series("by chance", numbers[[0, -1]], np.full(2, chance), figures.CONTROL_COLOR, dash="dash"),
    ]
    title = f"Dictionaries of layer {layer}: the atoms, matched one to one"
    plot(
        figures.scale_curves(series, label=figures.ATOM_LABEL, across="pair, the most alike first", title=title),
        "atoms",
    )
    st.caption(
        "1: the same direction up to its sign. The dashed line: random atoms after the same matching, on average."
    )


def _weight_figure(a: Side, b: Side) -> None:
    changes = weight_changes(a, b)
    roles: dict[str, dict[int, float]] = {}
    for one in changes.tensors:
        if found := _LAYER.search(one.name):
            roles.setdefault(found[2], {})[int(found[1]) + 1] = one.relative
    if not roles:
        st.info(f"{a.letter} and {b.letter} have no tensor of the same name and shape in their layers.")
        return
    series = [
        figures.Series(role, np.array(list(by_layer), float), np.array(list(by_layer.values())), figures.head_color(i))
        for i, (role, by_layer) in enumerate(roles.items())
    ]
    label = figures.WEIGHT_CHANGE_LABEL
    plot(figures.scale_curves(series, label=label, across="layer", title="Weights, tensor by tensor"), "weight_changes")
    st.caption("‖B − A‖ / ‖A‖: 0 = the same; √2 ≈ 1.41 on average for independent tensors of one length.")
    with st.expander("All tensors"):
        rows = [{"tensor": one.name, "relative change": one.relative, "cosine": one.cosine} for one in changes.tensors]
        st.dataframe(rows, hide_index=True, width="stretch", key="tensors")
        for text, names in ((f"only in {a.letter}", changes.only_a), (f"only in {b.letter}", changes.only_b),
                            ("of other shapes", changes.reshaped)):  # fmt: skip
            if names:
                st.caption(f"{text}: {plain(', '.join(names))}")
