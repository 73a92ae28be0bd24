"""Widgets of the Subspaces page: which tokens, how they are laid out and coloured, and what is selected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.figures import TokenColours
from explorer.tables import csv_text, token_rows
from explorer.trace import Array
from explorer.ui.components.cloud import token_cloud
from explorer.ui.frame.widgets import download, options_expander
from explorer.ui.jobs.umap import UmapOptions
from explorer.ui.panels.placing import (
    UMAP_CAPTION,
    layout_choice,
    of_control,
    subspace_choice,
    umap_places,
    umap_service,
)
from explorer.ui.state import caches
from explorer.ui.state.settings import url_choice, url_setting
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.photo import View
from explorer.ui.view.tokens import TokenSet, gallery_tokens, photo_tokens
from explorer.words import METHODS, TOKEN_RATE, meaning

OF = {"photo": "This photo", "gallery": "The whole gallery"}
COLOURS = {
    "position": "Place on the photo",
    "pixels": "Colour of the photo",
    "clusters": METHODS["kmeans"],
    "strongest": METHODS["subspace"],
    "rate": TOKEN_RATE,
    "source": "Which photo",
}
MARKS = {"dots": "Dots", "thumbnails": "Patches"}
NEIGHBORS = (5, 10, 15, 30, 50, 100, 200)
MIN_DISTS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.99)
METRICS = ("cosine", "euclidean")
MOST_CLUSTERS = 12
SEEDS = range(10)
COLOUR_CAPTIONS = {
    "position": "Each point has the colour of its place on the photo. If neighbours on the photo are neighbours in the "
    "cloud too, colours change smoothly: the subspace keeps track of position.",
    "pixels": "Each point has the mean colour of its patch. If equal colours lie together, the subspace sorts by "
    "colour; if not, by something else, such as the part of the object.",
    "clusters": "k-means groups tokens whose vectors point the same way (the same grouping as on the Segment page). "
    "Groups that lie apart in the cloud are truly different; groups that blend into each other are cut arbitrarily.",
    "strongest": "The head in which a token has most energy, relative to that head's mean. Blocks of one colour on the "
    "photo say that a head specialises.",
    "rate": f"{meaning('rate of a token')} Look at differences between tokens: where tokens fill all directions far "
    "beyond ε, their mean is close to $Kp/2N$ nats ($p/2N$ in one head), in any network.",
    "source": "If photos mix, the subspace holds what they share; if they stay apart, what sets each photo apart.",
}


@dataclass(frozen=True)
class CloudSettings:
    """What the page's controls say. head: from 1, None = all, joined. of: "photo" or "gallery"."""

    layer: int
    head: int | None
    of: str
    layout: str
    colour: str
    control: bool
    marks: str
    paint: bool
    clusters: int
    umap: UmapOptions

    @property
    def dims(self) -> int:
        return self.umap.components

    @property
    def vectors(self) -> str:
        """What is shown, in words."""
        return "all heads together" if self.head is None else f"head {self.head}"


def cloud_settings(view: View) -> CloudSettings:
    """The page's controls in two rows; the rarer ones in an expander."""
    first, second = st.columns(3), st.columns(3)
    with first[0]:
        layer = layer_slider(view)
    with first[1]:
        head = subspace_choice(
            view.card, "One head shows the tokens in its own p directions; all heads together, their K·p numbers "
            "joined into one vector.",
        )  # fmt: skip
    with first[2]:
        of = url_choice("Tokens of", OF, "of")
    with second[0]:
        layout = layout_choice("PCA is a flat shadow of the cloud: distances are true to "
                         "it. UMAP bends it so that neighbours stay together.")  # fmt: skip
    with second[1]:
        dims = url_choice("Dimensions", {2: "2-D", 3: "3-D"}, "dims")
    with second[2]:
        offered = [name for name in COLOURS if name != "source" or of == "gallery"]
        colour = url_setting(
            st.selectbox, "Colour by", offered, key="colour", default="position", valid=offered,
            format_func=COLOURS.__getitem__,
        )  # fmt: skip
    with options_expander():
        control, marks, paint, clusters, (neighbors, min_dist, metric, seed) = _options()
    umap = UmapOptions(dims, neighbors, min_dist, metric, seed)
    return CloudSettings(layer, head or None, of, layout, colour, control, marks, paint, clusters, umap)


