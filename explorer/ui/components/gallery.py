"""The sample gallery as a grid of clickable photos."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image
from streamlit.components.v2 import component

from explorer.inputs.gallery import gallery
from explorer.lens import asset, pack
from explorer.ui.components.web import sources

THUMBNAIL_SIDE = 160


@cache
def thumbnails() -> tuple[bytes, list[dict]]:
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
        css=sources("gallery.css"),
        js=asset("bytes.js") + sources("gallery.js"),
    )


def pick_photo(selected: str | None, key: str) -> str | None:
    """Show the gallery; returns the name of the photo that was clicked in this rerun, or None."""
    pictures, photos = thumbnails()
    data = pack({"photos": photos, "selected": selected}, pictures)
    return _component()(data=data, key=key, on_chosen_change=lambda: None).chosen
