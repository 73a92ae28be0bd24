"""Where pictures and texts come from: image folders as torchvision reads them, Hugging Face parquet, text folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from explorer.errors import ExplorerError
from explorer.textfiles import TABLES, TEXTS, choose_column, decode_text, read_table

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".gif", ".tif", ".tiff"}
IMAGE_COLUMNS = ("image", "img", "jpg", "png", "webp")
LABEL_COLUMNS = ("label", "labels", "fine_label", "cls")
NAME_COLUMNS = ("title", "work", "name")
"""Of a table of texts: what each is called."""
TRAIN, VALIDATION = ("train", "training"), ("val", "valid", "validation", "test")
"""Folder names of the two parts, in this order, where an image folder has both."""
ROWS = 256
"""Rows of a parquet file that are read at once."""


@dataclass(frozen=True)
class Item:
    """One encoded picture, what it is called in messages, and its box (x0, y0, x1, y1 in its pixels) or None."""

    data: bytes
    name: str
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Pictures:
    """Pictures with a label each, in a fixed order; the pictures themselves are read when they are asked for.

    files: one for each label, for image folders; empty for parquet files, which are read from tables.
    chosen: numbers of those that belong to this part, rising, None = all.
    """

    labels: list[str]
    names: list[str]
    files: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    has_boxes: bool = False
    chosen: tuple[int, ...] | None = None

    def part(self, mask: np.ndarray) -> Pictures:
        """Those where mask (N,) is true."""
        numbers = np.flatnonzero(mask)
        own = range(len(self.labels)) if self.chosen is None else self.chosen
        return replace(self, labels=[self.labels[i] for i in numbers], chosen=tuple(own[i] for i in numbers))

    def items(self) -> Iterator[Item]:
        """The pictures of this part in the order of labels."""
        chosen = self.chosen if self.chosen is not None else range(len(self.labels))
        if self.files:
            return (Item(self.files[i].read_bytes(), str(self.files[i])) for i in chosen)
        wanted = set(chosen)
        return (item for i, item in enumerate(self._rows()) if i in wanted)

    def _rows(self) -> Iterator[Item]:
        for table in self.tables:
            file = pq.ParquetFile(table)
            image = _column(file, table, IMAGE_COLUMNS)
            columns = [image, *(["box"] if self.has_boxes else [])]
            number = 0
            for batch in file.iter_batches(ROWS, columns=columns):
                for row in batch.to_pylist():
                    yield Item(_bytes(row[image], table, number), f"{table.name}, row {number}", row.get("box"))
                    number += 1


def open_pictures(sources: Sequence[Path], validation: Sequence[Path]) -> tuple[Pictures, Pictures | None]:
    """Pictures of the sources, and of the validation sources or of the validation folder beside train, None without."""
    if not validation and len(sources) == 1 and sources[0].is_dir():
        found = [
            next((sources[0] / n for n in names if (sources[0] / n).is_dir()), None) for names in (TRAIN, VALIDATION)
        ]
        if found[0] and found[1]:
            return _open([found[0]]), _open([found[1]])
    return _open(sources), _open(validation) if validation else None


def _open(sources: Sequence[Path]) -> Pictures:
    if all(source.suffix == ".parquet" and source.is_file() for source in sources):
        return _open_tables(sources)
    if len(sources) == 1 and sources[0].is_dir():
        tables = sorted(sources[0].glob("*.parquet"))
        return _open_tables(tables) if tables else _open_folder(sources[0])
    raise ExplorerError(f"{', '.join(map(str, sources))}: one folder or .parquet files that exist were expected.")


def _open_folder(folder: Path) -> Pictures:
    """One folder for each class; pictures at any depth below it."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = [(path, one.name) for one in classes for path in sorted(one.rglob("*")) if path.suffix.lower() in PICTURES]
    if not files:
        raise ExplorerError(f"{folder} has no pictures in folders of classes, such as {folder.name}/cat/1.jpg.")
    return Pictures([label for _, label in files], [folder.name], files=tuple(path for path, _ in files))


