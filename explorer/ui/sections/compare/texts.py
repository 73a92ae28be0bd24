"""Two to four models on one text: what each expects, token by token, and how far apart they are."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from explorer import figures, verdicts
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.figures.style import CONTROL_COLOR, CONTROL_NAME
from explorer.inputs import prepare_tokens, token_name
from explorer.measures.prediction import probabilities
from explorer.studies.compare_text import attention_change, next_token_change
from explorer.trace import Array, Knobs
from explorer.ui.components.coloured_text import tinted_text
from explorer.ui.frame.widgets import heading, plain, plot, say_where_it_ran
from explorer.ui.sections.compare.numbers import chosen_pair, counterpart, difference_figures, difference_table
from explorer.ui.sections.compare.pictures import curves_note, probability_table, same_build
from explorer.ui.sections.compare.sides import COLORS, CONTROL, TURNED, Compared, Slot, chosen_slots
from explorer.ui.state import caches
from explorer.ui.state.knobs import knobs_now
from explorer.ui.view.text import TextView, make_text_view
from explorer.ui.view.text_lens import token_place
from explorer.words import COMPRESSION, SPARSITY, TEXT_SCALES

NEXT_TOKENS, ATTENTION = "foretold_kl_nats", "token_attention_js_bits"
TINTS = {"surprise": "179 68 108", NEXT_TOKENS: "45 125 210", ATTENTION: "236 112 32"}
LEAST = {NEXT_TOKENS: 0.5, ATTENTION: 0.1}
"""Differences that get the full colour at least."""
SHOWN = 5
"""Next tokens of each that are listed."""


@dataclass(frozen=True)
class TextSide(Compared):
    """One that reads the text."""

    view: TextView


def text_sides(view: TextView) -> list[TextSide]:
    """A as the sidebar has it, and the chosen others on the same tokens. Raises ExplorerError for those that read other
    tokens or a shorter context."""
    a, *others = chosen_slots(view.card)
    with st.spinner("Running the models…", show_time=True), ThreadPoolExecutor(len(others) or 1) as threads:
        knobs = [knobs_now(slot.card) if slot.weights == TURNED else Knobs() for slot in others]
        views = list(threads.map(lambda slot, turned: _other(view, slot, turned), others, knobs))
    say_where_it_ran(*(one.trace.note for one in views))
    return [
        TextSide(slot, one, color)
        for slot, one, color in zip([a, *others], [view, *views], COLORS, strict=False)
    ]  # fmt: skip


def _other(view: TextView, slot: Slot, knobs: Knobs) -> TextView:
    """The run of another model on the tokens of A."""
    card = slot.card
    if (card.tokenizer, card.vocabulary) != (view.card.tokenizer, view.card.vocabulary):
        raise ExplorerError(f"{card.name} reads other tokens than {view.card.name}: only models of one tokenizer fit.")
    prepared = replace(prepare_tokens(view.prepared.data, card.vocabulary, card.context, view.name), pieces=view.pieces)
    other = make_text_view(card, prepared, knobs)
    if slot.weights != CONTROL:
        return other
    return replace(other, trace=other.control_trace(), key=f"{other.key}|{CONTROL}")


def text_side_by_side(sides: Sequence[TextSide]) -> None:
    """The text under every model in the colours of its surprise, what each expects next, and the curves of all."""
    costs = [side.view.next_tokens().surprise for side in sides]
    heading("Surprise", "The stronger the colour, the less the model expected the token; one scale for all. Point at a "
            "token to read what was expected in its place.")  # fmt: skip
    most = max((float(cost.max()) for cost in costs if cost.size), default=0.0)
    for i in range(0, len(sides), 2):
        for place, side, cost in zip(st.columns(2, gap="large"), sides[i : i + 2], costs[i : i + 2], strict=False):
            with place:
                mean = f": {cost.mean():.2f} nats per token" if cost.size else ""
                st.markdown(f"**{plain(side.title)}**{mean}")
                surprised_text(side.view, cost, most)
    st.caption(f"Full colour: {most:.3g} nats. The first token is not predicted by anything.")
    _next_tokens(sides)
    _curves(sides)


def surprised_text(view: TextView, cost: Array, most: float) -> None:
    """The text in the colours of its surprise; the hint of a token says what was expected in its place."""
    expected = expected_tokens(view)
    hints = ["", *(f"{nats:.2f} nats; expected: {said}" for nats, said in zip(cost, expected, strict=False))]
    tinted_text(view.pieces, np.concatenate([[0.0], cost]), most, TINTS["surprise"], hints)


def expected_tokens(view: TextView, count: int = 3) -> list[str]:
    """What the model says may follow each token: the most probable ones with their probabilities, as words."""
    found = view.next_tokens()
    return [
        ", ".join(
            f"{token_name(view.card, int(token))} {_percent(share)}"
            for token, share in zip(tokens, shares, strict=True)
        )
        for tokens, shares in zip(found.top[:, :count], found.shares[:, :count], strict=True)
    ]


def _percent(share: float) -> str:
    return "<1%" if share < 0.01 else f"{share:.0%}"


def _next_tokens(sides: Sequence[TextSide]) -> None:
    view = sides[0].view
    place = token_place(view, "Next after token")
    heading("What comes next?", f"After {plain(view.token_words(place))}: "
            f"the {SHOWN} most probable tokens of each model.")  # fmt: skip
    shares = [probabilities(side.view.trace.logits[0, place]) for side in sides]
    best = [np.argsort(-share, kind="stable")[:SHOWN] for share in shares]
    shown = dict.fromkeys(int(token) for tokens in best for token in tokens)
    chances = [{token_name(view.card, token): float(share[token]) for token in shown} for share in shares]
    probability_table(sides, chances, list(chances[0]), "token")


def _curves(sides: Sequence[TextSide]) -> None:
    """Both published curves of all sides; the control is of A's build."""
    alike = same_build(sides)
    heading("Curves", curves_note(sides, alike))
    control = sides[0].view.curves(control=True)
    places = st.columns(2)
    for i, (label, title) in enumerate(((figures.RATE_LABEL, COMPRESSION), (figures.NONZERO_LABEL, SPARSITY))):
        series = [_series(side.letter, side.view.curves()[i], side.color, "solid") for side in sides]
        series.append(_series(CONTROL_NAME, control[i], CONTROL_COLOR, "dash"))
        own = {side.letter: side.view.curves()[i] for side in sides if side in alike}
        apart = {side.letter: side.view.curves()[i] for side in sides if side not in alike}
        said = verdicts.several(own, control[i], label=label, alone=apart)
        figure = figures.scale_curves(series, label=label, across="layer", title=title)
        with places[i]:
            plot(figure, f"compared_{label}", verdict=said)