def _options() -> tuple[bool, str, bool, int, tuple[int, float, str, int]]:
    points, umap, more = st.columns(3)
    with points:
        control = of_control("Trained", "Random-init control", "The control is the same network before training: "
                          "what it shows, too, was not learned.")  # fmt: skip
        marks = url_choice("Points as", MARKS, "marks")
        paint = url_setting(
            st.toggle, "Colours on the photo too", key="paint", default=False, valid=(False, True),
            help="Each patch in the colour of its point.",
        )  # fmt: skip
    with umap:
        neighbors = url_setting(
            st.select_slider, "UMAP: neighbours", NEIGHBORS, key="neighbors", default=15, valid=NEIGHBORS,
            help="How many tokens each one is held to, itself included. Few: small groups. Many: the large picture.",
        )  # fmt: skip
        min_dist = url_setting(
            st.select_slider, "UMAP: least distance", MIN_DISTS, key="min_dist", default=0.1, valid=MIN_DISTS,
            help="How close neighbours may lie. Small: tight clumps.",
        )  # fmt: skip
        metric = url_setting(
            st.segmented_control, "UMAP: distance", METRICS, key="metric", default="cosine", valid=METRICS,
            required=True, help="Cosine compares directions only, Euclidean lengths too.",
        )  # fmt: skip
    with more:
        seed = url_setting(
            st.selectbox, "UMAP: seed", SEEDS, key="umap_seed", default=0, valid=SEEDS, formerly="seed",
        )  # fmt: skip
        sizes = range(2, MOST_CLUSTERS + 1)
        clusters = url_setting(
            st.slider, "Clusters (k-means)", 2, MOST_CLUSTERS, key="clusters", default=6, valid=sizes
        )
    return control, marks, paint, clusters, (neighbors, min_dist, metric, seed)


def cloud_tokens(view: View, settings: CloudSettings) -> TokenSet:
    """The tokens to be shown: of the photo in view, or of the gallery."""
    if settings.of == "photo":
        return photo_tokens(view, settings.layer, settings.control)
    return gallery_tokens(view, settings.layer, settings.control)


def cloud_note(view: View, tokens: TokenSet) -> None:
    """What is special about these tokens, in words."""
    if note := view.card.traits.notes.tokens:
        st.info(note, icon=":material/info:")
    if tokens.note:
        st.caption(tokens.note)


def colours_of(tokens: TokenSet, settings: CloudSettings) -> TokenColours:
    """The colour of every token, computed once for these tokens and settings."""
    options = {"colour": settings.colour, "head": settings.head, "clusters": settings.clusters}
    return caches.once(tokens.key, _colours, tokens, **options)


