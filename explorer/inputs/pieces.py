"""How tokens of a text are shown: by a name where one stands alone, and in the text as part of a box of characters.

A box is the least number of tokens that spell whole characters as a reader counts them (Unicode's extended grapheme
clusters): an emoji of several signs, or a letter and its accents, is never torn.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from explorer.card import ModelCard
from explorer.inputs.tokenizer import bytes_of_tokens, load_tokenizer, words_of
from explorer.trace import Piece

MARKS = {" ": "␣", "\n": "⏎", "\r\n": "⏎", "\r": "␍", "\t": "⇥"}
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def token_name(card: ModelCard, token: int) -> str:
    """A single token as a list shows it (written); its number where the model has no tokenizer or no such token."""
    if not card.tokenizer:
        return f"#{token}"
    known = bytes_of_tokens(card.tokenizer)
    if known is not None:
        return written(known.get(token, b"")) or f"#{token}"
    text = words_of(card, [token])
    if text and REPLACEMENT not in text:
        return written(text.encode())
    return load_tokenizer(card.tokenizer).id_to_token(token) or f"#{token}"


def pieces_of(card: ModelCard, tokens: Sequence[int]) -> tuple[Piece, ...]:
    """What each token of a run of them stands for; its number where the model has no tokenizer."""
    if not card.tokenizer:
        return numbered(tokens)
    known = bytes_of_tokens(card.tokenizer)
    return pieces_of_bytes([known.get(token, b"") for token in tokens] if known is not None else _grown(card, tokens))


def pieces_of_text(
    text: str, tokenizer: str, tokens: Sequence[int], offsets: Sequence[tuple[int, int]]
) -> tuple[Piece, ...]:
    """What each token of a text, or of its beginning, stands for. offsets: the characters of each, as the tokenizer
    says, for one that is not of bytes or that changes the text."""
    known = bytes_of_tokens(tokenizer)
    spelled = [known.get(token, b"") for token in tokens] if known is not None else []
    return pieces_of_bytes(spelled if spelled and text.encode().startswith(b"".join(spelled)) else _cut(text, offsets))


def numbered(tokens: Sequence[int]) -> tuple[Piece, ...]:
    """Tokens of which nothing is known but their numbers."""
    return tuple(Piece(b"", f"#{token}", f"#{token} ") for token in tokens)


def _grown(card: ModelCard, tokens: Sequence[int]) -> list[bytes]:
    """What the text grows by with each token. Of a character that several tokens spell, the first has it and the others
    are empty. Only the tokens since the last whole character but one are decoded each time."""
    pieces, known, whole = [], 0, 0
    for count in range(1, len(tokens) + 1):
        now = words_of(card, tokens[known:count])
        pieces.append(b"")
        if count < len(tokens) and now.endswith(REPLACEMENT):
            continue
        pieces[whole] = now[len(words_of(card, tokens[known:whole])) if whole > known else 0 :].encode()
        known, whole = whole, count
    return pieces


def _cut(text: str, offsets: Sequence[tuple[int, int]]) -> list[bytes]:
    """The characters of each token. Of one that several tokens spell, the first has it and the others are empty."""
    pieces, end = [], 0
    for start, stop in offsets:
        pieces.append(text[max(start, end) : max(stop, end)].encode())
        end = max(stop, end)
    return pieces


def pieces_of_bytes(parts: Sequence[bytes]) -> tuple[Piece, ...]:
    """The pieces of a text whose tokens stand for these bytes; an empty one belongs to the token before it."""
    whole = b"".join(parts)
    ends = set(accumulate(len(_bytes(cluster)) for cluster in _clusters(_text(whole))))
    after = list(accumulate(map(len, parts)))
    pieces, first = [], 0
    for last in range(len(parts)):
        following = parts[last + 1] if last + 1 < len(parts) else None
        if following is None or (after[last] in ends and following):
            pieces += _box(parts[first : last + 1])
            first = last + 1
    return tuple(pieces)


def _box(parts: Sequence[bytes]) -> Iterator[Piece]:
    """The tokens that spell the characters of one box."""
    whole, start = b"".join(parts), 0
    for i, part in enumerate(parts):
        places = f"byte {start + 1}" if len(part) == 1 else f"bytes {start + 1}–{start + len(part)}"
        of = f"{places} of {len(whole)} of" if part else "part of"
        shown = (_drawn(whole) or "·") if i == 0 else ""
        yield Piece(part, written(part) or "·", shown, f"{of} {written(whole)}" if len(parts) > 1 and whole else "")
        start += len(part)


def written(data: bytes) -> str:
    """Bytes of UTF-8 as a name: blanks, line ends and what cannot be seen by a sign or number, bytes that are no
    character alone as <0xE7>."""
    return "".join(MARKS.get(cluster) or _visible(cluster) for cluster in _clusters(_text(data)))


def _drawn(data: bytes) -> str:
    """Bytes of UTF-8 as they stand in a text: like a name, but with blanks, and a line ends behind its sign."""
    return "".join(
        cluster if unicodedata.category(cluster[0]) == "Zs" or cluster == "\t"
        else f"{MARKS[cluster]}\n" if "\n" in cluster
        else _visible(cluster)
        for cluster in _clusters(_text(data))
    )  # fmt: skip


def _visible(cluster: str) -> str:
    first = cluster[0]
    if unicodedata.category(first)[0] == "M":
        return f"◌{cluster}"
    return cluster if first.isprintable() else "".join(map(_numbered, cluster))


def _numbered(character: str) -> str:
    number = ord(character)
    return f"<0x{number - 0xDC00:02X}>" if 0xDC80 <= number <= 0xDCFF else f"<U+{number:04X}>"


def _text(data: bytes) -> str:
    """UTF-8 as text; a byte that is no character alone becomes U+DC80 … U+DCFF."""
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _clusters(text: str) -> Iterator[str]:
    """The characters as a reader counts them: Unicode's extended grapheme clusters."""
    if text.isascii() and "\r" not in text:
        yield from text
        return
    whole = "".join(REPLACEMENT if "\udc80" <= character <= "\udcff" else character for character in text)
    for _, (start, end) in _splitter().pre_tokenize_str(whole):
        yield text[start:end]


@cache
def _splitter():
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(r"\X"), "isolated")


def quoted(name: str) -> str:
    """A name between quotation marks, which keep their sides whatever direction it is read in."""
    return f"“{isolated(name)}”"


def isolated(text: str) -> str:
    """A text that what stands around it does not move: between isolates, if it is read from right to left."""
    return f"\u2068{text}\u2069" if right_to_left(text) else text


def right_to_left(text: str) -> bool:
    """Whether it has letters that are read from right to left."""
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
