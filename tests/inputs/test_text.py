"""Text becomes tokens, whatever the text, and the pieces are the text again."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.inputs.text import load_tokenizer, pieces_of, prepare_text, prepare_tokens, read_tokenizer, words_of
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
    assert "".join(prepared.pieces) == text
    assert prepared.data.shape == (1, len(prepared.pieces))
    assert prepared.data.dtype == np.int64
    assert load_tokenizer(tokenizer).decode(prepared.data[0].tolist()) == text
    assert prepared.note == ""


@pytest.mark.parametrize("text", [*UNUSUAL, ENGLISH[:200]])
def test_pieces_of_tokens_are_the_text(tokenizer, text):
    tokens = prepare_text(text, tokenizer, 500).data[0].tolist()
    card = SimpleNamespace(tokenizer=tokenizer)
    pieces = pieces_of(card, tokens)
    assert len(pieces) == len(tokens)
    assert "".join(pieces) == text
    grown = [words_of(card, tokens[: i + 1]) for i in range(len(tokens))]
    for i, whole in enumerate(grown):
        if not whole.endswith("\N{REPLACEMENT CHARACTER}"):
            assert "".join(pieces[: i + 1]) == whole


def test_a_long_text_is_cut_at_the_context_and_says_so(tokenizer):
    prepared = prepare_text(ENGLISH, tokenizer, 8)
    assert prepared.data.shape == (1, 8)
    shown = "".join(prepared.pieces)
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


def test_a_tokenizer_is_read_from_its_file_its_folder_or_gpt2s_files(tokenizer, tmp_path):
    (tmp_path / "tokenizer.json").write_text(tokenizer)
    assert read_tokenizer(tmp_path / "tokenizer.json") == read_tokenizer(tmp_path) == tokenizer
    model = json.loads(tokenizer)["model"]
    gpt2 = tmp_path / "gpt2"
    gpt2.mkdir()
    (gpt2 / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    (gpt2 / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges))
    ids = prepare_text(ENGLISH[:60], read_tokenizer(gpt2), 100).data
    assert ids.tolist() == prepare_text(ENGLISH[:60], tokenizer, 100).data.tolist()


@pytest.mark.parametrize("content", ["{}", "not json", None])
def test_what_is_no_tokenizer_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ExplorerError, match="tokenizer"):
        read_tokenizer(tmp_path)
