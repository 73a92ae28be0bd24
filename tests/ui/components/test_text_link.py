"""A link brings a text back, or says by its mark which text it was made with."""

import random

import pytest

from explorer.ui.components.text_link import KEPT, MOST_PACKED, PACKED, PLAIN, Mark, from_link, mark_of, to_link

LETTERS = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz ", k=20_000))
"""A text that hardly packs: its letters are drawn."""


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("the cat", PLAIN), ("a" * 600, PLAIN), ("a" * 601, PACKED), ("猫" * 600, PLAIN), ("👩‍👩‍👧‍👦" * 100, PACKED),
        (LETTERS[:5000], PACKED), ("the cat sat on the mat. " * 10_000, PACKED),
    ],
)  # fmt: skip
def test_a_text_comes_back_from_its_link(text, parameter):
    name, value = to_link(text)
    assert name == parameter
    assert len(value) <= MOST_PACKED
    assert from_link({name: value}) == text


@pytest.mark.parametrize("text", [LETTERS, "half a character: \ud83d"])
def test_what_a_link_cannot_carry_is_known_by_its_mark(text):
    name, value = to_link(text)
    assert name == KEPT
    mark = from_link({name: value})
    assert isinstance(mark, Mark)
    assert mark.length == len(text)
    assert mark.fits(text)
    assert not mark.fits(text + "x")
    assert not mark_of(LETTERS[:-1] + "?").fits(LETTERS)


def test_without_a_text_there_is_none():
    assert from_link({}) is None
    assert from_link({PLAIN: ""}) is None


@pytest.mark.parametrize(
    "link",
    [{PACKED: "x"}, {PACKED: to_link(LETTERS[:2000])[1][:-40]}, {PACKED: "!!"}, {KEPT: "many-1"}, {KEPT: "12-1"}],
)
def test_a_damaged_link_is_said(link):
    with pytest.raises(ValueError, match=r"mark|text|base64|padding|data characters"):
        from_link(link)