def _colours(tokens: TokenSet, colour: str, head: int | None, clusters: int) -> TokenColours:
    grid, photos, front = tokens.sheet.grid, len(tokens.pictures), len(tokens.sheet.prefix)
    if colour == "position":
        return figures.position_colours(grid, photos, front)
    if colour == "pixels":
        return figures.photo_colours(tokens.pictures, tokens.sheet.patch, tokens.sheet.stride, front)
    if colour == "clusters":
        labels = measures.patches.cloud_clusters(tokens.projections, grid, head, clusters)
        return figures.label_colours(labels, [f"cluster {k + 1}" for k in range(labels.max() + 1)])
    if colour == "strongest":
        labels = measures.patches.cloud_strongest(tokens.projections, grid)
        return figures.label_colours(labels, [f"head {k + 1}" for k in range(tokens.projections.shape[1])])
    if colour == "rate":
        return figures.value_colours(measures.patches.cloud_rates(tokens.projections, head))
    return figures.photo_number_colours(photos, tokens.sheet.tokens // photos)


def rates_of(tokens: TokenSet, settings: CloudSettings) -> Array:
    """The exact rate of every token in the chosen head, or summed over all: (T,) nats."""
    return caches.once(tokens.key, _rates, tokens, head=settings.head)


def _rates(tokens: TokenSet, head: int | None) -> Array:
    return measures.patches.cloud_rates(tokens.projections, head).ravel()


@st.fragment
def linked_cloud(view: View, tokens: TokenSet, settings: CloudSettings, places: Array, axes: tuple[str, ...]) -> None:
    """The cloud beside the photo, and what is selected in it; a selection runs only this part again."""
    rates = rates_of(tokens, settings)
    which = "random-init control" if settings.control else view.card.name
    alt = f"{len(places)} tokens of {OF[settings.of].lower()} in layer {settings.layer}, {settings.vectors}, {which}"
    chosen = token_cloud(
        tokens.sheet, measures.patches.centred_in_cube(places), axes, colours_of(tokens, settings), rates,
        key="token_cloud", alt=alt, marks=settings.marks, paint=settings.paint,
    )  # fmt: skip
    _selection(view, tokens, settings, places, axes, rates, chosen)


def _selection(
    view: View,
    tokens: TokenSet,
    settings: CloudSettings,
    places: Array,
    axes: tuple[str, ...],
    rates: Array,
    chosen: Array,
) -> None:
    left, right = st.columns([3, 1], vertical_alignment="center")
    what = "$R^c$" if settings.head is None else f"head {settings.head}'s part of $R^c$"
    if len(chosen):
        others = np.delete(rates, chosen)
        rest = f"; the {len(others):,} others: **{others.mean():.3f}**" if len(others) else ""
        left.markdown(
            f"**{len(chosen):,} tokens selected**. Mean rate: **{rates[chosen].mean():.3f} nats** a token{rest} "
            f"(what {what} would lose without it)."
        )
    else:
        left.markdown(
            f"Nothing selected: draw a line around points, or a rectangle on the photo. Without any single one of the "
            f"{len(rates):,} tokens, {what} would be **{rates.mean():.3f} nats** lower, on average; tokens share nats, "
            "so these do not add up to the whole."
        )
    rows = chosen if len(chosen) else np.arange(len(rates))
    about = {
        "model": view.card.name, "weights": "control" if settings.control else "trained", "layer": settings.layer,
        "head": settings.head or "all",
    }  # fmt: skip

    def table() -> str:
        sheet, columns = tokens.sheet, [axis.split(" (")[0] for axis in axes]
        prefix = len(sheet.prefix)
        return csv_text(token_rows(about, sheet.names, sheet.grid, rows, rates, columns, places, front=prefix))

    with right:
        label = "Selected tokens (CSV)" if len(chosen) else "All tokens (CSV)"
        download(label, table, f"{view.file_stem}_layer{settings.layer}_tokens.csv")


def cloud_caption(settings: CloudSettings) -> None:
    """How to read the colours, and what to compare with."""
    st.caption(
        f"{COLOUR_CAPTIONS[settings.colour]} Compare with another layer, and with the random-init control under "
        "Options: structure that it shows too comes from the photo and the architecture, not from training."
    )


def cloud_layout(tokens: TokenSet, settings: CloudSettings) -> tuple[Array, tuple[str, ...]]:
    """Coordinates (T,2) or (T,3) and the names of their axes; says how the layout is to be read."""
    umap_service()  # started with the page, so that it is warm when UMAP is chosen
    if settings.layout == "umap":
        key = f"{tokens.key}|{settings.head}"
        placed = umap_places(
            key, lambda: measures.patches.cloud_vectors(tokens.projections, settings.head), settings.umap
        )
        if placed is not None:
            st.caption(f"{UMAP_CAPTION}another seed before you conclude.")
            return placed, tuple(f"UMAP {k + 1}" for k in range(settings.dims))
    coordinates, explained = caches.once(tokens.key, _pca, tokens, head=settings.head, dims=settings.dims)
    axes = tuple(f"PC {k + 1} ({share:.0%})" for k, share in enumerate(explained))
    st.caption(
        f"PCA of {settings.vectors}: the {settings.dims} directions in which the tokens spread most hold "
        f"**{explained.sum():.0%}** of their variance. High: the picture shows nearly all there is; low: tokens that "
        "lie together here may differ in directions that are not shown."
    )
    return coordinates, axes


def _pca(tokens: TokenSet, head: int | None, dims: int) -> tuple[Array, Array]:
    return measures.patches.pca_coordinates(measures.patches.cloud_vectors(tokens.projections, head), dims)
