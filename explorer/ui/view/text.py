"""A text in view: what was typed or uploaded, run through the language model of the sidebar."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import streamlit as st

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs import isolated, numbered, pieces_of, prepare_text, prepare_tokens, quoted
from explorer.inputs.array import load_array
from explorer.lens import text_heads
from explorer.measures.texts import NextTokens, logit_lens, next_tokens
from explorer.textfiles import TABLES, USUAL, decode_text, read_table
from explorer.trace import Array, Knobs, Piece, Prepared, Readout
from explorer.ui.components.textbox import text_box
from explorer.ui.frame import sidebar
from explorer.ui.frame.widgets import plain, say_where_it_ran
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.run import RunView

TOP = 5
"""Tokens that are shown of what is predicted."""


@dataclass(frozen=True, kw_only=True, repr=False)
class TextView(RunView):
    """The run of a text."""

    @property
    def tokens(self) -> Array:
        """(N,)"""
        return self.prepared.data[0]

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """What each token stands for; its number where there is no text."""
        return self.prepared.pieces or numbered(self.tokens.tolist())

    def token_words(self, place: int) -> str:
        """A token (from 0) and where it stands, for sentences: “␣cat”, token 3 of 12."""
        return f"{self.token_quoted(place)}, token {place + 1} of {len(self.tokens)}"

    def token_quoted(self, place: int) -> str:
        """A token (from 0) for headings: “␣cat”, “<0xE7>” (byte 1 of 3 of 猫)."""
        piece = self.pieces[place]
        return f"{quoted(piece.name)} ({isolated(piece.part)})" if piece.part else quoted(piece.name)

    def head_numbers(self) -> dict[str, Array]:
        """Numbers of every head of every layer, of the run and of its control."""
        return caches.once(self.key, text_heads, self.trace, self.control_trace())

    def readout(self, control: bool = False) -> Readout:
        return caches.readout(self.card, control)

    def next_tokens(self) -> NextTokens:
        """What the run itself predicts, whatever its weights (measures.texts.next_tokens)."""
        return caches.once(self.key, next_tokens, self.trace.logits[0], self.tokens, count=TOP)

    def lens(self, control: bool = False) -> list[NextTokens]:
        """What Z¹ … Z^{L+1} predict (measures.texts.logit_lens)."""
        trace = self.control_trace() if control else self.trace
        return caches.once(f"{self.key}|{control}", logit_lens, trace, self.readout(control), self.tokens, count=TOP)


def prepared_again(card: ModelCard, tokens: Array, name: str) -> Prepared:
    """Tokens (1,N) as a model's input, with what each stands for."""
    prepared = prepare_tokens(tokens, card.vocabulary, card.context, name)
    return replace(prepared, pieces=pieces_of(card, tokens[0].tolist()))


def current_text() -> TextView:
    """The box or the file of the sidebar, traced; the page ends with a word where there is no text yet."""
    choice = sidebar.text_choice()
    if choice.card is None:
        raise ExplorerError("The zoo has no language model: import a checkpoint on the Models page.")
    if choice.source == "typed":
        if not choice.card.tokenizer:
            raise ExplorerError(f"{choice.card.name} has no tokenizer: choose File in the sidebar, with token numbers.")
        text = text_box()
        if not text:
            st.info("Type or paste something.")
            st.stop()
        prepared = prepare_text(text, choice.card.tokenizer, choice.card.context)
    else:
        if choice.file is None:
            st.info("There is no text yet: upload one in the sidebar, or choose Typed there.")
            st.stop()
        prepared = _from_file(choice.card, *choice.file)
    if prepared.note:
        st.caption(f":material/content_cut: {prepared.note}")
    view = make_text_view(choice.card, prepared, choice.knobs)
    say_where_it_ran(view.trace.note)
    return view


def _from_file(card: ModelCard, name: str, data: bytes) -> Prepared:
    if name.endswith(".npy"):
        array = load_array(data, name)
        if array.ndim == 2 and len(array) > 1:
            st.caption(f":material/info: {name} holds {len(array)} texts: the first is shown.")
        return prepare_tokens(np.asarray(array)[:1], card.vocabulary, card.context, name)
    if not card.tokenizer:
        raise ExplorerError(f"{card.name} has no tokenizer: upload token numbers as a .npy of whole numbers (1,N).")
    text, note = decode_text(data, name)
    if note:
        st.caption(f":material/info: {plain(f'{name}: {note}')}")
    label = name
    if name.lower().endswith(TABLES):
        key = hashlib.sha256(data).hexdigest()
        text, row = _from_table(caches.once(f"{key}|{name}", read_table, text, name))
        label = f"{name}, row {row}"
    return prepare_text(text, card.tokenizer, card.context, label)


def _from_table(table: dict[str, list[str]]) -> tuple[str, int]:
    """The text in the chosen column and row of a table, and the row's number."""
    columns, count = list(table), len(next(iter(table.values())))
    longest = max(columns, key=lambda column: sum(map(len, table[column])))
    left, right = st.columns([2, 1])
    with left:
        column = url_setting(
            st.selectbox, "Column of the texts", columns, key="table_column", valid=columns,
            default=USUAL if USUAL in columns else longest,
        )  # fmt: skip
    with right:
        row = url_setting(
            st.number_input, f"Row, of {count:,}", 1, count, key="table_row", default=1, valid=range(1, count + 1),
        )  # fmt: skip
    return table[column][row - 1], int(row)


def make_text_view(card: ModelCard, prepared: Prepared, knobs: Knobs) -> TextView:
    """A view with its run, from the caches where they have it."""
    trace, key = caches.trace(card, prepared, knobs), caches.trace_key(card, prepared, knobs)
    return TextView(card=card, prepared=prepared, knobs=knobs, trace=trace, key=key, name=prepared.label)
