"""A part (train or val) of a prepared folder, as `prepare` wrote it: what training and evaluation read of pictures or
texts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import ExplorerError

Array = np.ndarray
END = "<|endoftext|>"
"""Stands behind every document of a text, as in GPT-2's vocabulary."""


@dataclass(frozen=True)
class Part:
    """images: uint8 (N,S,S,3), read from disk as they are needed. labels: int64 (N,), numbers of classes.

    boxes: float64 (N,4) in pixels, x0, y0, x1, y1 as edges: x1 and y1 lie behind the last pixel, so that a box of
    everything is (0, 0, S, S); zeros where a picture has none; None where the source has none. about: about.json.
    """

    images: Array
    labels: Array
    classes: tuple[str, ...]
    about: dict[str, Any]
    boxes: Array | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """S, the side of the pictures in pixels."""
        return self.images.shape[1]


def open_part(folder: Path) -> Part:
    """Open a part of a prepared folder. Raises ExplorerError where the folder is not one that `prepare` wrote."""
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        images = np.load(folder / "images.npy", mmap_mode="c")  # copy on write: torch wants arrays it could write to
        labels = np.load(folder / "labels.npy")
        boxes = np.load(folder / "boxes.npy") if (folder / "boxes.npy").exists() else None
        classes = tuple(about["classes"])
    except (OSError, ValueError, KeyError) as error:
        raise ExplorerError(f"{folder} holds no prepared pictures: make them with crate-explorer prepare.") from error
    fits = (
        images.ndim == 4 and images.dtype == np.uint8 and images.shape[1] == images.shape[2]
        and len(labels) == len(images) > 0 and 0 <= labels.min() <= labels.max() < len(classes)
        and (boxes is None or boxes.shape == (len(images), 4))
    )  # fmt: skip
    if not fits:
        raise ExplorerError(f"{folder} does not fit together: prepare it again.")
    return Part(images, labels, classes, about, None if boxes is None else box_edges(boxes, images.shape[1]))


def box_edges(boxes: Array, size: int) -> Array:
    """Boxes (N,4) as edges, float64. size: side of the pictures in pixels.

    Sources differ in what x1 and y1 are. Tiny-ImageNet's are the last pixels inside, 0 to 63 of 64; others give edges.
    Edges reach `size` as soon as one box touches the right or lower side; where none does, the numbers are taken as
    last pixels and 1 is added. Rows of zeros (no box) stay zeros.
    """
    edges = boxes.astype(np.float64)
    if boxes.size and boxes.max() < size:
        edges[boxes.any(axis=1), 2:] += 1
    return edges


@dataclass(frozen=True)
class TextPart:
    """tokens: uint16 (N,), the documents one after another, read from disk as they are needed. tokenizer: its JSON.
    vocabulary: what each token is written as, by number. about: about.json."""

    tokens: Array
    tokenizer: str
    vocabulary: tuple[str, ...]
    about: dict[str, Any]

    def documents(self) -> list[tuple[str, int]]:
        """Name and first token of each document, in order; empty where they have no names."""
        names = self.about.get("documents", [])
        ends = np.flatnonzero(self.tokens == self.vocabulary.index(END)) if names else []
        return list(zip(names, [0, *(int(end) + 1 for end in ends)], strict=False))


def open_text(folder: Path) -> TextPart:
    """Open a part of a prepared folder of texts. Raises ExplorerError where it is not one that `prepare` wrote."""
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        tokens = np.load(folder / "tokens.npy", mmap_mode="r")
        tokenizer = (folder.parent / "tokenizer.json").read_text("utf-8")
        vocabulary = read_vocabulary(tokenizer)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"{folder} holds no prepared text: make it with crate-explorer prepare.") from error
    if tokens.ndim != 1 or tokens.dtype != np.uint16 or (tokens.size and tokens.max() >= len(vocabulary)):
        raise ExplorerError(f"{folder} does not fit together: prepare it again.")
    return TextPart(tokens, tokenizer, vocabulary, about)


def read_vocabulary(tokenizer: str) -> tuple[str, ...]:
    """What each token is written as, by number. tokenizer: Hugging Face's JSON. Raises ValueError or KeyError for
    another text."""
    numbers: dict[str, int] = json.loads(tokenizer)["model"]["vocab"]
    return tuple(sorted(numbers, key=numbers.__getitem__))
