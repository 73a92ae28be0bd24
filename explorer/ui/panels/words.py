"""Words that are looked up: what is typed, as the tokens of a model."""

from __future__ import annotations

from explorer.card import ModelCard
from explorer.inputs import prepare_text

LONGEST = 16
"""Tokens of one word that are looked at."""


def words_in(text: str) -> list[str]:
    """A theme's words: between commas, or where there are none between blanks."""
    parts = text.split(",") if "," in text else text.split()
    return list(dict.fromkeys(word for part in parts if (word := " ".join(part.split()))))


def single_tokens(card: ModelCard, word: str) -> set[int]:
    """The tokens that are this word, with a blank in front or without; empty where it is several."""
    forms = [prepare_text(form, card.tokenizer, LONGEST).data[0].tolist() for form in (word, f" {word}")]
    return {form[0] for form in forms if len(form) == 1}
