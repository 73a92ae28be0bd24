"""The lens on a page: its settings live in the URL, its pictures in the browser (explorer/lens)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from explorer import lens
from explorer.lens import LensChoice, LensLook, Panel, Section
from explorer.measures.patches import EDGES, METHODS, Segments
from explorer.trace import Array, layer_on
from explorer.ui.state import caches
from explorer.ui.state.settings import PAGE, last_value, looked_at, no_widget, url_setting
from explorer.ui.view.layer import (
    HEADS,
    LAYER,
    heads_in_lens,
    keep_ways,
    last_layer_and_heads,
    last_ways,
    layer_in_lens,
    ways_in_lens,
)
from explorer.ui.view.photo import View

USUAL = LensLook()
EDGES_KEY = "edges"
EDGE_NAMES = dict(zip(EDGES, ("Patches", "Photo"), strict=True))
EDGES_HELP = (
    "Photo: masks of objects, parts and clusters are carried to the photo's pixels by a guided filter, which moves "
    "their borders to where the photo's colours change; nothing is learned. Patches: the blocks that the network sees. "
    "Attention keeps them: its rule takes a share of the patches."
)
TOKEN, SHOT = "token", "shot"
"""The settings' names in the session and in the URL: the pinned token, and of a film the checkpoint in view."""
HAVE = "lens_have"
"""The session's name for the layers that the browser had when any lens was last used: view → layers."""
FEEDS = "lens_feeds"
"""The container of the components that only bring data; the page's style hides it."""
Maps = Callable[[View, int], Mapping[str, Array | Segments]]
MAX_FEED_BYTES = 8_000_000
"""Layers beyond this many bytes are sent when the user comes near them."""
MAX_PATCHES_AHEAD = 1200
"""Larger grids are segmented when they are looked at, not ahead: MaskCut's cost grows with their square."""


def edges_setting() -> str:
    """What the borders of objects, parts and clusters follow, on this page and on all others."""
    return url_setting(
        st.segmented_control, "Edges", list(EDGE_NAMES), key=EDGES_KEY, default=USUAL.edges, valid=list(EDGE_NAMES),
        required=True, format_func=EDGE_NAMES.__getitem__, help=EDGES_HELP,
    )  # fmt: skip


def usual_look() -> LensLook:
    """How the lens draws where a page has no settings for it: with the edges that were chosen last."""
    return LensLook(edges=last_value(EDGES_KEY, USUAL.edges))


def lens_choice(view: View, layer_key: str = LAYER, default: int | None = None) -> LensChoice:
    """Layer, heads and token of this page, from the lens or from the URL. layer_key: the layer's name in the URL."""
    places = 1 + view.trace.grid[0] * view.trace.grid[1]  # 0 is the whole photo
    layer, heads = layer_in_lens(view.card, layer_key, default), heads_in_lens(view.card)
    token = url_setting(no_widget, "Token", key=TOKEN, default=0, valid=range(places))
    choice = looked_at()["image"] = LensChoice(layer, heads, token, ways=ways_in_lens(view.card))
    return choice


def last_choice(view: View) -> LensChoice:
    """What a lens was last set to, on whichever page; nothing of it is drawn or put into the URL."""
    (rows, cols), token = view.trace.grid, last_value(TOKEN, 0)
    token = token if token <= rows * cols else 0
    return LensChoice(*last_layer_and_heads(view.card), token, ways=last_ways(view.card))


