"""Pictures and curves of several runs side by side, and two of them over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.lens import PANELS, LensLook, Panel, Section, runs_panel
from explorer.trace import layer_on
from explorer.ui.frame.widgets import heading, verdict_line
from explorer.ui.panels.layers import layer_maps
from explorer.ui.panels.prediction import answer_of
from explorer.ui.sections.compare.sides import Compared, Side
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.photo import View, carry
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, edges_setting, lens_choice, usual_look, view_name
from explorer.words import COMPRESSION, METHODS, SPARSITY, TOKEN_RATE, meaning

ROWS = {
    "attention": "Attention",
    "objects": METHODS["maskcut"],
    "parts": METHODS["pca"],
    "heads": "Every head",
    "rate": TOKEN_RATE,
    "tokens": "Tokens after the layer",
    "curves": "Curves",
    "prediction": "Prediction",
}
FIRST_ROWS = ("attention", "objects", "curves", "prediction")
ROW_TEXTS = {
    "attention": "Move over a picture: all show the attention of the patch at that place of the photo.",
    "objects": "What MaskCut finds on the projections of each, the first object in orange.",
    "parts": "Three components of each one's foreground, turned onto A's: a colour means the same as far as it can.",
    "rate": meaning("rate of a token"),
    "tokens": "A sample: evenly spaced tokens (rows) by the first dimensions (columns). Blue below zero, red above.",
}
BY_INDEX, BY_DEPTH = "number", "depth"
LAYERS_GO = {BY_INDEX: "by number", BY_DEPTH: "by share of the depth"}
SCALED = ("attention", "rate", "tokens")
"""Rows whose pictures have a scale."""
OVER = {"attention": ("attention", ""), "objects": ("objects", "maskcut"), "parts": ("colours", "shared")}
"""What can be laid over each other: name → kind of panel, segmentation."""
LEAST_COLUMNS = 3


@dataclass(frozen=True)
class Look:
    """How the pictures stand beside each other. over: A and each other are laid over each other as well. one_scale: the
    pictures of a row share the ends of their colours."""

    over: bool = True
    one_scale: bool = False


def shown_rows() -> list[str]:
    """Which rows the page shows, kept in the URL as one text."""
    text = url_setting(_row_pills, "Rows", key="rows", default=" ".join(FIRST_ROWS), valid=_are_rows)
    return [row for row in ROWS if row in text.split()]


def _row_pills(label: str, key: str) -> str:
    """Pills whose choice is one text, so that the URL can hold it."""
    state, own = st.session_state, f"{key}_pills"
    if own not in state:
        state[own] = [row for row in ROWS if row in state[key].split()]
    chosen = st.pills(
        label, list(ROWS), selection_mode="multi", key=own, format_func=ROWS.__getitem__, label_visibility="collapsed"
    )
    state[key] = " ".join(row for row in ROWS if row in chosen)
    return state[key]


def _are_rows(text: str) -> bool:
    return set(str(text).split()) <= set(ROWS)


def compared_look(sides: Sequence[Side], rows: Sequence[str]) -> Look:
    """The switches of the pictures, where they change something."""
    look = Look()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(sides) > 1 and set(rows) & set(OVER):
            over = _switch("Lay over A (↔)", "over", len(sides) == 2, "A and each other on one photo: swipe, or let "
                           "them take turns.")  # fmt: skip
            look = replace(look, over=over)
        if len(sides) > 1 and set(rows) & set(SCALED):
            one = _switch("One colour scale", "one_scale", False, "The pictures of a row share the ends of their "
                          "colours; otherwise each has its own, written below it.")  # fmt: skip
            look = replace(look, one_scale=one)
        if {"objects", "parts"} & set(rows):
            edges_setting()
    return look


def _switch(label: str, key: str, default: bool, explanation: str) -> bool:
    return url_setting(st.toggle, label, key=key, default=default, valid=(False, True), help=explanation)


def layers_go(sides: Sequence[Side]) -> bool:
    """Whether layers go together by their share of the depth; asked only where the depths differ."""
    if len({side.view.card.layers for side in sides}) == 1:
        return False
    chosen = url_setting(
        st.segmented_control, "Layers go together", list(LAYERS_GO), key="layers_by", default=BY_DEPTH,
        valid=list(LAYERS_GO), required=True, format_func=LAYERS_GO.__getitem__,
    )  # fmt: skip
    return chosen == BY_DEPTH


def compare_lens(sides: Sequence[Side], rows: Sequence[str], by_depth: bool, look: Look) -> None:
    """Every chosen row with a picture of each side; pointer, layer and heads are shared. The curves are a lens of their
    own below the pictures, which are drawn before the controls have run."""
    first, choice = sides[0].view, lens_choice(sides[0].view)
    sections = [section for row in rows for section in compare_sections(row, sides, look)]
    parts, numbers = "parts" in rows, bool({"rate", "tokens"} & set(rows))
    drawn = usual_look()
    maps = partial(compare_maps, like=first, by_depth=by_depth, parts=parts, numbers=numbers, edges=drawn.edges)
    finish = draw_lens(PhotoLens(
        first, choice, sections, drawn, key="compare_lens", others=[side.view for side in sides[1:]],
        by_depth=by_depth, maps=maps if parts or numbers else None,
    ))  # fmt: skip
    if "curves" in rows:
        draw_lens(PhotoLens(first, choice, [curves_section(sides)], LensLook(), key="compare_curves", toolbar=()))()
    finish()


def compare_sections(row: str, sides: Sequence[Side], look: Look) -> list[Section]:
    """One row of the page: a panel for each side, and beside two sides the one laid over the other."""
    if row == "heads":
        return [Section(title=f"Every head of {side.title}", strip=True, view=view_name(side.view)) for side in sides]
    if row in ("curves", "prediction"):  # drawn below the lens
        return []
    panel = {
        "attention": PANELS["attention"], "objects": PANELS["objects"],
        "parts": Panel("colours", "", "shared"), "rate": Panel("map", "", "rate", scale="rate", unit="nats"),
        "tokens": Panel("matrix", "", "z_next", scale="signed"),
    }[row]  # fmt: skip
    names = [view_name(side.view) for side in sides]
    like = tuple(names) if look.one_scale else ()
    panels = [replace(panel, title=side.title, view=name, like=like) for side, name in zip(sides, names, strict=True)]
    over = [_over(row, sides[0], side, like) for side in sides[1:]] if row in OVER and look.over else []
    if len(sides) == 2:
        panels, over = [*panels, *over], []
    wide, columns = row == "tokens", 0 if row == "tokens" else max(len(panels), LEAST_COLUMNS)
    sections = [Section(panels, ROWS[row], ROW_TEXTS.get(row, ""), wide=wide, columns=columns)]
    return [*sections, Section(over, columns=columns)] if over else sections


def _over(row: str, a: Side, b: Side, like: tuple[str, ...]) -> Panel:
    """A and another side laid over each other on one photo."""
    kind, source = OVER[row]
    return Panel(
        "versus", f"{a.letter} ↔ {b.letter}", source, view=view_name(a.view), versus=view_name(b.view), over=kind,
        names=(a.letter, b.letter), like=like,
    )  # fmt: skip


def curves_section(sides: Sequence[Side]) -> Section:
    """Both published curves of all sides, with the band of the controls of A and of those built alike."""
    own = [side.view.curves() for side in sides]
    alike = same_build(sides)
    controls = [side.view.curves(control=True) for side in alike]
    names = [(side.letter, side.color) for side in sides]
    apart = [side.letter for side in sides if side not in alike]
    charts = []
    for i, (title, label) in enumerate(((COMPRESSION, figures.RATE_LABEL), (SPARSITY, figures.NONZERO_LABEL))):
        lines = [(name, color, values[i]) for (name, color), values in zip(names, own, strict=True)]
        charts.append(runs_panel(title, label, lines, [values[i] for values in controls], apart))
    return Section(charts, ROWS["curves"], curves_note(sides, alike), wide=True)


def same_build(sides: Sequence[Compared]) -> list[Compared]:
    """A and those that are built as it is, so that their R^c can be held against each other."""
    return [side for side in sides if _build(side) == _build(sides[0])]


def curves_note(sides: Sequence[Compared], alike: Sequence[Compared]) -> str:
    """What cannot be held against each other in the curves."""
    said, others = [], " and ".join(side.letter for side in sides if side not in alike)
    if others:
        said.append(
            f"Rᶜ depends on widths and heads: that of {others} cannot be held against A's. The control is built as A."
        )
    if dense := " and ".join(side.letter for side in sides if not side.view.card.has_ista):
        said.append(f"Nothing in {dense} sets an entry to zero: there is no ISTA step, so all are non-zero.")
    return " ".join(said)


def _build(side: Compared) -> tuple[str, int, int, int]:
    """What a network's R^c can be compared within."""
    card = side.view.card
    return card.family, card.layers, card.dim, card.heads


