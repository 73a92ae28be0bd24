"""What users have (image folders, parquet files, text folders) becomes what `train` reads: plain arrays on disk.

A prepared folder of pictures holds train/ and val/, each with images.npy (uint8 (N,S,S,3)), labels.npy (int64 (N,)),
boxes.npy (int16 (N,4): x0, y0, x1, y1 in pixels of the square) where the source has them, and about.json.
A prepared folder of text holds tokenizer.json and the tokens of both parts: see texts.py.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from explorer.errors import ExplorerError
from explorer.processors import usable_processors
from explorer.training.sources import Document, Item, Pictures, documents, is_text, open_pictures
from explorer.training.texts import split_documents, write_texts

CHUNK = 256
"""Pictures that are decoded together by as many threads as there are cores."""
Progress = Callable[[str, float], None]
"""Called with a step in plain words and the share of it that is done, 0 to 1."""


def _unwatched(step: str, share: float) -> None:
    del step, share


def prepare(
    sources: Sequence[Path],
    out: Path,
    validation: Sequence[Path] = (),
    size: int = 128,
    hold_out: float = 0.1,
    licence: str = "",
    progress: Progress = _unwatched,
    vocabulary: int = 4096,
    column: str = "",
    note: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write the prepared folder out and return what its about.json files say, by part.

    size: side of the square in pixels: the shorter side is resized to it, the centre is cropped. validation: sources
    of the second part; without them it is the `val` folder of an image folder, or the share hold_out, drawn by a fixed
    seed. vocabulary: tokens that are learned from texts. column: of tables, that of the texts. note: is told what was
    guessed. Raises ExplorerError for sources that cannot be read; then out is not made.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExplorerError(f"{out} exists: choose a new folder for --out, or remove it.")
    if not sources:
        raise ExplorerError("Name at least one folder or .parquet file to prepare.")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        if is_text(sources, column):
            texts, held = (_clean(documents(part, column, note)) for part in (sources, validation))
            about = _write_text(sources, texts, held, temporary, vocabulary, hold_out, licence, progress)
        else:
            about = _write_parts(sources, validation, temporary, size, hold_out, licence, progress)
        temporary.chmod(0o755)
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return about


def _write_parts(sources, validation, out: Path, size: int, hold_out: float, licence: str, progress: Progress):
    if not 8 <= size <= 1024:
        raise ExplorerError(f"--size {size} should be between 8 and 1024 pixels.")
    if not 0 <= hold_out < 1:
        raise ExplorerError(f"--hold-out {hold_out:g} should be a share from 0 to below 1.")
    whole, held = open_pictures(sources, validation)
    if held is None:
        whole, held = _split(whole, hold_out)
    if unknown := sorted(set(held.labels) - set(whole.labels)):
        raise ExplorerError(f"The validation pictures have {unknown[0]!r}, which no training picture has.")
    classes = sorted(set(whole.labels))
    about = {}
    for name, pictures in (("train", whole), ("val", held)):
        if pictures.labels:
            about[name] = _write_pictures(pictures, classes, out / name, size, licence, progress)
    return about


def _split(pictures: Pictures, hold_out: float) -> tuple[Pictures, Pictures]:
    """Two random parts; the second has the share hold_out of every class, rounded, but never all of one."""
    labels = np.array(pictures.labels)
    held = np.zeros(len(labels), bool)
    order = np.random.default_rng(0).permutation(len(labels))
    for label in set(pictures.labels):
        mine = order[labels[order] == label]
        held[mine[: min(round(hold_out * len(mine)), len(mine) - 1)]] = True
    return pictures.part(~held), pictures.part(held)


def _write_pictures(
    pictures: Pictures, classes: list[str], folder: Path, size: int, licence: str, progress: Progress
) -> dict[str, Any]:
    folder.mkdir()
    count = len(pictures.labels)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, size, size, 3))
    boxes = np.zeros((count, 4), np.int16)
    with ThreadPoolExecutor(usable_processors()) as threads:
        items, done = pictures.items(), 0
        while chunk := list(islice(items, CHUNK)):
            for image, box in threads.map(lambda item: squared(item, size), chunk):
                images[done], boxes[done] = image, box
                done += 1
            progress(f"Pictures of {folder.name}", done / count)
    images.flush()
    number = {label: i for i, label in enumerate(classes)}
    np.save(folder / "labels.npy", np.array([number[label] for label in pictures.labels], np.int64))
    if pictures.has_boxes:
        np.save(folder / "boxes.npy", boxes)
    return _write_about(
        folder, kind="images", count=count, size=size, classes=classes, sources=pictures.names, licence=licence
    )


def squared(item: Item, size: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """One picture as (size,size,3) uint8, and its box there (zeros without one). Raises ExplorerError by its name."""
    try:
        with Image.open(BytesIO(item.data)) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ExplorerError(f"{item.name} is not a picture that can be read ({error}): remove it.") from error
    scale = size / min(picture.size)
    width, height = (max(size, round(side * scale)) for side in picture.size)
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    pixels = np.asarray(picture.crop((left, top, left + size, top + size)))
    if item.box is None:
        return pixels, (0, 0, 0, 0)
    moved = [round(value * scale) - (left, top)[i % 2] for i, value in enumerate(item.box)]
    x0, y0, x1, y1 = (min(max(value, 0), size) for value in moved)
    return pixels, (x0, y0, x1, y1)


def _write_text(sources, texts, held, out: Path, vocabulary: int, hold_out: float, licence: str, progress: Progress):
    if not 0 <= hold_out < 1:
        raise ExplorerError(f"--hold-out {hold_out:g} should be a share from 0 to below 1.")
    train, val = (texts, held) if held else split_documents(texts, hold_out)
    about = write_texts(train, val, out, vocabulary, progress)
    names = [source.name for source in sources]
    return {
        name: _write_about(out / name, kind="text", **values, sources=names, licence=licence)
        for name, values in about.items()
    }


def _clean(texts: Iterator[Document]) -> list[Document]:
    """Line ends as on Unix, no form feeds, no empty lines around; documents without a letter are left out."""
    cleaned = (Document(name, text.replace("\r\n", "\n").replace("\f", "\n").strip("\n")) for name, text in texts)
    return [one for one in cleaned if one.text.strip()]


def _write_about(folder: Path, **values: Any) -> dict[str, Any]:
    (folder / "about.json").write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return values