def _open_tables(tables: Sequence[Path]) -> Pictures:
    labels: list[str] = []
    boxes = True
    for table in tables:
        file = _read(table)
        _column(file, table, IMAGE_COLUMNS)
        column = _column(file, table, LABEL_COLUMNS)
        names = _class_names(file, column)
        values = [value for batch in file.iter_batches(columns=[column]) for value in batch.column(0).to_pylist()]
        if any(value is None for value in values):
            raise ExplorerError(f"{table.name} has pictures without a {column}.")
        labels += [names[value] if names else str(value) for value in values]
        boxes = boxes and "box" in file.schema_arrow.names
    return Pictures(labels, [table.name for table in tables], tables=tuple(tables), has_boxes=boxes)


def _read(table: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(table)
    except (ArrowInvalid, OSError) as error:
        raise ExplorerError(f"{table} is not a whole .parquet file ({error}).") from error


def _column(file: pq.ParquetFile, table: Path, names: Sequence[str]) -> str:
    columns = file.schema_arrow.names
    if found := next((name for name in names if name in columns), None):
        return found
    raise ExplorerError(f"{table.name} has no column {' or '.join(names)}: it has {', '.join(columns)}.")


def _class_names(file: pq.ParquetFile, column: str) -> list[str]:
    """Names of numbered classes, which the datasets library writes into the schema; empty where labels are names."""
    header = (file.schema_arrow.metadata or {}).get(b"huggingface")
    feature: dict[str, Any] = json.loads(header)["info"]["features"].get(column, {}) if header else {}
    return feature.get("names") or []


def _bytes(value: Any, table: Path, row: int) -> bytes:
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise ExplorerError(f"{table.name}, row {row}, holds no encoded picture, but a {type(data).__name__}.")
    return data


def is_text(sources: Sequence[Path], column: str = "") -> bool:
    """Whether the sources are texts: files or a folder of them without pictures, or parquet with a column of texts.
    column: its name, if the user said one."""
    first = sources[0]
    if first.is_file() and first.suffix == ".parquet":
        columns = _read(first).schema_arrow.names
        return bool(column) or ("text" in columns and not set(IMAGE_COLUMNS) & set(columns))
    if first.is_file():
        return first.suffix.lower() in (*TEXTS, *TABLES)
    return first.is_dir() and bool(_text_files(first)) and not _files(first, (*PICTURES, ".parquet"))


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)


def _text_files(folder: Path) -> list[Path]:
    """Its files of one text; where it has none, its tables of texts."""
    return _files(folder, TEXTS) or _files(folder, TABLES)


class Document(NamedTuple):
    """A text and what it is called, "" where the source does not say."""

    name: str
    text: str


def documents(
    sources: Sequence[Path], column: str = "", note: Callable[[str], None] = lambda _: None
) -> Iterator[Document]:
    """The texts, each file or row a document. column: of tables and parquet; "text" or the only one without a name.
    note: is told of a file whose encoding was guessed. Raises ExplorerError for a file that cannot be read as text."""
    for source in sources:
        for path in _text_files(source) if source.is_dir() else [source]:
            if path.suffix == ".parquet":
                file = _read(path)
                columns = file.schema_arrow.names
                chosen = choose_column(columns, path.name, column)
                named = _name_column(columns, chosen)
                for batch in file.iter_batches(ROWS, columns=[chosen, *filter(None, [named])]):
                    for row in batch.to_pylist():
                        yield Document(str(row[named]) if named else "", row[chosen] or "")
                continue
            text, said = decode_text(_read_bytes(path), str(path))
            if said:
                note(f"{path}: {said}")
            if path.suffix.lower() in TABLES:
                table = read_table(text, path.name)
                chosen = choose_column(list(table), path.name, column)
                named = _name_column(list(table), chosen)
                names = table[named] if named else [""] * len(table[chosen])
                yield from map(Document, names, table[chosen])
            else:
                yield Document(path.stem, text)


def _name_column(columns: Sequence[str], chosen: str) -> str | None:
    """The column that names the texts, if there is one beside theirs."""
    return next((name for name in NAME_COLUMNS if name in columns and name != chosen), None)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExplorerError(f"{path} cannot be read ({error.strerror}).") from error