def compare_maps(
    view: View, layer: int, like: View, by_depth: bool, parts: bool, numbers: bool, edges: str
) -> dict[str, Any]:
    """What the rows of parts and numbers show of one side's layer. like: A, whose colours the parts take."""
    found: dict[str, Any] = {}
    if parts:
        home = layer_on(layer, view.card.layers, like.card.layers, by_depth)
        found["shared"] = carry(view, _parts(view, layer, like, home), edges)
    if numbers:
        of_layer = caches.once(view.key, layer_maps, view, layer=layer)
        found |= {name: of_layer[name] for name in ("rate", "z_next")}
    return found


def _parts(view: View, layer: int, like: View, home: int) -> measures.patches.Segments:
    """The parts of a view's layer in the colours of another view's layer."""
    sides = [
        (one.trace.projections(number), measures.patches.patches_of(one.trace, one.prepared))
        for one, number in ((like, home), (view, layer))
    ]
    rgb = measures.pairs.shared_colours(*sides[0], *sides[1])
    colours = rgb.rgb * rgb.foreground[..., None]
    return measures.patches.Segments("pca", layer, None, rgb.foreground.astype(np.uint8), colours)


def prediction_table(sides: Sequence[Side]) -> None:
    """The most probable classes of each side, with their probability in all."""
    heading("Prediction", "The five most probable classes of each, softmax of the logits over its own classes.")
    if headless := [side for side in sides if not side.view.card.has_head]:
        names = " and ".join(side.letter for side in headless)
        st.caption(f"{names} {'has' if len(headless) == 1 else 'have'} no head: features alone, no class.")
    sides = [side for side in sides if side.view.card.has_head]
    if not sides:
        return
    chances: list[dict[str, float]] = []
    for side in sides:
        card, shares = side.view.card, measures.prediction.probabilities(side.view.trace.logits[0])
        chances.append({card.class_name(i): float(share) for i, share in enumerate(shares)})
    top = dict.fromkeys(name for one in chances for name in sorted(one, key=one.__getitem__, reverse=True)[:5])
    said = [f"{side.letter}: {answer_of(side.view)}" for side in sides]
    verdict_line(verdicts.sentence(said), "compared_prediction")
    probability_table(sides, chances, list(top), "class")
    if any(name not in one for one in chances for name in top):
        known = ", ".join(f"{side.letter} {len(one)}" for side, one in zip(sides, chances, strict=True))
        st.caption(f"An empty cell: the model does not know the class. Classes: {known}.")


def probability_table(
    sides: Sequence[Compared], chances: Sequence[dict[str, float]], shown: Sequence[str], what: str
) -> None:
    """Probabilities as bars, a column for each side. chances: of every side by name; what: of what the names are."""
    rows = [
        {what: name, **{side.title: one.get(name) for side, one in zip(sides, chances, strict=True)}} for name in shown
    ]
    column = partial(st.column_config.ProgressColumn, min_value=0.0, max_value=1.0, format="percent")
    st.dataframe(
        rows, hide_index=True, width="stretch", height="content", key="compared_shares",
        column_config={side.title: column() for side in sides},
    )  # fmt: skip
