"""Text files as users have them: the encodings they are saved in, and tables of texts with a column to choose."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from explorer.errors import ExplorerError

TEXTS = (".txt", ".md")
TABLES = (".csv", ".tsv", ".jsonl")
"""Endings of files of one text, and of tables with a text in each row."""
MARKED = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Byte-order marks and what begins with them; UTF-32's little one begins like UTF-16's, and so stands before it."""
NEVER_IN_A_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Control characters that no text in Windows-1252 has."""
SEPARATORS = ",;\t"
USUAL = "text"
"""What the column of the texts is called by most."""


def decode_text(data: bytes, name: str) -> tuple[str, str]:
    """A text file's bytes as text, and a note for the reader where its encoding was guessed.

    UTF-8, or UTF-16 or UTF-32 with their byte-order mark, or else Windows-1252. Raises ExplorerError for what is none.
    """
    encoding = next((encoding for mark, encoding in MARKED.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding), ""
    except UnicodeDecodeError as error:
        refusal = f"{name} is not text in UTF-8, UTF-16 with a byte-order mark or Windows-1252: save it as UTF-8."
        if encoding != "utf-8" or NEVER_IN_A_TEXT.search(data):
            raise ExplorerError(refusal) from error
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise ExplorerError(refusal) from error
    return text, "Read as Windows-1252, as it is not UTF-8: if letters look wrong, save it as UTF-8."


def read_table(text: str, name: str) -> dict[str, list[str]]:
    """A table's columns, each with a text for every row.

    .csv and .tsv: the first row names the columns; what separates them is the comma, semicolon or tab that the first
    row has most of. .jsonl: an object in each line, its fields are the columns; a line that is a text alone is in the
    column "text". Raises ExplorerError for a table without rows or one that is broken.
    """
    rows = list(_lines_of_json(text, name) if name.lower().endswith(".jsonl") else _lines_of_csv(text, name))
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if not columns:
        raise ExplorerError(f"{name} has no rows: a row of column names and rows below it were expected.")
    return {column: [_as_text(row.get(column)) for row in rows] for column in columns}


def choose_column(columns: Sequence[str], name: str, asked: str = "") -> str:
    """The column of the texts: the asked one, else "text" or the only one. Raises ExplorerError for none."""
    if asked in columns:
        return asked
    if not asked and (USUAL in columns or len(columns) == 1):
        return USUAL if USUAL in columns else columns[0]
    problem = f"has no column {asked}" if asked else "has several columns and none is called text"
    raise ExplorerError(f"{name} {problem}: name one of {', '.join(columns)} by --column.")


def _lines_of_csv(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    head = text.split("\n", 1)[0]
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a text may be longer than the module's usual field
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=head.count), strict=True)
    try:
        yield from ({key: value for key, value in row.items() if key is not None} for row in rows)
    except csv.Error as error:
        raise ExplorerError(f"{name} is broken near line {rows.line_num} ({error}).") from error


def _lines_of_json(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ExplorerError(f"{name}, line {number}, is not JSON ({error.msg}).") from error
        if not isinstance(row, dict | str):
            raise ExplorerError(f"{name}, line {number}, is neither an object nor a text.")
        yield {USUAL: row} if isinstance(row, str) else row


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
