"""Text files are read as they were saved, and tables of texts by column; what cannot be read is refused."""

import json

import pytest

from explorer.errors import ExplorerError
from explorer.textfiles import choose_column, decode_text, read_table

TEXT = "naïve café — 猫\n"
WESTERN = "naïve café — €5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_with_its_mark_and_needs_no_note(encoding):
    assert decode_text(TEXT.encode(encoding), "x.txt") == (TEXT, "")


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"\xff\xfe")])
def test_both_byte_orders_are_read(encoding, mark):
    assert decode_text(mark + TEXT.encode(encoding), "x.txt") == (TEXT, "")


def test_windows_1252_is_read_and_said():
    text, note = decode_text(WESTERN.encode("cp1252"), "x.txt")
    assert text == WESTERN
    assert "Windows-1252" in note


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00\xff", b"caf\xe9 \x81", b"\xff\xfea", b"a\x00b\x00\xe9\x00"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(ExplorerError, match=r"x\.txt is not text in UTF-8"):
        decode_text(data, "x.txt")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", 'stars,text\n5,"good, very\nvery good"\n1,"so ""so"""\n'),
        ("x.csv", 'stars;text\r\n5;"good, very\nvery good"\r\n1;"so ""so"""\r\n'),
        ("x.tsv", 'stars\ttext\n5\t"good, very\nvery good"\n1\t"so ""so"""\n'),
        ("x.jsonl", '{"stars": "5", "text": "good, very\\nvery good"}\n\n{"stars": 1, "text": "so \\"so\\""}\n'),
    ],
)
def test_a_table_is_its_columns(name, text):
    assert read_table(text, name) == {"stars": ["5", "1"], "text": ["good, very\nvery good", 'so "so"']}


def test_lines_that_differ_and_lines_that_are_texts():
    lines = [json.dumps(row) for row in ({"a": "x"}, {"b": None, "a": ["y"]}, "alone")]
    assert read_table("\n".join(lines), "x.jsonl") == {
        "a": ["x", '["y"]', ""],
        "b": ["", "", ""],
        "text": ["", "", "alone"],
    }
    assert read_table("a,b\n1\n1,2,3\n", "x.csv") == {"a": ["1", "1"], "b": ["", "2"]}


def test_a_text_longer_than_the_modules_usual_field_is_read():
    assert read_table(f"text\n{'x' * 200_000}\n", "x.csv") == {"text": ["x" * 200_000]}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.csv", "", "no rows"),
        ("x.csv", "a,b\n", "no rows"),
        ("x.csv", 'a,b\n1,"open\n', "broken near line"),
        ("x.jsonl", '{"a": 1}\n{"a":', "line 2, is not JSON"),
        ("x.jsonl", "[1]", "neither an object nor a text"),
    ],
)
def test_a_broken_table_is_refused_in_a_sentence(name, text, words):
    with pytest.raises(ExplorerError, match=words):
        read_table(text, name)


def test_the_column_is_the_asked_one_or_text_or_the_only_one():
    assert choose_column(["a", "text"], "x") == "text"
    assert choose_column(["a"], "x") == "a"
    assert choose_column(["a", "text"], "x", "a") == "a"
    for columns, asked in ((["a", "b"], ""), (["a", "text"], "c")):
        with pytest.raises(ExplorerError, match=f"name one of {', '.join(columns)}"):
            choose_column(columns, "x", asked)
