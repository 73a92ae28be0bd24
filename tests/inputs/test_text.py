"""Text becomes tokens, whatever the text, and the pieces are the text again."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.inputs.text import prepare_text, prepare_tokens, prepare_words
from explorer.inputs.tokenizer import load_tokenizer
from explorer.training.texts import learn_tokenizer

ENGLISH = "It was the best of times, it was the worst of times. " * 20
UNUSUAL = [
    "🐕‍🦺 and 👩‍👩‍👧",  # several code points a sign, each of several bytes
    "שלום עולם",  # right to left
    "zero\u200bwidth\ufeff",
    "é as e\u0301",
    "\t\n  \r\n",
    "a",
    "\x00",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> str:
    return learn_tokenizer([ENGLISH], 300).to_str()


@pytest.mark.parametrize("text", [*UNUSUAL, ENGLISH[:200]])
def test_any_text_is_read_and_its_pieces_are_the_text(tokenizer, text):
    prepared = prepare_text(text, tokenizer, 500)
    assert b"".join(piece.data for piece in prepared.pieces) == text.encode()
    assert prepared.data.shape == (1, len(prepared.pieces))
    assert prepared.data.dtype == np.int64
    assert load_tokenizer(tokenizer).decode(prepared.data[0].tolist()) == text
    assert prepared.note == ""


def test_a_long_text_is_cut_at_the_context_and_says_so(tokenizer):
    prepared = prepare_text(ENGLISH, tokenizer, 8)
    assert prepared.data.shape == (1, 8)
    shown = b"".join(piece.data for piece in prepared.pieces).decode()
    assert ENGLISH.startswith(shown)
    assert f"the first {len(shown)} of {len(ENGLISH):,} characters" in prepared.note


def test_a_megabyte_is_cut_before_it_is_tokenized(tokenizer, monkeypatch):
    seen = []
    whole = load_tokenizer(tokenizer)

    class Watched:
        def encode(self, text):
            seen.append(len(text))
            return whole.encode(text)

    monkeypatch.setattr("explorer.inputs.text.load_tokenizer", lambda text: Watched())
    prepared = prepare_text("x " * 500_000, tokenizer, 16)
    assert seen == [16 * 64]
    assert "1,000,000 characters" in prepared.note


@pytest.mark.parametrize(("text", "words"), [("", "no text"), ("a\ud800b", "half a character at place 1")])
def test_what_is_no_text_is_refused_in_a_sentence(tokenizer, text, words):
    with pytest.raises(ExplorerError, match=words):
        prepare_text(text, tokenizer, 8)


def test_another_text_tokenizer_or_context_is_another_input(tokenizer):
    other = learn_tokenizer(["quite another text"], 280).to_str()
    digests = {prepare_text(*one).digest for one in
               (("a", tokenizer, 8), ("b", tokenizer, 8), ("a", other, 8), ("a", tokenizer, 9))}  # fmt: skip
    assert len(digests) == 4


def test_token_numbers_are_taken_as_they_are():
    prepared = prepare_tokens(np.array([[3, 0, 9]], np.int32), vocabulary=10, context=4)
    assert prepared.data.tolist() == [[3, 0, 9]]
    assert prepared.pieces == ()  # nothing is known of what they spell


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1, 2]), "whole numbers"),
        (np.array([[1.5]]), "whole numbers"),
        (np.zeros((1, 0), int), "whole numbers"),
        (np.array([[1, 2, 3, 4, 5]]), "5 tokens"),
        (np.array([[10]]), "from 10 to 10"),
        (np.array([[-1]]), "from -1"),
    ],
)
def test_token_numbers_that_do_not_fit_are_refused(array, words):
    with pytest.raises(ExplorerError, match=words):
        prepare_tokens(array, vocabulary=10, context=4)


def test_what_is_nothing_but_blanks_is_called_by_their_signs(tokenizer):
    assert prepare_text("  \n\t", tokenizer, 8).label == "␣␣⏎⇥"
    assert prepare_text(" a\n b ", tokenizer, 8).label == "a b"


def test_a_row_of_a_table_is_read(tokenizer, tmp_path):
    card = SimpleNamespace(name="words", tokenizer=tokenizer, context=500)
    (tmp_path / "reviews.csv").write_bytes('stars;text\n5;good\n1;"bad; caf\u00e9"\n'.encode("cp1252"))
    prepared = prepare_words(str(tmp_path / "reviews.csv"), card, "text", 2)  # pyright: ignore[reportArgumentType]
    assert b"".join(piece.data for piece in prepared.pieces).decode() == "bad; café"
    assert prepared.label == "reviews.csv, row 2"
    assert "Windows-1252" in prepared.note
    with pytest.raises(ExplorerError, match="rows 1 to 2"):
        prepare_words(str(tmp_path / "reviews.csv"), card, "text", 3)  # pyright: ignore[reportArgumentType]