@dataclass(frozen=True)
class PhotoLens:
    """A lens on a page: photo, charts and attention of one view, drawn in the browser.

    others: views beside the page's own that panels show. by_depth: how their layers go with this view's
    (trace.layer_on). shots: a name for this view and each of the others, which are then a film with a slider
    film_label. layer_key: as in lens_choice. maps: a layer's numbers for panels of kind map and matrix, or
    segmentations, by the name of their source. whole: what gives numbers of all layers at once, by name.
    ahead: the other layers are sent, too, nearest first.
    """

    view: View
    choice: LensChoice
    sections: Sequence[Section]
    look: LensLook
    key: str
    toolbar: Sequence[str] = ("layer", "heads", "against")
    layer_key: str = LAYER
    layer_label: str = "Layer ℓ"
    others: Sequence[View] = ()
    by_depth: bool = False
    shots: Sequence[str] = ()
    film_label: str = ""
    maps: Maps | None = None
    whole: Sequence[Callable[[View], Mapping[str, Array]]] = ()
    ahead: bool = True

    @cached_property
    def views(self) -> dict[str, View]:
        """The views by their names; one that is compared with itself is one."""
        return {view_name(view): view for view in (self.view, *self.others)}

    @cached_property
    def panels(self) -> list[Panel]:
        return [panel for section in self.sections for panel in section.panels]

    @cached_property
    def draws_attention(self) -> bool:
        return lens.needs_attention(self.sections)

    @cached_property
    def browser_has(self) -> dict[str, set[int]]:
        """The layers whose attention the browser has, by view: as the lens that was last used said, whichever it was.

        It names the views of its page; once another one is drawn, nothing is known, as the browser may have let go.
        """
        have = st.session_state.get(HAVE, {})
        if not have.keys() >= self.views.keys():
            have = st.session_state[HAVE] = {}
        return {name: set(have.get(name, ())) for name in self.views}

    def layer_of(self, view: View, layer: int) -> int:
        """The layer of a view that goes with a layer of the page's own."""
        return layer_on(layer, self.view.card.layers, view.card.layers, self.by_depth)

    def shown(self, view: View) -> set[int]:
        """The layers of a view that are in view now."""
        return {panel.layer for panel in self.panels if panel.layer} | {self.layer_of(view, self.choice.layer)}

    def near(self, view: View) -> list[int]:
        """The layers of a view that come next, nearest first; none if nothing is sent ahead."""
        if not self.ahead:
            return []
        shown, nearest = self.shown(view), _nearest(self.view, self.choice.layer)
        return [layer for layer in dict.fromkeys(self.layer_of(view, n) for n in nearest) if layer not in shown]


def draw_lens(shown: PhotoLens) -> Callable[[], None]:
    """Draw a lens. Within a fragment, a choice in it reruns only that.

    What is in view is sent first, and layers that the browser has are not sent again. Returns what segments, measures
    and sends the rest: call it when everything quicker has been drawn. Without maps, segmentations and attention there
    is no rest.
    """
    data = _settings(shown)
    looked_at()["look"] = shown.look
    _send_now(shown)  # first what the lens draws from: then it has that when it is told to draw
    film = bool(shown.shots)
    keep = partial(_keep_choice, shown.key, shown.layer_key, film)
    _component()(key=shown.key, data=[data], on_chosen_change=keep)  # a list: in a dict Streamlit looks for pandas
    _send_others(shown)
    return partial(_send_later, shown)


def _settings(shown: PhotoLens) -> dict[str, Any]:
    """What the browser is told beside the feeds."""
    grids = {name: _grid(view) for name, view in shown.views.items()}
    return lens.settings(
        view_name(shown.view), grids, shown.view.card, shown.choice, shown.sections, shown.look,
        toolbar=shown.toolbar, page=f"{st.session_state.get(PAGE)}.{shown.layer_key}", layer_label=shown.layer_label,
        by_depth=shown.by_depth, shots=list(zip(shown.views, shown.shots, strict=False)), film_label=shown.film_label,
        at=_last_choice(shown.key).get("at", 0), file=shown.view.file_stem,
        alt=f"{shown.view.photo.name}, what the model makes of it",
    )  # fmt: skip


def _send_now(shown: PhotoLens) -> None:
    """The photos, and the attention of what is in view of the page's own view."""
    if not shown.panels:
        return
    name = view_name(shown.view)
    with st.container(key=f"{FEEDS}_{shown.key}"):
        for photo, view in {_photo_name(one): one for one in (*shown.others, shown.view)}.items():
            _send(f"{shown.key}.photo.{photo}", caches.once(photo, lens.photo_feed, photo, view.picture))
        if shown.draws_attention:
            _send_attention(shown.view, shown.shown(shown.view) - shown.browser_has[name], shown.key)


