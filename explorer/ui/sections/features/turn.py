"""Turn one code: multiply it at every token and see the next one change, beside the same turn of other codes."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer.inputs import words_of
from explorer.measures.texts import NOBODY, promoted_words
from explorer.studies.turn_code import TurnedCode, turn_code
from explorer.trace import Prepared
from explorer.ui.frame.widgets import heading, plain
from explorer.ui.panels.next_token import next_token_bars
from explorer.ui.sections.features.index import Features
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.text import TextView, prepared_again

GAINS = (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
SPOKEN = 10
"""Words that a code speaks for most, whose probability is told together."""
TEXT = "text"


def turn_it(view: TextView, features: Features, layer: int, code: int, place: int) -> None:
    """The gain, the text that it is turned on, and what becomes of the next token."""
    left, right = st.columns(2)
    with left:
        gain = url_setting(
            st.select_slider, "Gain", GAINS, key="code_gain", default=0.0, valid=GAINS,
            format_func=lambda g: f"×{g:g}".replace("-", "−"),
            help="Times what the network computes: 0 switches it off, 1 leaves it as it is.",
        )  # fmt: skip
    with right:
        prepared, at, said = _what(view, features, layer, code, place)
    model = caches.open_model(view.card, code_gain=True)
    key = f"{view.card.sha256}|{prepared.digest}|{view.knobs.digest()}"
    turned = caches.once(key, turn_code, model, prepared, view.knobs, layer=layer, code=code, gain=gain, place=at)
    heading(f"What comes after {said}?", _where(turned, features))
    next_token_bars(view.card, turned.after, None if gain == 1 else turned.before, "turned_code")
    st.markdown(_verdict(features, turned, layer, code, gain))
    st.caption(
        f"In brackets: the change against the network as it is, in percentage points. The gain multiplies the "
        f"{features.what} before it is read out, at every token of the text, and the layers above compute anew. "
        "KL: how far the probabilities are moved, in nats."
    )


def _what(view: TextView, features: Features, layer: int, code: int, place: int) -> tuple[Prepared, int, str]:
    """What it is turned on: the text in view, or one of its contexts; its token, and how that is said."""
    index = features.index
    places = [int(one) for one in index.places[layer - 1, code] if one != NOBODY]
    names = {TEXT: "the text above"} | {
        str(n): f"{n}: …{_short(features, one)}" for n, one in enumerate(places, start=1)
    }  # fmt: skip
    chosen = url_setting(
        st.selectbox, "On", list(names), key="turn_on", default=TEXT, valid=list(names), format_func=names.__getitem__,
        help="The text of the page, after the token that is chosen there; or one of the contexts in which it fires.",
    )  # fmt: skip
    if chosen == TEXT:
        return view.prepared, place, f"{plain(view.token_quoted(place))}, token {place + 1}"
    end = places[int(chosen) - 1]
    tokens = index.text[end // index.window * index.window : end + 1].astype(np.int64)
    prepared = prepared_again(view.card, tokens[None], f"context {chosen}")
    return prepared, len(tokens) - 1, f"“…{plain(_short(features, end))}”"


def _short(features: Features, end: int) -> str:
    """The last tokens up to one of the index's text."""
    start = max(end - 6, end // features.index.window * features.index.window)
    return words_of(features.card, features.index.text[start : end + 1].tolist()).replace("\n", " ")


def _where(turned: TurnedCode, features: Features) -> str:
    count, most = int(turned.fires.sum()), len(turned.values)
    if not count:
        return f"The {features.what} is not above 0 at any of these {most} tokens."
    return f"The {features.what} is above 0 at {count} of {most} tokens here, {turned.values[-1]:.2f} at the last."


def _verdict(features: Features, turned: TurnedCode, layer: int, code: int, gain: float) -> str:
    """What the turn does, in a sentence with its numbers."""
    names, first, then = features.names, int(turned.before.argmax()), int(turned.after.argmax())
    if gain == 1:
        return "At ×1 nothing is changed: choose another gain."
    if not turned.fires.any() and turned.divergence < 1e-6:
        return (
            f"**Nothing changes**: the {features.what} does not fire here, and a multiple of 0 is 0. Choose one of its "
            "contexts."
        )
    now, was = f"“{plain(names[then])}”", f"“{plain(names[first])}”"
    same = f"{now} stays the most probable" if first == then else f"{now} takes the first place of {was}"
    spoken = caches.once(features.key, _spoken, features, layer=layer, code=code)
    before, after = float(turned.before[spoken].sum()), float(turned.after[spoken].sum())
    less = int((turned.others < turned.divergence).sum())
    beside = (
        f" The same gain on {len(turned.others)} other {features.what}s that fire here, one at a time, moves it by "
        f"{np.median(turned.others):.3g} nats in the median; {less} of them move it less."
        if len(turned.others)
        else f" No other {features.what} fires here to compare with."
    )
    return (
        f"**Times {gain:g}**, {same}; KL {turned.divergence:.3g} nats. The {len(spoken)} words that it speaks for most "
        f"go from {before:.2%} to {after:.2%} together.{beside}"
    ).replace("Times -", "Times −")


def _spoken(features: Features, layer: int, code: int) -> list[int]:
    atoms = caches.atoms(features.card, layer)[code : code + 1]
    return promoted_words(atoms, caches.readout(features.card), SPOKEN)[0].tolist()
