"""A photo that the user chose, whatever it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from explorer.inputs.gallery import gallery_photo

FIRST_PHOTO = "kangaroo"


@dataclass(frozen=True)
class Photo:
    """A picture that the user chose: its name, its bytes and their SHA-256. label: what the gallery says it shows;
    empty where nobody does. notice: why it is not the one that was asked for."""

    name: str
    data: bytes
    sha256: str
    credit: str = ""
    label: str = ""
    notice: str = ""


def sample(name: str) -> Photo:
    """A photo of the gallery."""
    chosen = gallery_photo(name)
    data = chosen.path.read_bytes()
    credit = f"{chosen.source}, {chosen.licence}"
    return Photo(chosen.name.replace("_", " "), data, hashlib.sha256(data).hexdigest(), credit, chosen.label)