def _send_others(shown: PhotoLens) -> None:
    """The attention of what is in view of the other views."""
    if not (shown.panels and shown.draws_attention and len(shown.views) > 1):
        return
    with st.container(key=f"{FEEDS}_{shown.key}_others"):
        for name, view in shown.views.items():
            if name != view_name(shown.view):
                _send_attention(view, shown.shown(view) - shown.browser_has[name], shown.key)


def _send_later(shown: PhotoLens) -> None:
    """Segmentations and maps, then the attention of the layers that come next, as far as their bytes allow."""
    with st.container(key=f"{FEEDS}_{shown.key}_more"):
        for number, view in enumerate(shown.views.values()):
            _send_segments(shown, view, f"{shown.key}.{number}")
        if shown.draws_attention:
            for name, view in shown.views.items():
                lacking = [layer for layer in shown.near(view) if layer not in shown.browser_has[name]]
                _send_attention(view, lacking[: _budget(view, len(shown.views))], shown.key)
    _measure_ahead(shown)


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
    card, tokens = view.card, view.trace.front + view.trace.grid[0] * view.trace.grid[1]
    size = 2 * tokens * card.heads * card.head_dim * len(card.traits.looks)
    return MAX_FEED_BYTES // size // views


def _send(key: str, feed: bytes) -> None:
    _feed()(key=key, data=feed)


def _send_attention(view: View, layers: Iterable[int], key: str) -> None:
    name = view_name(view)
    for layer in sorted(layers):
        _send(f"{key}.{name}.{layer}", lens.attention_feed(name, view.trace, layer))


def _send_segments(lens_shown: PhotoLens, view: View, key: str) -> None:
    """The segmentations and maps of the layers in view, and of all others that are ready and were not sent before."""
    panels, shown, look, maps = lens_shown.panels, lens_shown.shown(view), lens_shown.look, lens_shown.maps
    found: dict[str, Segments] = {}
    numbers: dict[str, Array] = {}
    sent = _sent(key, view_name(view))
    for layer in range(1, view.card.layers + 1):
        take = view.drawn if layer in shown else view.drawn_before
        for source in _sources(panels):
            name, options = f"{source}.{layer}", look.drawn(source)
            if layer not in shown and sent.get(name) == options:
                continue
            segments = take(method=source, layer=layer, **options)
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
    for measure in lens_shown.whole:
        if measure.__name__ not in sent:
            numbers |= measure(view)
            sent[measure.__name__] = {}
    if found or numbers:
        _send(f"{key}.{view_name(view)}.segments", lens.segments_feed(view_name(view), found, numbers))


def _sent(key: str, name: str) -> dict[str | int, dict[str, Any]]:
    """What this session's browser has of the view that a lens shows: segmentation → its options; layers with maps;
    names of what gave numbers of all layers."""
    known = st.session_state.get(f"{key}.sent")
    if known is None or known[0] != name:
        known = st.session_state[f"{key}.sent"] = (name, {})
    return known[1]


def _sources(panels: Iterable[Panel]) -> set[str]:
    """The segmentations that panels show."""
    return {panel.source for panel in panels} & set(METHODS)


def _measure_ahead(shown: PhotoLens) -> None:
    """Segment and measure the other layers aside, so that they are ready when the user steps to them."""
    sources, look, maps = _sources(panel for panel in shown.panels if not panel.layer), shown.look, shown.maps
    if not (sources or maps):
        return  # what another lens of the page has asked for goes on
    tasks: list[Callable[[], Any]] = []
    for view in shown.views.values():
        rows, cols = view.trace.grid
        if rows * cols > MAX_PATCHES_AHEAD:
            continue
        for layer in shown.near(view):
            tasks += [partial(view.drawn, method=source, layer=layer, **look.drawn(source)) for source in sources]
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
        st.session_state.update({layer_key: chosen["layer"], HEADS: heads, TOKEN: chosen["token"]})
        st.session_state[HAVE] = chosen["have"]
        keep_ways(chosen)
        if film:
            st.session_state[SHOT] = chosen.get("shot", 0)


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
