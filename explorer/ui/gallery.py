"""The sample gallery as a grid of clickable photos."""

from __future__ import annotations

import io
import json
import struct
from functools import cache
from pathlib import Path

from PIL import Image
from streamlit.components.v2 import component

from explorer.inputs.gallery import gallery

COMPONENT = Path(__file__).parent / "component"
THUMBNAIL_SIDE = 160


@cache
def _thumbnails() -> tuple[bytes, list[dict]]:
    """All thumbnails as one run of JPEG bytes, and where each photo's begin and end in it."""
    joined, photos = b"", []
    for photo in gallery():
        buffer = io.BytesIO()
        with Image.open(photo.path) as image:
            image.thumbnail((2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
            image.convert("RGB").save(buffer, "JPEG", quality=80)
        start, joined = len(joined), joined + buffer.getvalue()
        label = photo.name.replace("_", " ")
        photos.append({"name": photo.name, "label": label, "title": photo.caption, "start": start, "end": len(joined)})
    return joined, photos


@cache
def _component():
    return component(
        "crate_gallery",
        html='<div class="gallery" role="group" aria-label="Sample photos"></div>',
        css=(COMPONENT / "gallery.css").read_text("utf-8"),
        js=(COMPONENT / "gallery.js").read_text("utf-8"),
    )


def pack(header: dict, body: bytes) -> bytes:
    """JSON and raw bytes as one run of bytes, since a component's data is either; its JavaScript has the inverse."""
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + body


def pick_photo(selected: str | None, key: str) -> str | None:
    """Show the gallery; returns the name of the photo that was clicked in this rerun, or None."""
    pictures, photos = _thumbnails()
    data = pack({"photos": photos, "selected": selected}, pictures)
    return _component()(data=data, key=key, on_chosen_change=lambda: None).chosen
