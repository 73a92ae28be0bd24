"""The feature index of a language model: made once over a text, kept in a file beside the model, read by the pages."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.measures.texts import FeatureCounter, FeatureIndex, feature_index
from explorer.trace import Array, Prepared

ENDING = ".features.npz"
BATCH = 8
"""Windows that are run at once."""
NUMBERS = ("window", "before")
SMALL = {
    "rate": np.float32, "mean": np.float32, "values": np.float16, "places": np.int32, "shades": np.uint8,
    "histogram": np.uint32, "widths": np.float32, "word_shares": np.float16, "control_rate": np.float32,
    "control_share": np.float16,
}  # fmt: skip
"""What is kept in fewer bytes; tokens become int16 where the vocabulary allows."""


def path_of(card: ModelCard) -> Path:
    """Where a model's index lies: beside it."""
    return card.path.with_suffix(ENDING)


def make_index(
    card: ModelCard, tokens: Array, report: Callable[[float], None], limit: int | None = None
) -> FeatureIndex:
    """Run a text, tokens (T,), window after window of the model's context, and count what every code does, and every
    code of the random-init control.

    limit: tokens that are read at most. Raises ExplorerError for a model without codes or a text without a window.
    """
    if not card.codes_dim:
        raise ExplorerError(f"{card.name} has no codes: its dictionary is square, so its tokens are their own codes.")
    if tokens.size and tokens.max() >= card.vocabulary:
        raise ExplorerError(f"The text has tokens up to {tokens.max()}, but {card.name} knows {card.vocabulary}.")
    count = min(len(tokens), limit or len(tokens)) // card.context
    if not count:
        raise ExplorerError(f"The text has {len(tokens)} tokens: an index needs at least {card.context}, the context.")
    windows = np.asarray(tokens[: count * card.context], np.int64).reshape(count, card.context)
    counted = []
    for number, weights in enumerate((None, zoo.draw_control(card))):
        counters = [
            FeatureCounter(card.codes_dim, card.vocabulary, with_contexts=weights is None) for _ in range(card.layers)
        ]
        for done, (window, codes) in enumerate(_run(runtime.open_model(card, weights), windows), start=1):
            for counter, of_layer in zip(counters, codes, strict=True):
                counter.add(window, of_layer)
            report((number + done / count) / 2)
        counted.append(counters)
    return feature_index(windows.ravel(), card.context, *counted)


def _run(model: runtime.Model, windows: Array) -> Iterator[tuple[Array, list[Array]]]:
    """Every window with the codes of all layers at its tokens."""
    want = [f"codes.{layer}" for layer in range(1, model.card.layers + 1)]
    for start in range(0, len(windows), BATCH):
        batch = windows[start : start + BATCH]
        points = runtime.run(model, Prepared(batch, None, ""), want).points
        for i, window in enumerate(batch):
            yield window, [points[name][i] for name in want]


def index_bytes(index: FeatureIndex, card: ModelCard, about: dict[str, Any]) -> bytes:
    """The index as a file. about: what it was made from; the model's weights are named by the checkpoint's digest."""
    values = asdict(index)
    token = np.int16 if card.vocabulary < 1 << 15 else np.int32
    arrays = {name: np.asarray(values[name], SMALL.get(name, token)) for name in values if name not in NUMBERS}
    note = {**about, **{name: values[name] for name in NUMBERS}, "checkpoint": card.provenance.get("sha256")}
    buffer = io.BytesIO()
    arrays["about"] = np.array(json.dumps(note))
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def document_at(about: dict[str, Any], place: int) -> str:
    """What the document is called in which a token of the index's text stands, "" where that is not known."""
    return next((str(name) for name, start in reversed(about.get("documents", [])) if start <= place), "")


def read_index(card: ModelCard) -> tuple[FeatureIndex, dict[str, Any]]:
    """The index beside a model, and what it was made from. Raises ExplorerError where there is none that fits."""
    path, make = path_of(card), f"make it with `crate-explorer features {card.name} --data FOLDER`."
    if not path.is_file():
        raise ExplorerError(f"{card.name} has no feature index: {make}")
    try:
        with np.load(path) as arrays:
            about = json.loads(str(arrays["about"]))
            values = {name: arrays[name] for name in arrays.files if name != "about"}
        index = FeatureIndex(**{name: about.pop(name) for name in NUMBERS}, **values)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ExplorerError(f"{path.name} cannot be read as a feature index ({error}): {make}") from error
    shape = (card.layers, card.codes_dim)
    if about.pop("checkpoint", None) != card.provenance.get("sha256") or index.rate.shape != shape:
        raise ExplorerError(f"{path.name} was made for other weights than those of {card.name}: {make}")
    return index, about
