"""Text → tokens: the model's own tokenizer, and the piece of the text that each token stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs.array import load_array
from explorer.inputs.file import read_file
from explorer.trace import Prepared, read_only

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_CHARACTERS = 1 << 20
"""Of a text that is read at all; what lies behind is not tokenized."""
CHARACTERS_A_TOKEN = 64
"""Characters that are tokenized for each token of the context: more than any text needs but long runs of blanks."""
LABEL = 40
"""Characters of a text that name it."""
MAX_TOKENIZER_BYTES = 32 << 20
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
    ids, pieces = encoding.ids, _pieces(read, encoding.offsets)
    note = ""
    if len(ids) > context or len(read) < len(text):
        ids, pieces = ids[:context], pieces[:context]
        kept = sum(map(len, pieces))
        note = f"The model reads {context:,} tokens at most: the first {kept:,} of {len(text):,} characters are shown."
    digest = hashlib.sha256(data + tokenizer.encode() + str(context).encode()).hexdigest()
    array = read_only(np.array([ids], np.int64))
    return Prepared(array, None, digest, label or _short(read), pieces=pieces, note=note)


def _short(text: str) -> str:
    """A text's beginning on one line, as what it is called."""
    line = " ".join(text.split())
    return line if len(line) <= LABEL else f"{line[: LABEL - 1]}…"


def prepare_words(source: str, card: ModelCard) -> Prepared:
    """The input of a language model from what a user gives: the path of a text (UTF-8) or of a .npy of token numbers
    (B,N), or else the text itself. Raises ExplorerError for what is none of them, or for a model without a tokenizer.
    """
    path = Path(source)
    if path.suffix == ".npy":
        return prepare_tokens(
            load_array(read_file(path, MAX_FILE_BYTES), path.name), card.vocabulary, card.context, path.name
        )
    if not card.tokenizer:
        raise ExplorerError(f"{card.name} has no tokenizer: give token numbers as a .npy of whole numbers (B,N).")
    looks_like_a_file = path.suffix.lower() in (".txt", ".md") and not any(map(str.isspace, source))
    if _is_file(path) or looks_like_a_file:
        text = decode_text(read_file(path, MAX_FILE_BYTES), path.name)
        return prepare_text(text, card.tokenizer, card.context, path.name)
    return prepare_text(source, card.tokenizer, card.context)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text may be too long for a path, or hold a zero
        return False


def decode_text(data: bytes, name: str) -> str:
    """A text file's bytes as UTF-8. Raises ExplorerError for what is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExplorerError(f"{name} is not UTF-8 text: save it as UTF-8.") from error


def _pieces(text: str, offsets: list[tuple[int, int]]) -> tuple[str, ...]:
    """The characters of each token. Of a character that several tokens spell byte by byte, the first has it and the
    others are empty, so that the pieces are the text again."""
    pieces, end = [], 0
    for start, stop in offsets:
        pieces.append(text[max(start, end) : max(stop, end)])
        end = max(stop, end)
    return tuple(pieces)


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


def words_of(card: ModelCard, tokens: Sequence[int]) -> str:
    """The text that tokens spell; their numbers where the model has no tokenizer."""
    if not card.tokenizer:
        return "".join(f" #{token}" for token in tokens)
    return load_tokenizer(card.tokenizer).decode(list(tokens), skip_special_tokens=False)


def pieces_of(card: ModelCard, tokens: Sequence[int]) -> tuple[str, ...]:
    """The piece of text of each token: what the text grows by with it, so that the pieces are the text. Of a character
    that several tokens spell byte by byte, the last has it and the others are empty.

    Only the tokens since the last whole character but one are decoded each time, so the cost grows with their number.
    """
    pieces, known, whole = [], 0, 0
    for count in range(1, len(tokens) + 1):
        now = words_of(card, tokens[known:count])
        if count < len(tokens) and now.endswith("\N{REPLACEMENT CHARACTER}"):
            pieces.append("")
            continue
        pieces.append(now[len(words_of(card, tokens[known:whole])) if whole > known else 0 :])
        known, whole = whole, count
    return tuple(pieces)


def token_name(card: ModelCard, token: int) -> str:
    """A single token as a list shows it: blanks and line ends can be seen, and bytes that are no character alone are
    written as in the vocabulary, between ‹ and ›."""
    text = words_of(card, [token])
    if not text or "\N{REPLACEMENT CHARACTER}" in text or not text.replace(" ", "").replace("\n", "").isprintable():
        name = load_tokenizer(card.tokenizer).id_to_token(token) if card.tokenizer else None
        return f"‹{name or token}›"
    return text.replace(" ", "␣").replace("\n", "⏎")


@lru_cache(maxsize=8)
def load_tokenizer(text: str) -> Tokenizer:
    """A tokenizer from its JSON. Raises ExplorerError for what is none."""
    from tokenizers import Tokenizer  # takes time, and only texts need it

    try:
        return Tokenizer.from_str(text)
    except Exception as error:
        raise ExplorerError(f"This is not a tokenizer in Hugging Face's format ({str(error)[:120]}).") from error


def read_tokenizer(path: Path) -> str:
    """The JSON of a tokenizer.json, or of a folder with GPT-2's vocab.json and merges.txt.

    Raises ExplorerError for a path that is neither, and for files that do not fit together.
    """
    files = [path / name for name in ("tokenizer.json", "vocab.json", "merges.txt")] if path.is_dir() else [path]
    for file in files:
        if file.is_file() and file.stat().st_size > MAX_TOKENIZER_BYTES:
            raise ExplorerError(f"{file} is larger than a tokenizer should be ({MAX_TOKENIZER_BYTES >> 20} MB).")
    if files[0].is_file():
        try:
            text = files[0].read_text("utf-8")
        except UnicodeDecodeError as error:
            raise ExplorerError(f"{files[0]} is not a tokenizer.json: it is not UTF-8 text.") from error
        load_tokenizer(text)
        return text
    if len(files) == 3 and files[1].is_file() and files[2].is_file():
        return _from_gpt2(files[1], files[2])
    raise ExplorerError(
        f"{path} holds no tokenizer: give a tokenizer.json, or a folder with it or with vocab.json and merges.txt."
    )


def _from_gpt2(vocabulary: Path, merges: Path) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:
        raise ExplorerError(f"{vocabulary.parent} holds no GPT-2 tokenizer ({str(error)[:120]}).") from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    return tokenizer.to_str()
