"""Tokens are named as what they are, and drawn in boxes that never tear what a reader sees as one character."""

from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from explorer.inputs.pieces import isolated, pieces_of, pieces_of_bytes, quoted, token_name
from explorer.inputs.text import prepare_text
from explorer.inputs.tokenizer import load_tokenizer
from explorer.trace import Piece
from explorer.training.texts import learn_tokenizer
from tests.inputs.test_text import ENGLISH, UNUSUAL

FAMILY = "👩\u200d👩\u200d👧\u200d👦"


def boxes(text: str, tokenizer: str) -> list[tuple[str, int]]:
    """Every box with the number of its tokens."""
    pieces = prepare_text(text, tokenizer, 500).pieces
    starts = [i for i, piece in enumerate(pieces) if piece.box]
    return [(pieces[a].box, b - a) for a, b in zip(starts, [*starts[1:], len(pieces)], strict=True)]


@pytest.fixture(scope="module")
def tokenizer() -> str:
    return learn_tokenizer([ENGLISH], 300).to_str()


@pytest.mark.parametrize("text", [*UNUSUAL, ENGLISH[:200], "猫が好き"])
def test_pieces_of_tokens_are_those_of_the_text(tokenizer, text):
    prepared = prepare_text(text, tokenizer, 500)
    card = SimpleNamespace(tokenizer=tokenizer)
    assert pieces_of(card, prepared.data[0].tolist()) == prepared.pieces  # pyright: ignore[reportArgumentType]


def test_a_character_of_three_bytes_is_one_box_and_each_token_says_which_byte_it_is(tokenizer):
    pieces = prepare_text("猫", tokenizer, 8).pieces
    assert [piece.name for piece in pieces] == ["<0xE7>", "<0x8C>", "<0xAB>"]
    assert [piece.part for piece in pieces] == [f"byte {n} of 3 of 猫" for n in (1, 2, 3)]
    assert [piece.box for piece in pieces] == ["猫", "", ""]
    cut = prepare_text("猫", tokenizer, 2).pieces
    assert cut == pieces[:2]  # the character is named whole, though the model reads two thirds of it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{FAMILY}!", [(FAMILY, 25), ("!", 1)]),
        ("e\u0301\u00e9", [("e\u0301", 3), ("\u00e9", 2)]),
        ("بِس", [("بِ", 4), ("س", 2)]),  # a letter with its vowel
        ("🇩🇪🇫🇷", [("🇩🇪", 8), ("🇫🇷", 8)]),
        ("\r\n\n", [("⏎\n", 2), ("⏎\n", 1)]),
        ("a\u200bb", [("a", 1), ("<U+200B>", 3), ("b", 1)]),
        ("\x00", [("<U+0000>", 1)]),
    ],
)
def test_boxes_are_the_characters_of_a_reader(tokenizer, text, expected):
    assert boxes(text, tokenizer) == expected


def test_a_token_may_begin_in_one_character_and_end_in_the_next():
    pieces = pieces_of_bytes([b"a", b" \xe7", b"\x8c\xab\xe5", b"\xa5\xbd", b"b"])
    assert [piece.box for piece in pieces] == ["a", " 猫好", "", "", "b"]
    assert [piece.name for piece in pieces] == ["a", "␣<0xE7>", "<0x8C><0xAB><0xE5>", "<0xA5><0xBD>", "b"]
    assert pieces[2].part == "bytes 3–5 of 7 of ␣猫好"


def test_bytes_that_never_become_a_character_are_shown_as_bytes():
    pieces = pieces_of_bytes([b"\xff", b"a\xe7"])
    assert [(piece.box, piece.name) for piece in pieces] == [("<0xFF>", "<0xFF>"), ("a<0xE7>", "a<0xE7>")]


def test_no_name_is_empty_or_invisible(tokenizer):
    card = SimpleNamespace(tokenizer=tokenizer)
    size = load_tokenizer(tokenizer).get_vocab_size()
    names = [token_name(card, token) for token in range(size + 1)]  # pyright: ignore[reportArgumentType]
    assert all(name.strip() and name.isprintable() for name in names)
    assert len(set(names)) == size + 1
    assert names[size] == f"#{size}"  # beyond the vocabulary
    written = [piece.name for piece in prepare_text(" \n\t\r\u0301", tokenizer, 16).pieces]
    assert written == ["␣", "⏎", "⇥", "␍", "<0xCC>", "<0x81>"]


def test_a_tokenizer_that_is_not_of_bytes_has_whole_characters_and_empty_rests():
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "猫": 1, "cat": 2, "##s": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.WordPiece()  # pyright: ignore[reportAttributeAccessIssue]
    pieces = prepare_text("猫 cats", tokenizer.to_str(), 8).pieces
    assert [piece.name for piece in pieces] == ["猫", "cat", "s"]
    assert pieces_of_bytes([b"", b"a", b""])[0] == Piece(b"", "·", "a", "part of a")


def test_names_that_are_read_from_right_to_left_move_nothing_around_them():
    assert quoted("cat") == "“cat”"
    assert quoted("ש") == "“\u2068ש\u2069”"
    assert isolated("猫") == "猫"
