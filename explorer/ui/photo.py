"""The photo that picks a token: a browser component, because Streamlit's own image cannot be clicked."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.components.v2 import component

from explorer.trace import Array

LOSSLESS_PIXELS = 320 * 320
"""Pictures up to this size travel as PNG, so that patches stay sharp; larger ones as JPEG."""


def pick_patch(
    picture: Array,
    rows: int,
    cols: int,
    patch: int,
    stride: int,
    selected: int | None,
    key: str,
    alt: str,
    overlay: Array | None = None,
    *,
    crisp: bool = True,
    on_pick: Callable[[int | None], None] | None = None,
) -> int | None:
    """Show a picture on which the user picks a patch with mouse, touch or arrow keys; return the token.

    The caller holds the choice: pass in `selected`, store what comes back. In the rerun that a pick causes, the pick
    is returned; in every other one, `selected`. With on_pick, the pick goes there instead, before the script runs, so
    that it may set the state of any widget. Where patches overlap, the one with the nearest centre is picked.

    picture: uint8 (H,W,3), shown as wide as the column. rows, cols: the patch grid. patch, stride: in pixels of the
    picture. selected: 1 + row·cols + col, or None for the CLS token, which Escape or a second click picks. key: names
    the component. alt: says what the picture shows. overlay: uint8 (h,w,4) of any size, stretched over the picture.
    crisp: from 2× on, enlarge pixels as squares.
    Raises ValueError if an array has another type, the grid does not fit or selected is not on it.
    """
    _check(picture, rows, cols, patch, stride, selected, overlay)
    patches = rows * cols

    def report() -> None:
        if on_pick is not None and (fresh := _fresh_pick(key, patches)) is not None:
            on_pick(fresh["token"] or None)

    if (fresh := _fresh_pick(key, patches)) is not None:
        selected = fresh["token"] or None
    last = _last_pick(key, patches)
    height, width = picture.shape[:2]
    grid = {"rows": rows, "cols": cols, "patch": patch, "stride": stride, "height": height, "width": width}
    data = {
        "picture": _data_url(picture),
        "overlay": "" if overlay is None else _data_url(overlay),
        "grid": grid,
        "selected": selected or 0,
        "at": 0 if last is None else last["at"],
        "alt": alt,
        "crisp": crisp,
    }
    _component()(key=key, data=data, on_pick_change=report)
    return selected


@functools.cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    files = resources.files("explorer.ui") / "component"
    html, css, js = ((files / f"photo.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return component("crate_explorer_photo", html=html, css=css, js=js)


def _fresh_pick(key: str, patches: int) -> dict[str, int] | None:
    """The last pick, once: the browser sends it again with every rerun."""
    picked, handled = _last_pick(key, patches), f"{key}.handled"
    if picked is None or picked["at"] == st.session_state.get(handled):
        return None
    st.session_state[handled] = picked["at"]
    return picked


def _last_pick(key: str, patches: int) -> dict[str, int] | None:
    """What the browser last sent: {"token": 0 … patches, "at": number of the pick}; None if that is not what it is."""
    state = st.session_state.get(key)
    picked = state.get("pick") if state else None
    if not isinstance(picked, dict) or not all(type(picked.get(name)) is int for name in ("token", "at")):
        return None
    return picked if 0 <= picked["token"] <= patches else None


def _data_url(array: Array) -> str:
    """An image as text: the component's data is JSON, in which bytes cannot be mixed with other values."""
    buffer = io.BytesIO()
    if array.shape[2] == 4 or array.shape[0] * array.shape[1] <= LOSSLESS_PIXELS:
        Image.fromarray(array).save(buffer, "PNG")
        kind = "png"
    else:
        Image.fromarray(array).save(buffer, "JPEG", quality=92, subsampling=0)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _check(
    picture: Array, rows: int, cols: int, patch: int, stride: int, selected: int | None, overlay: Array | None
) -> None:
    for name, array, channels in (("picture", picture, 3), ("overlay", overlay, 4)):
        if array is not None and (array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != channels):
            raise ValueError(f"{name} must be uint8 (H,W,{channels}), got {array.dtype} {array.shape}")
    needed = tuple(patch + (count - 1) * stride for count in (rows, cols))
    if min(rows, cols, patch, stride) < 1 or needed[0] > picture.shape[0] or needed[1] > picture.shape[1]:
        raise ValueError(
            f"{rows}×{cols} patches of {patch} px at stride {stride} do not fit a picture of {picture.shape[:2]}"
        )
    if selected is not None and not 1 <= selected <= rows * cols:
        raise ValueError(f"selected must be None or a token in 1 … {rows * cols}, got {selected}")
