"""The photos that come with the package, each with its source and licence."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from explorer.errors import ExplorerError

PHOTOS = Path(__file__).parent / "gallery_photos"


@dataclass(frozen=True)
class GalleryPhoto:
    """One photo of the gallery. name: the stem of its file; source, licence: to be shown wherever the photo is."""

    name: str
    label: str
    source: str
    licence: str
    path: Path

    @property
    def caption(self) -> str:
        return f"{self.label} — {self.source}, {self.licence}"


def gallery() -> tuple[GalleryPhoto, ...]:
    """Every photo of the gallery, in the order of credits.csv."""
    with (PHOTOS / "credits.csv").open(encoding="utf-8", newline="") as credits_file:
        return tuple(
            GalleryPhoto(Path(row["file"]).stem, row["label"], row["source"], row["licence"], PHOTOS / row["file"])
            for row in csv.DictReader(credits_file)
        )


def gallery_photo(name: str) -> GalleryPhoto:
    """The photo of that name. Raises ExplorerError with the valid names if there is none."""
    photos = {photo.name: photo for photo in gallery()}
    if name not in photos:
        raise ExplorerError(f"The gallery has no photo {name!r}: choose one of {', '.join(photos)}.")
    return photos[name]
