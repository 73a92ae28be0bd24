"""Tokens as a cloud of points, linked to the photos they come from: a browser component."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from explorer.card import CLASS_TOKEN
from explorer.figures import TokenColours
from explorer.lens import asset, pack
from explorer.trace import Array
from explorer.ui.components.web import sources
from explorer.ui.state.settings import no_widget, url_setting

CHOSEN, CAMERA, SCENE = "picked", "view", "picked_scene"
"""The settings' names in the session and, but for the scene, in the URL: selected tokens, camera, whose tokens."""
_CAMERA = re.compile(r"([23]:-?\d+(\.\d+)?(,-?\d+(\.\d+)?){8})?")
"""As cloud_geometry.js writes it; empty for its first view."""


@dataclass(frozen=True)
class Sheet:
    """The photos of a cloud, side by side in one picture. jpeg: the picture, `columns` tiles wide, row by row.

    tile: height and width of one photo; grid: its rows and columns of patches; patch, stride: all in the sheet's
    pixels. names: of the photos. prefix: names of the tokens in front of each photo's patches. scene: names the tokens,
    so that a selection is never taken for one of other tokens.
    """

    jpeg: bytes
    columns: int
    tile: tuple[int, int]
    grid: tuple[int, int]
    patch: int
    stride: int
    names: tuple[str, ...]
    scene: str
    prefix: tuple[str, ...] = (CLASS_TOKEN,)

    def holds(self, text: str) -> bool:
        """Whether a text of ranges names tokens of these photos."""
        try:
            tokens_of(text, self.tokens)
        except ValueError:
            return False
        return True

    @property
    def tokens(self) -> int:
        return len(self.names) * (len(self.prefix) + self.grid[0] * self.grid[1])

    def geometry(self) -> dict[str, Any]:
        """What the browser needs to find a patch."""
        rows = -(-len(self.names) // self.columns)
        return {
            "width": self.columns * self.tile[1], "height": rows * self.tile[0], "columns": self.columns,
            "tiles": len(self.names), "tileWidth": self.tile[1], "tileHeight": self.tile[0],
            "rows": self.grid[0], "cols": self.grid[1], "patch": self.patch, "stride": self.stride,
            "prefix": list(self.prefix), "digest": hashlib.sha256(self.jpeg).hexdigest(),
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

    Token i of the cloud is row i mod N of photo ⌊i/N⌋, N = the sheet's prefix + rows·cols. A selection is kept while
    the sheet's scene stays the same, so it can be followed through the layers; it and the camera are in the link.
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
    state = st.session_state
    if state.setdefault(SCENE, sheet.scene) != sheet.scene:
        state.update({SCENE: sheet.scene, CHOSEN: ""})
    chosen = tokens_of(url_setting(no_widget, "Selection", key=CHOSEN, default="", valid=sheet.holds), sheet.tokens)
    camera = url_setting(no_widget, "Camera", key=CAMERA, default="", valid=lambda text: bool(_CAMERA.fullmatch(text)))
    header = {
        "count": total, "dims": dims, "axes": axes, "sheet": sheet.geometry(), "names": sheet.names,
        "legend": colours.legend, "frames": colours.photos, "marks": marks, "paint": paint, "scene": sheet.scene,
        "chosen": chosen.tolist(), "camera": camera, "alt": alt,
        "altPhoto": f"{', '.join(sheet.names)}: drag to select patches",
    }  # fmt: skip
    space = np.zeros((total, 3), np.float32)
    space[:, :dims] = places
    body = space.tobytes() + rates.astype(np.float32).tobytes() + colours.rgb.astype(np.uint8).tobytes() + sheet.jpeg
    _component()(
        data=pack(header, body), key=key, on_selection_change=partial(_keep_selection, key, sheet),
        on_camera_change=partial(_keep_camera, key),
    )  # fmt: skip
    return chosen


@functools.cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    js = asset("bytes.js") + sources("cloud_geometry.js", "cloud_draw.js", "cloud.js")
    return component("crate_token_cloud", html=sources("cloud.html"), css=sources("cloud.css"), js=js)


def _said(key: str, name: str) -> Any:
    """What the browser last sent under a name."""
    state = st.session_state.get(key)
    return state.get(name) if state else None


def _keep_selection(key: str, sheet: Sheet) -> None:
    """Put what was selected where the URL finds it; what is no selection of these very tokens selects nothing."""
    said = _said(key, "selection")
    tokens = said.get("tokens") if isinstance(said, dict) and said.get("scene") == sheet.scene else None
    whole = isinstance(tokens, list) and all(type(token) is int and 0 <= token < sheet.tokens for token in tokens)
    st.session_state.update({CHOSEN: ranges(sorted(set(tokens))) if whole and tokens else "", SCENE: sheet.scene})


def _keep_camera(key: str) -> None:
    said = _said(key, "camera")
    st.session_state[CAMERA] = said if isinstance(said, str) and _CAMERA.fullmatch(said) else ""


def ranges(tokens: Sequence[int]) -> str:
    """Ascending numbers as text for links: 3, 4, 5, 9 → "3-5,9"."""
    found: list[list[int]] = []
    for token in tokens:
        if found and found[-1][1] == token - 1:
            found[-1][1] = token
        else:
            found.append([token, token])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def tokens_of(text: str, total: int) -> Array:
    """The tokens that a text of ranges names, sorted, int (S,). Raises ValueError if it is none, or names others than
    0 … total − 1."""
    tokens: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        start, end = int(first), int(last or first)
        if part.endswith("-") or not (tokens[-1] if tokens else -1) < start <= end < total:
            raise ValueError(f"{text!r} should name ascending tokens below {total}")
        tokens += range(start, end + 1)
    return np.array(tokens, np.int64)
