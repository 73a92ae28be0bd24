"""The lens on a page: its settings live in the URL, its pictures in the browser (explorer/lens)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer import lens
from explorer.lens import LensChoice, LensLook, Panel, Section
from explorer.measures.patches import METHODS, Segments, segment_trace
from explorer.trace import Array, layer_on
from explorer.ui.state import caches
from explorer.ui.state.settings import PAGE, no_widget, url_setting
from explorer.ui.view.layer import fits_heads, heads_of
from explorer.ui.view.photo import View

FEEDS = "lens_feeds"
"""The container of the components that only bring data; the page's style hides it."""
Maps = Callable[[View, int], Mapping[str, Array | Segments]]
MAX_FEED_BYTES = 8_000_000
"""Layers beyond this many bytes are sent when the user comes near them."""
MAX_PATCHES_AHEAD = 1200
"""Larger grids are segmented when they are looked at, not ahead: MaskCut's cost grows with their square."""


def lens_choice(view: View, layer_key: str = "layer", default: int | None = None) -> LensChoice:
    """Layer, heads and token of this page, from the lens or from the URL. layer_key: the layer's name in the URL."""
    layers, tokens = view.card.layers, 1 + view.trace.grid[0] * view.trace.grid[1]
    first = default or max(layers - 1, 1)
    layer = url_setting(no_widget, "Layer", key=layer_key, default=first, valid=range(1, layers + 1))
    head = url_setting(no_widget, "Heads", key="head", default="", valid=partial(fits_heads, view.card.heads))
    token = url_setting(no_widget, "Token", key="token", default=0, valid=range(tokens))
    return LensChoice(layer, heads_of(head, view.card.heads) or (), token)


def last_choice(view: View) -> LensChoice:
    """What a lens was last set to, on whichever page; nothing of it is drawn or put into the URL."""
    state, layers = st.session_state, view.card.layers
    layer = state.get("layer", max(layers - 1, 1))
    return LensChoice(min(layer, layers), heads_of(state.get("head", ""), view.card.heads) or (), 0)


def draw_lens(
    view: View,
    choice: LensChoice,
    sections: Sequence[Section],
    look: LensLook,
    *,
    key: str,
    toolbar: Sequence[str] = ("layer", "heads"),
    layer_key: str = "layer",
    layer_label: str = "Layer ℓ",
    others: Sequence[View] = (),
    by_depth: bool = False,
    shots: Sequence[str] = (),
    film_label: str = "",
    maps: Maps | None = None,
    ahead: bool = True,
) -> Callable[[], None]:
    """The lens, with photo, charts and attention. Within a fragment, a choice reruns only that.

    What is in view is sent first; then the other layers, nearest first (ahead). Layers that the browser has are not
    sent again. others: views beside the page's own that panels show. by_depth: how their layers go with
    this view's (trace.layer_on). shots: a name for this view and each of the others, which are then a film
    with a slider film_label. layer_key: as in lens_choice.
    maps: a layer's numbers for panels of kind map and matrix, or segmentations, by the name of their source.
    Returns what segments, measures and sends the rest: call it when everything quicker has been drawn. Without maps,
    segmentations and attention there is no rest.
    """
    name, chosen = view_name(view), _last_choice(key)
    views = {view_name(one): one for one in (view, *others)}  # a view that is compared with itself is one
    data = lens.settings(
        name, {one: _grid(it) for one, it in views.items()}, view.card, choice, sections, look,
        toolbar=toolbar, page=f"{st.session_state.get(PAGE)}.{layer_key}", layer_label=layer_label, by_depth=by_depth,
        shots=list(zip(views, shots, strict=False)), film_label=film_label,
        at=chosen.get("at", 0), file=view.file_stem, alt=f"{view.photo.name}, what the model makes of it",
    )  # fmt: skip
    panels = [panel for section in sections for panel in section.panels]
    fixed, layer = {panel.layer for panel in panels} - {0}, choice.layer

    def own(one: View, layer: int) -> int:
        return layer_on(layer, view.card.layers, one.card.layers, by_depth)

    shown = {it: fixed | {own(one, layer)} for it, one in views.items()}
    have: dict[str, set[int]] = {it: set(chosen.get("have", {}).get(it, ())) for it in views}
    near = {
        it: [n for n in dict.fromkeys(own(one, other) for other in _nearest(view, layer)) if n not in shown[it]]
        for it, one in views.items() if ahead
    }  # fmt: skip
    attention = lens.needs_attention(sections)
    if panels:  # first what the lens draws from: then it has that when it is told to draw
        with st.container(key=f"{FEEDS}_{key}"):
            for photo, one in {_photo_name(one): one for one in (*others, view)}.items():
                _send(f"{key}.photo.{photo}", caches.once(photo, lens.photo_feed, photo, one.picture))
            if attention:
                _send_attention(view, shown[name] - have[name], key)
    # in a list, since Streamlit looks for data frames in a dict and imports pandas to do so
    _component()(key=key, data=[data], on_chosen_change=lambda: _keep_choice(key, layer_key, bool(shots)))

    if panels and attention and len(views) > 1:
        with st.container(key=f"{FEEDS}_{key}_others"):
            for it, one in views.items():
                _send_attention(one, shown[it] - have[it] if it != name else (), key)

    def finish() -> None:
        with st.container(key=f"{FEEDS}_{key}_more"):
            for number, (it, one) in enumerate(views.items()):
                _send_segments(one, panels, shown[it], look, maps, f"{key}.{number}")
            for it, layers in near.items() if attention else ():
                lacking = [n for n in layers if n not in have[it]]
                _send_attention(views[it], lacking[: _budget(views[it], len(views))], key)
        _measure_ahead([(views[it], layers) for it, layers in near.items()], panels, look, maps)

    return finish


