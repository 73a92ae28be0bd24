"""Tokens as a cloud of points, linked to the photos they come from: a browser component."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from explorer.figures import TokenColours
from explorer.lens import asset, pack
from explorer.trace import Array
from explorer.ui.components.web import sources


@dataclass(frozen=True)
class Sheet:
    """The photos of a cloud, side by side in one picture. jpeg: the picture, `columns` tiles wide, row by row.

    tile: height and width of one photo; grid: its rows and columns of patches; patch, stride: all in the sheet's
    pixels. names: of the photos. scene: names the tokens, so that a selection is never taken for one of other tokens.
    """

    jpeg: bytes
    columns: int
    tile: tuple[int, int]
    grid: tuple[int, int]
    patch: int
    stride: int
    names: tuple[str, ...]
    scene: str

    @property
    def tokens(self) -> int:
        return len(self.names) * (1 + self.grid[0] * self.grid[1])

    def geometry(self) -> dict[str, Any]:
        """What the browser needs to find a patch."""
        rows = -(-len(self.names) // self.columns)
        return {
            "width": self.columns * self.tile[1], "height": rows * self.tile[0], "columns": self.columns,
            "tiles": len(self.names), "tileWidth": self.tile[1], "tileHeight": self.tile[0],
            "rows": self.grid[0], "cols": self.grid[1], "patch": self.patch, "stride": self.stride,
            "digest": hashlib.sha256(self.jpeg).hexdigest(),
        }  # fmt: skip


def token_cloud(
    sheet: Sheet,
    places: Array,
    axes: tuple[str, ...],
    colours: TokenColours,
    rates: Array,
    key: str,
    alt: str,
    *,
    marks: str = "dots",
    paint: bool = False,
) -> Array:
    """Show the cloud beside its photos; return the selected tokens, sorted, int (S,), empty if none is selected.

    Token i of the cloud is row i mod N of photo ⌊i/N⌋, N = 1 + rows·cols; row 0 is CLS. A selection is kept while
    the sheet's scene stays the same, so it can be followed through the layers.
    places: (T,2) or (T,3) in the cube −1 … 1. axes: their names. rates: (T,) nats, told of the token pointed at.
    marks: "dots" or "thumbnails". paint: lay the points' colours over the photo. key: names the component.
    Raises ValueError if the numbers of tokens differ or places are not 2-D or 3-D.
    """
    total, dims = places.shape
    if not (total == len(colours.rgb) == len(rates) == sheet.tokens) or dims not in (2, 3) or len(axes) != dims:
        raise ValueError(
            f"{sheet.tokens} tokens need as many places, colours and rates in 2-D or 3-D, got places {places.shape}, "
            f"{len(colours.rgb)} colours, {len(rates)} rates and {len(axes)} axes"
        )
    chosen = _chosen(key, sheet)
    header = {
        "count": total, "dims": dims, "axes": axes, "sheet": sheet.geometry(), "names": sheet.names,
        "legend": colours.legend, "frames": colours.photos, "marks": marks, "paint": paint, "scene": sheet.scene,
        "chosen": chosen.tolist(), "alt": alt, "altPhoto": f"{', '.join(sheet.names)}: drag to select patches",
    }  # fmt: skip
    space = np.zeros((total, 3), np.float32)
    space[:, :dims] = places
    body = space.tobytes() + rates.astype(np.float32).tobytes() + colours.rgb.astype(np.uint8).tobytes() + sheet.jpeg
    _component()(data=pack(header, body), key=key, on_selection_change=lambda: None)
    return chosen


@functools.cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    js = asset("bytes.js") + sources("cloud_geometry.js", "cloud_draw.js", "cloud.js")
    return component("crate_token_cloud", html=sources("cloud.html"), css=sources("cloud.css"), js=js)


def _chosen(key: str, sheet: Sheet) -> Array:
    """What the browser last selected of these very tokens; what is no such selection selects nothing."""
    state = st.session_state.get(key)
    said = state.get("selection") if state else None
    none = np.zeros(0, np.int64)
    if not isinstance(said, dict) or said.get("scene") != sheet.scene or not isinstance(said.get("tokens"), list):
        return none
    tokens = said["tokens"]
    valid = all(type(token) is int and 0 <= token < sheet.tokens for token in tokens)
    return np.unique(np.array(tokens, np.int64)) if valid and tokens else none
