"""A text in view: what was typed or uploaded, run through the language model of the sidebar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import streamlit as st

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.array import load_array
from explorer.inputs.text import decode_text, pieces_of, prepare_text, prepare_tokens
from explorer.lens import text_heads
from explorer.measures.texts import NextTokens, logit_lens, next_tokens
from explorer.trace import Array, Knobs, Prepared, Readout
from explorer.ui.components.textbox import text_box
from explorer.ui.frame import sidebar
from explorer.ui.state import caches
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
    def pieces(self) -> tuple[str, ...]:
        """The characters of each token; its number where there is no text."""
        return self.prepared.pieces or tuple(f"#{number}" for number in self.tokens)

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
    """Tokens (1,N) as a model's input, with the piece of text of each where it has a tokenizer."""
    prepared = prepare_tokens(tokens, card.vocabulary, card.context, name)
    return replace(prepared, pieces=pieces_of(card, tokens[0].tolist())) if card.tokenizer else prepared


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
    return make_text_view(choice.card, prepared, choice.knobs)


def _from_file(card: ModelCard, name: str, data: bytes) -> Prepared:
    if name.endswith(".npy"):
        array = load_array(data, name)
        if array.ndim == 2 and len(array) > 1:
            st.caption(f":material/info: {name} holds {len(array)} texts: the first is shown.")
        return prepare_tokens(np.asarray(array)[:1], card.vocabulary, card.context, name)
    if not card.tokenizer:
        raise ExplorerError(f"{card.name} has no tokenizer: upload token numbers as a .npy of whole numbers (1,N).")
    return prepare_text(decode_text(data, name), card.tokenizer, card.context, name)


def make_text_view(card: ModelCard, prepared: Prepared, knobs: Knobs) -> TextView:
    """A view with its run, from the caches where they have it."""
    trace, key = caches.trace(card, prepared, knobs), caches.trace_key(card, prepared, knobs)
    return TextView(card=card, prepared=prepared, knobs=knobs, trace=trace, key=key, name=prepared.label)