def view_name(view: View) -> str:
    """The name under which the browser keeps a view's feeds."""
    return lens.view_id(view.key)


def _photo_name(view: View) -> str:
    return lens.view_id(f"{view.prepared.digest}|{view.scale}|{view.framing}")


def _grid(view: View) -> dict[str, Any]:
    return lens.grid(view.trace, view.picture, view.scale, _photo_name(view))


def _nearest(view: View, layer: int) -> list[int]:
    return sorted(range(1, view.card.layers + 1), key=lambda other: (abs(other - layer), -other))


def _budget(view: View, views: int) -> int:
    """How many layers of one of so many views may be sent before they are asked for."""
    card, tokens = view.card, 1 + view.trace.grid[0] * view.trace.grid[1]
    size = 2 * tokens * card.heads * card.head_dim * len(card.traits.looks)
    return MAX_FEED_BYTES // size // views


def _send(key: str, feed: bytes) -> None:
    _feed()(key=key, data=feed)


def _send_attention(view: View, layers: Iterable[int], key: str) -> None:
    name = view_name(view)
    for layer in sorted(layers):
        _send(f"{key}.{name}.{layer}", lens.attention_feed(name, view.trace, layer))


def _send_segments(
    view: View, panels: Iterable[Panel], shown: set[int], look: LensLook, maps: Maps | None, key: str
) -> None:
    """The segmentations and maps of the layers in view, and of all others that are ready and were not sent before."""
    found: dict[str, Segments] = {}
    numbers: dict[str, Array] = {}
    sent = _sent(key, view_name(view))
    for layer in range(1, view.card.layers + 1):
        take = view.measured if layer in shown else view.ready
        for source in _sources(panels):
            name, options = f"{source}.{layer}", look.options(source)
            if layer not in shown and sent.get(name) == options:
                continue
            segments = take(segment_trace, method=source, layer=layer, head=None, **options)
            if segments is not None:
                found[name], sent[name] = segments, options
        if maps is not None and (layer in shown or layer not in sent):
            of_layer = (
                caches.once(view.key, maps, view, layer=layer)
                if layer in shown
                else caches.ready(view.key, maps, layer=layer)
            )
            if of_layer is not None:
                sent[layer] = {}
                named = {f"{name}.{layer}": values for name, values in of_layer.items()}
                found |= {name: values for name, values in named.items() if isinstance(values, Segments)}
                numbers |= {name: values for name, values in named.items() if not isinstance(values, Segments)}
    if found or numbers:
        _send(f"{key}.{view_name(view)}.segments", lens.segments_feed(view_name(view), found, numbers))


def _sent(key: str, name: str) -> dict[str | int, dict[str, Any]]:
    """What this session's browser has of the view that a lens shows: segmentation → its options; layers with maps."""
    known = st.session_state.get(f"{key}.sent")
    if known is None or known[0] != name:
        known = st.session_state[f"{key}.sent"] = (name, {})
    return known[1]


def _sources(panels: Iterable[Panel]) -> set[str]:
    """The segmentations that panels show."""
    return {panel.source for panel in panels} & set(METHODS)


def _measure_ahead(
    near: Iterable[tuple[View, Iterable[int]]], panels: Sequence[Panel], look: LensLook, maps: Maps | None
) -> None:
    """Segment and measure the other layers aside, so that they are ready when the user steps to them."""
    sources = _sources(panel for panel in panels if not panel.layer)
    tasks: list[Callable[[], Any]] = []
    for view, layers in near:
        rows, cols = view.trace.grid
        if rows * cols > MAX_PATCHES_AHEAD:
            continue
        for layer in layers:
            tasks += [
                partial(view.measured, segment_trace, method=source, layer=layer, head=None, **look.options(source))
                for source in sources
            ]
            tasks += [partial(caches.once, view.key, maps, view, layer=layer)] if maps else []
    caches.ahead(tasks)


def _last_choice(key: str) -> dict[str, Any]:
    """What the browser last sent; empty if that is not what a lens sends."""
    state = st.session_state.get(key)
    chosen = state.get("chosen") if state else None
    return chosen if isinstance(chosen, dict) and _is_choice(chosen) else {}


def _is_choice(chosen: dict[str, Any]) -> bool:
    heads, have = chosen.get("heads"), chosen.get("have")
    lists = [heads, *have.values()] if isinstance(have, dict) else [None]
    whole = all(type(chosen.get(name)) is int for name in ("layer", "token", "at"))
    whole &= type(chosen.get("shot", 0)) is int
    return whole and all(isinstance(one, list) and all(type(i) is int for i in one) for one in lists)


def _keep_choice(key: str, layer_key: str, film: bool) -> None:
    """Put what the user chose in the browser where the URL and the other pages find it. film: whether it has shots."""
    if chosen := _last_choice(key):
        heads = ",".join(map(str, chosen["heads"]))
        st.session_state.update({layer_key: chosen["layer"], "head": heads, "token": chosen["token"]})
        if film:
            st.session_state["shot"] = chosen.get("shot", 0)


@cache
def _component() -> Any:
    """The registered component; Streamlit itself registers it again where a new runtime does not know it."""
    js = lens.asset(*lens.SCRIPTS, "streamlit.js")
    return component(
        "crate_lens", html='<div class="lens" role="application"></div>', css=lens.asset("lens.css"), js=js
    )


@cache
def _feed() -> Any:
    return component("crate_feed", js=lens.asset("bytes.js", "attention.js", "store.js", "feed.js"))
