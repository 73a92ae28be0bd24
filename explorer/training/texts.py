"""Texts become tokens: a byte-pair encoding learned from the training documents, and every document as its numbers.

A prepared folder of text holds tokenizer.json (Hugging Face's format) and train/ and val/, each with tokens.npy
(uint16: the documents one after another, each with END behind it) and about.json. Documents are held out whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from explorer.dataset import END
from explorer.errors import ExplorerError
from explorer.training.sources import Document

LEAST_VOCABULARY, MOST_VOCABULARY = 257, 1 << 16
"""A token for each byte and END; what fits into uint16."""
CHUNK = 1 << 20
"""Characters that are encoded at once."""
Progress = Callable[[str, float], None]


def split_documents(documents: Sequence[Document], hold_out: float) -> tuple[list[Document], list[Document]]:
    """Whole documents for training and for validation: the share hold_out, drawn by a fixed seed; at least one of each
    where there are two. Raises ExplorerError for no text."""
    if not documents:
        raise ExplorerError("The sources hold no text.")
    count = len(documents)
    held = min(max(round(hold_out * count), 1 if hold_out else 0), count - 1)
    chosen = set(np.random.default_rng(0).permutation(count)[:held].tolist())
    parts = ([one for i, one in enumerate(documents) if (i in chosen) == wanted] for wanted in (False, True))
    train, val = parts
    return train, val


def learn_tokenizer(documents: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level byte-pair encoding: any text can be written, and what is written is the text again.

    vocabulary: tokens in all, END and the 256 bytes among them; fewer where the text has not so many pairs.
    Raises ExplorerError for one that is out of range.
    """
    if not LEAST_VOCABULARY <= vocabulary <= MOST_VOCABULARY:
        raise ExplorerError(f"--vocabulary {vocabulary} should be from {LEAST_VOCABULARY} to {MOST_VOCABULARY} tokens.")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(_pieces(documents), trainer)
    return tokenizer


def _pieces(documents: Sequence[str]) -> Iterator[str]:
    for text in documents:
        for start in range(0, len(text), CHUNK):
            yield text[start : start + CHUNK]


def write_texts(
    train: Sequence[Document], val: Sequence[Document], out: Path, vocabulary: int, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Learn the tokenizer from train, write it and both parts below out; returns what is worth noting of each part:
    of documents that have names, too, the names in their order."""
    progress("Learning the tokens", 0.0)
    tokenizer = learn_tokenizer([one.text for one in train], vocabulary)
    tokenizer.save(str(out / "tokenizer.json"))
    about = {}
    for name, documents in (("train", train), ("val", val)):
        if documents:
            (out / name).mkdir()
            texts, names = [one.text for one in documents], [one.name for one in documents]
            tokens = encode(tokenizer, texts, lambda share, name=name: progress(f"Tokens of {name}", share))
            np.save(out / name / "tokens.npy", tokens)
            about[name] = {
                "count": len(documents), "tokens": len(tokens), "bytes": sum(len(text.encode()) for text in texts),
                "vocabulary": tokenizer.get_vocab_size(), **({"documents": names} if any(names) else {}),
            }  # fmt: skip
    return about


def encode(tokenizer: Tokenizer, documents: Sequence[str], report: Callable[[float], None]) -> np.ndarray:
    """The documents as one run of token numbers, uint16, END behind each."""
    end, parts = tokenizer.token_to_id(END), []
    for i, text in enumerate(documents):
        parts.append(np.array([*tokenizer.encode(text).ids, end], np.uint16))
        report((i + 1) / len(documents))
    return np.concatenate(parts)
