"""The knobs that are turned: one setting for the whole app, kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from explorer.card import ModelCard
from explorer.knobs import Turn, read_knobs, turn_knobs, turns_of, words_of, write_knobs
from explorer.trace import Knobs

PARAMETER = "knobs"
TEXT = "turned"
"""Session state: the turned knobs as text (explorer.knobs), of models of pictures."""
MOVING = "knob_moves"
"""Session state: whether the last turn came from a fader that has not come to rest."""
SHOWN = 4
"""Lines about turned knobs in the sidebar, and knobs named in a warning, before the rest is only counted."""


def turned_knobs(card: ModelCard) -> Knobs:
    """What is turned, without the stride. What this model does not have is dropped, with a word."""
    name = _name(card)
    if name not in st.session_state:
        st.session_state[name] = st.query_params.get(PARAMETER, "")
    knobs, refused = read_knobs(st.session_state[name], card)
    if refused:
        shown = [f"`{part[:20].replace('`', '')}`" for part in refused[:SHOWN]]
        named = ", ".join(shown) + (" …" if len(refused) > SHOWN else "")
        st.toast(f"{card.name} has no knob {named}: as trained.", icon=":material/link_off:")
    _keep(card, write_knobs(knobs, card))
    return knobs


def _name(card: ModelCard) -> str:
    """Where a model's turned knobs are kept: models of pictures share theirs, and models of text."""
    return f"{TEXT}.text" if card.reads_text else TEXT


def turn(card: ModelCard, turns: Iterable[Turn], moving: bool = False) -> None:
    """Turn some knobs further; the whole app follows. moving: it waits, since more is to come at once."""
    st.session_state[MOVING] = moving
    st.session_state[_name(card)] = write_knobs(turn_knobs(knobs_now(card), card, turns), card)


def knob_moves() -> bool:
    """Whether a fader moves: then only what is quick should follow it."""
    return st.session_state.get(MOVING, False)


def knobs_now(card: ModelCard) -> Knobs:
    """What is turned at this moment, without the stride and without a word on what the model does not have."""
    return read_knobs(st.session_state.get(_name(card), ""), card)[0]


def reset_knobs(card: ModelCard) -> None:
    """Everything as trained."""
    st.session_state[_name(card)] = ""


def knobs_notice(card: ModelCard, knobs: Knobs) -> None:
    """Say that the network is not as trained, how, and offer the way back."""
    turns = turns_of(knobs, card)
    if not turns:
        return
    count = "1 knob turned" if len(turns) == 1 else f"{len(turns)} knobs turned"
    words = words_of(turns)
    named = [*words[:SHOWN], *([f"and {len(words) - SHOWN} more"] if len(words) > SHOWN else [])]
    with st.container(border=True):
        st.markdown(f":material/tune: **{count}**  \n" + "  \n".join(named))
        back = {"on_click": reset_knobs, "args": (card,)}
        st.button("Reset", key="reset_turned", **back, icon=":material/undo:", width="stretch")


def _keep(card: ModelCard, text: str) -> None:
    st.session_state[_name(card)] = text
    if not text:
        st.query_params.pop(PARAMETER, None)
    elif st.query_params.get(PARAMETER) != text:
        st.query_params[PARAMETER] = text