def _series(name: str, values: Array, color: str, dash: str) -> figures.Series:
    return figures.Series(name, np.arange(1.0, 1 + len(values)), values, color, dash=dash)


def text_differences_of(sides: Sequence[TextSide], layer: int) -> None:
    """Every difference from A in a line, and of one pair the text in the colours of its differences and four maps."""
    difference_table(sides, layer, (), by_depth=True)
    a, b = sides[0], chosen_pair(sides)
    other = counterpart(a, b, layer, by_depth=True)
    attention = attention_change(a.run, b.run, layer, other, (), caches.once)
    change = next_token_change(a.run, b.run, caches.once).divergence
    heading("Where they differ", "The stronger the colour, the further apart. Point at a token to read the numbers.")
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**What comes next**: KL({a.letter} ‖ {b.letter}) after each token")
        said = zip(*(expected_tokens(one.view) for one in (a, b)), strict=True)
        hints = [
            f"{kl:.3f} nats. {a.letter}: {mine}. {b.letter}: {theirs}"
            for kl, (mine, theirs) in zip(change, said, strict=True)
        ]
        _tinted(a.view, change, NEXT_TOKENS, hints)
    with right:
        st.markdown(f"**Attention** of each token, layer {layer} of {a.letter} and {other} of {b.letter}: JS")
        hints = [f"{value:.3f} bits" for value in attention]
        _tinted(a.view, attention, ATTENTION, hints)
    difference_figures(a, b, layer, by_depth=True)


def _tinted(view: TextView, values: Array, key: str, hints: Sequence[str]) -> None:
    """The text in the colours of a difference; a difference that is next to nothing stays pale."""
    most = max(float(values.max()), LEAST[key])
    tinted_text(view.pieces, values, most, TINTS[key], hints)
    st.caption(f"Full colour: {most:.3g} {TEXT_SCALES[key].unit}.")


def run_on_text(view: TextView, cards: Sequence[ModelCard]) -> list[TextView]:
    """The checkpoints of a run on the tokens of a view, each as its file has it."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda card: _other(view, Slot("", card), Knobs()), cards))
