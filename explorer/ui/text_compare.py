"""Two models on one text: what each foretells, token by token, and how far apart they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer.card import ModelCard
from explorer.compare import number_text
from explorer.compare_text import attention_change, foretold_change, text_differences
from explorer.errors import ExplorerError
from explorer.inputs import prepare_tokens, token_name
from explorer.measures import probabilities
from explorer.trace import Array, Knobs
from explorer.ui import caches
from explorer.ui.coloured_text import coloured_text
from explorer.ui.common import heading, plain
from explorer.ui.compared import COLORS, DRAWN, TRAINED, TURNED, WEIGHTS, Compared, Slot, first_partner, name_and_epoch
from explorer.ui.difference import TABLE_CAPTION, counterpart, difference_figures
from explorer.ui.remembered import remembered
from explorer.ui.text_view import TextView, make_text_view
from explorer.ui.turned import knobs_now

TINTS = {"foretold": "45 125 210", "attention": "236 112 32"}
STRONGEST = 0.8


def text_sides(view: TextView) -> tuple[Compared, Compared]:
    """A as the sidebar has it, and B from its boxes, on the same tokens."""
    cards = {card.name: card for card in caches.cards("text")}
    partner, drawn = first_partner(view.card, list(cards.values()))
    left, right = st.columns(2)
    name = remembered(
        left.selectbox, "B", list(cards), key="text_b", default=partner, valid=list(cards),
        format_func=lambda one: name_and_epoch(cards[one]),
    )  # fmt: skip
    weights = remembered(
        right.selectbox, "Weights of B", list(WEIGHTS), key="text_b_runs", default=DRAWN if drawn else TRAINED,
        valid=list(WEIGHTS), format_func=WEIGHTS.__getitem__,
    )  # fmt: skip
    own = Slot("A", view.card, TURNED if view.turned else TRAINED)
    slot = Slot("B", cards[name], weights)
    return Compared(own, view, COLORS[0]), Compared(slot, _other(view, slot.card, weights), COLORS[1])


def _other(view: TextView, card: ModelCard, weights: str) -> TextView:
    """The run of B on the tokens of A. Raises ExplorerError for a model of other tokens or of a shorter context."""
    if (card.tokenizer, card.vocabulary) != (view.card.tokenizer, view.card.vocabulary):
        raise ExplorerError(f"{card.name} reads other tokens than {view.card.name}: only models of one tokenizer fit.")
    knobs = knobs_now(card) if weights == TURNED else Knobs()
    prepared = replace(prepare_tokens(view.prepared.data, card.vocabulary, card.context, view.name), pieces=view.pieces)
    other = make_text_view(card, prepared, knobs)
    if weights != DRAWN:
        return other
    return replace(other, trace=other.control_trace(), key=f"{other.key}|{DRAWN}")


def text_comparison(view: TextView, sides: Sequence[Compared], layer: int) -> None:
    """The text in the colours of its differences, every difference in a line, and layers, heads, atoms and weights."""
    a, b = sides
    other = counterpart(a, b, layer, by_depth=True)
    rows = text_differences(a.run, b.run, layer, other, once=caches.once)
    change, attention = (
        foretold_change(a.run, b.run, caches.once),
        attention_change(a.run, b.run, layer, other, (), caches.once),
    )
    heading("Where they differ", f"A: {plain(a.name)}. B: {plain(b.name)}. Point at a token to read the numbers.")
    told = caches.once(f"{a.view.key}|{b.view.key}", _told, view.card, a.view.trace.logits[0], b.view.trace.logits[0])
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**What comes next**: KL(A ‖ B) at each place")
        _tinted(view.pieces, change.divergence, "foretold", told)
    with right:
        st.markdown(f"**Attention** of each token, layer {layer} of A and {other} of B: JS")
        _tinted(view.pieces, attention, "attention", [f"{value:.3f} bits" for value in attention])
    st.dataframe(
        [
            {"from A to B": one.name, "value": one.text, "by chance": number_text(one.chance), "scale": one.scale}
            for one in rows
        ],
        hide_index=True, width="stretch", key="text_differences",
    )  # fmt: skip
    st.caption(TABLE_CAPTION)
    difference_figures(sides, layer, by_depth=True)


def _told(card: ModelCard, *logits: Array) -> list[str]:
    """What A and B, scores (N,V) each, would say after every token, for its hint."""
    said = []
    for letter, of_one in zip("AB", logits, strict=True):
        best, shares = of_one.argmax(axis=1), probabilities(of_one).max(axis=1)
        said.append(
            [f"{letter}: {token_name(card, int(n))} {share:.1%}" for n, share in zip(best, shares, strict=True)]
        )
    return ["; ".join(both) for both in zip(*said, strict=True)]


def _tinted(pieces: Sequence[str], values: Array, tint: str, hints: Sequence[str]) -> None:
    """A text whose tokens are the more coloured the larger their value; the largest is at full strength."""
    most = max(float(np.max(values)), 1e-12)
    coloured_text(pieces, [f"rgb({TINTS[tint]} / {STRONGEST * value / most:.1%})" for value in values.tolist()], hints)
    st.caption(f"Full colour: {most:.3g} {'nats' if tint == 'foretold' else 'bits'}.")
