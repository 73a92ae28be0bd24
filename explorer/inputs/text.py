"""Text → tokens, by the model's own tokenizer."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.array import load_array
from explorer.inputs.file import read_file
from explorer.inputs.pieces import pieces_of_text, written
from explorer.inputs.tokenizer import load_tokenizer
from explorer.textfiles import TABLES, TEXTS, choose_column, decode_text, read_table
from explorer.trace import Prepared, read_only

MAX_CHARACTERS = 1 << 20
"""Of a text that is read at all; what lies behind is not tokenized."""
CHARACTERS_A_TOKEN = 64
"""Characters that are tokenized for each token of the context: more than any text needs but long runs of blanks."""
LABEL = 40
"""Characters of a text that name it."""
LONGEST_BOX = 64
"""Tokens behind the context that are looked at, so that a character which is cut there is named whole."""
MAX_FILE_BYTES = 16 << 20
"""Of a file of text or of token numbers; larger ones are refused."""


def prepare_text(text: str, tokenizer: str, context: int, label: str = "") -> Prepared:
    """A text as a model's input: tokens int64 (1,N), at most `context` of them, and the piece of text of each.

    tokenizer: Hugging Face's JSON, as in the model's card. Longer text is cut; Prepared.note says so. Raises
    ExplorerError for an empty text, or one that is no Unicode text.
    """
    if not text:
        raise ExplorerError("There is no text: type or paste some.")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise ExplorerError(f"The text holds half a character at place {error.start}: remove it.") from error
    read = text[: min(MAX_CHARACTERS, CHARACTERS_A_TOKEN * context)]
    encoding = load_tokenizer(tokenizer).encode(read)
    shown = context + LONGEST_BOX
    pieces = pieces_of_text(read, tokenizer, encoding.ids[:shown], encoding.offsets[:shown])[:context]
    ids, note = encoding.ids[:context], ""
    if len(encoding.ids) > context or len(read) < len(text):
        kept = len(b"".join(piece.data for piece in pieces).decode("utf-8", "ignore"))
        note = f"The model reads {context:,} tokens at most: the first {kept:,} of {len(text):,} characters are shown."
    digest = hashlib.sha256(data + tokenizer.encode() + str(context).encode()).hexdigest()
    array = read_only(np.array([ids], np.int64))
    return Prepared(array, None, digest, label or _short(read), pieces=pieces, note=note)


def _short(text: str) -> str:
    """A text's beginning on one line, as what it is called; of blanks and line ends alone, their signs."""
    line = " ".join(text.split()) or written(text[:LABEL].encode())
    return line if len(line) <= LABEL else f"{line[: LABEL - 1]}…"


def prepare_words(source: str, card: ModelCard, column: str = "", row: int = 1) -> Prepared:
    """The input of a language model from what a user gives: the path of a text, of a table of texts or of a .npy of
    token numbers (B,N), or else the text itself. column, row: of a table, from 1; the column "text" or the only one
    without a name. Raises ExplorerError for what is none of them, or for a model without a tokenizer.
    """
    path = Path(source)
    if path.suffix == ".npy":
        return prepare_tokens(
            load_array(read_file(path, MAX_FILE_BYTES), path.name), card.vocabulary, card.context, path.name
        )
    if not card.tokenizer:
        raise ExplorerError(f"{card.name} has no tokenizer: give token numbers as a .npy of whole numbers (B,N).")
    looks_like_a_file = path.suffix.lower() in (*TEXTS, *TABLES) and not any(map(str.isspace, source))
    if not (_is_file(path) or looks_like_a_file):
        return prepare_text(source, card.tokenizer, card.context)
    text, note = decode_text(read_file(path, MAX_FILE_BYTES), path.name)
    label = path.name
    if path.suffix.lower() in TABLES:
        table = read_table(text, path.name)
        texts = table[choose_column(list(table), path.name, column)]
        if not 1 <= row <= len(texts):
            raise ExplorerError(f"{path.name} has rows 1 to {len(texts):,}: --row {row} is none of them.")
        text, label = texts[row - 1], f"{path.name}, row {row}"
    prepared = prepare_text(text, card.tokenizer, card.context, label)
    return replace(prepared, note=" ".join(filter(None, (note, prepared.note))))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text may be too long for a path, or hold a zero
        return False


def prepare_tokens(array: np.ndarray, vocabulary: int, context: int, name: str = "the array") -> Prepared:
    """Token numbers (B,N) as a model's input, for a model without a tokenizer or for exact ones.

    Raises ExplorerError for another shape or type, for more than the context, or for numbers out of range.
    """
    if array.ndim != 2 or not array.size or not np.issubdtype(array.dtype, np.integer):
        raise ExplorerError(f"{name} should hold whole numbers (B,N), but has {array.dtype} {array.shape}.")
    if array.shape[1] > context:
        raise ExplorerError(f"{name} has {array.shape[1]} tokens, but the model reads {context} at most: cut it.")
    if array.min() < 0 or array.max() >= vocabulary:
        raise ExplorerError(f"{name} holds tokens from {array.min()} to {array.max()}, but the model has {vocabulary}.")
    tokens = read_only(np.ascontiguousarray(array, np.int64))
    return Prepared(tokens, None, hashlib.sha256(tokens.tobytes()).hexdigest(), name)
