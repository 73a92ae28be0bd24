"""What a link carries of a text: the text, packed where it is long, or a mark by which the text itself is known."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from explorer.inputs.text import MAX_CHARACTERS

PLAIN, PACKED, KEPT = "text", "packed_text", "kept_text"
"""Parameters of the URL; a link has one of them at most."""
MOST_READABLE = 600
"""Characters of a text that a link shows as they are."""
MOST_PACKED = 6000
"""Characters that a text may take of a link: with the other settings it stays below the 8 KB that servers take."""
DIGITS = 16
"""Of the hash in a mark."""


@dataclass(frozen=True)
class Mark:
    """A text that a link cannot carry: its characters and the beginning of its SHA-256."""

    length: int
    digest: str

    def __str__(self) -> str:
        return f"{self.length}-{self.digest}"

    def fits(self, text: str) -> bool:
        """Whether this is the text."""
        return mark_of(text) == self


def mark_of(text: str) -> Mark:
    return Mark(len(text), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS])


def to_link(text: str) -> tuple[str, str]:
    """The parameter that stands for a text, and its value."""
    data = text.encode("utf-8", "ignore")
    if data.decode() == text:  # else it holds half a character, which no link can carry
        if len(text) <= MOST_READABLE and len(quote_plus(text)) <= MOST_PACKED:
            return PLAIN, text
        packed = base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")
        if len(packed) <= MOST_PACKED:
            return PACKED, packed
    return KEPT, str(mark_of(text))


def from_link(parameters: Mapping[str, str]) -> str | Mark | None:
    """The text or the mark of a link, None where it has neither. Raises ValueError for one that is damaged."""
    if value := parameters.get(PLAIN):
        return value
    if value := parameters.get(PACKED):
        return _unpacked(value)
    if value := parameters.get(KEPT):
        length, _, digest = value.partition("-")
        if not length.isdecimal() or len(digest) != DIGITS:
            raise ValueError(f"{value} is no mark of a text")
        return Mark(int(length), digest)
    return None


def _unpacked(value: str) -> str:
    """At most MAX_CHARACTERS are unpacked, however many a link was made to hold."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), 4 * MAX_CHARACTERS)
    except zlib.error as error:
        raise ValueError(f"a packed text cannot be unpacked ({error})") from error
    if not unpacking.eof:
        raise ValueError("a packed text was cut")
    return data.decode()[:MAX_CHARACTERS]
