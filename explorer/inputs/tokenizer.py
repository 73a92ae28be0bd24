"""Tokenizers in Hugging Face's format: how one is read, and what its tokens spell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.card import ModelCard
from explorer.errors import ExplorerError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENIZER_BYTES = 32 << 20


def words_of(card: ModelCard, tokens: Sequence[int]) -> str:
    """The text that tokens spell; their numbers where the model has no tokenizer."""
    if not card.tokenizer:
        return "".join(f" #{token}" for token in tokens)
    return load_tokenizer(card.tokenizer).decode(list(tokens), skip_special_tokens=False)


@lru_cache(maxsize=8)
def bytes_of_tokens(text: str) -> Mapping[int, bytes] | None:
    """The bytes of UTF-8 that each token of a byte-level tokenizer (its JSON) stands for, by its number; None for a
    tokenizer of another kind, whose tokens cannot be spelled one by one."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = load_tokenizer(text)
    if '"ByteLevel"' not in json.dumps(json.loads(text).get("decoder")):
        return None
    letters = sorted(ByteLevel.alphabet())  # a byte is its own letter or, where that is none, a later one
    own = [ord(letter) for letter in letters if ord(letter) < 256]
    byte = dict(zip(letters, [*own, *sorted(set(range(256)) - set(own))], strict=True))
    added = {number: token.content.encode() for number, token in tokenizer.get_added_tokens_decoder().items()}
    names = tokenizer.get_vocab(with_added_tokens=False)
    return {n: bytes(byte[letter] for letter in name) for name, n in names.items() if n not in added} | added


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
