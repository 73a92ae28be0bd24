"""A training run as a film: its checkpoints on one photo, one after the other, and when what emerged."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.card import ModelCard
from explorer.card_runs import class_change, epoch_of, run_of
from explorer.evaluation.record import CONTROL, MODEL, evaluated_numbers
from explorer.figures.style import CONTROL_COLOR, HEAD_COLORS
from explorer.lens import DASHED, PANELS, SOLID, LensLook, Panel, Section, film_panel, shots_panel
from explorer.trace import Array, Knobs
from explorer.ui.frame.widgets import download, heading, plain
from explorer.ui.sections.compare.pictures import compare_maps
from explorer.ui.state import caches
from explorer.ui.state.settings import no_widget, url_setting
from explorer.ui.view.photo import View, enlarge_map, make_view, model_and_photo, segments
from explorer.ui.view.photo_lens import SHOT, PhotoLens, draw_lens, lens_choice, usual_look
from explorer.words import COMPRESSION, EPOCH_NOTE, METHODS, SPARSITY, meaning

FILM_TEXT = "Slider, ▶ or the keys , and . go through the training. The parts keep the colours of the last epoch."
MULTIPLES = {"attention": "Attention", "pca": METHODS["pca"], "maskcut": METHODS["maskcut"]}
TILE_SIDE = 112
FOUND_BY = {"attention": "attention", "maskcut": "MaskCut"}
EMERGED = "small boxes"
"""The subset of the emergence suite that is told: where trivial boxes do not pay."""


@dataclass(frozen=True)
class Film:
    """The checkpoints of a run, by epoch, on the photo of the sidebar."""

    views: tuple[View, ...]

    @property
    def epochs(self) -> list[str]:
        return [f"{epoch_of(view.card) or 0:.3g}" for view in self.views]


def film_of_run() -> Film | None:
    """The run that the sidebar's model belongs to, or None with a word on why there is none."""
    choice, model, photo = model_and_photo()
    run = run_of(model, caches.cards())
    if not run:
        no_film(model)
        return None
    bar, views = st.progress(0.0, "Running every epoch…"), {}
    with ThreadPoolExecutor(2) as threads:
        waiting = {
            threads.submit(make_view, card, photo, choice.size, choice.stride, choice.framing, Knobs()): i
            for i, card in enumerate(run)
        }
        for done in as_completed(waiting):
            views[waiting[done]] = done.result()
            bar.progress(len(views) / len(run), "Running every epoch…")
    bar.empty()
    return Film(tuple(views[i] for i in range(len(run))))


def no_film(card: ModelCard) -> None:
    """Say why there is nothing to play."""
    st.info(
        f"The zoo has no other checkpoint of {plain(card.name)}'s training run. Models that share `run` in their "
        "cards and differ in `epoch` are a film; `crate-explorer train` writes such checkpoints."
    )


def film_lens(film: Film) -> None:
    """The lens on the epoch in view, with curves that follow and the story of the whole run."""
    last, count = film.views[-1], len(film.views)
    shot = url_setting(no_widget, "Epoch", key=SHOT, default=count - 1, valid=range(count))
    choice = replace(lens_choice(last), shot=shot)
    pictures = [PANELS["photo"], PANELS["attention"], PANELS["objects"], Panel("colours", METHODS["pca"], "shared")]
    sections = [
        Section(pictures, "", FILM_TEXT),
        Section(title="Every head", strip=True),
        Section(_layer_charts(film), "Over the layers", wide=True),
        Section(_story(film), "When did it emerge?", _story_text(film), wide=True),
    ]
    drawn = usual_look()
    maps = partial(compare_maps, like=last, by_depth=False, parts=True, numbers=False, edges=drawn.edges)
    first, *others = film.views
    draw_lens(PhotoLens(
        first, choice, sections, drawn, key="film_lens", toolbar=["film", "layer", "heads", "against"],
        others=others, shots=film.epochs, film_label="Epoch", maps=maps,
    ))()  # fmt: skip


def _layer_charts(film: Film) -> list[Panel]:
    """Both published curves of the epoch in view, with the end and the control."""
    own, control = [view.curves() for view in film.views], film.views[-1].curves(control=True)
    labels = ((COMPRESSION, figures.RATE_LABEL), (SPARSITY, figures.NONZERO_LABEL))
    return [
        shots_panel(title, label, [values[i] for values in own], control[i], own[-1][i])
        for i, (title, label) in enumerate(labels)
    ]


def _story(film: Film) -> list[Panel]:
    """Quantities against the epoch: on this photo, and from the cards where every epoch was evaluated."""
    own = [view.curves() for view in film.views]
    cards, panels = [view.card for view in film.views], []
    change = class_change(cards)
    panel = partial(film_panel, places=film.epochs, across="epoch", turn=(change, "other classes") if change else None)
    for i, (title, label) in enumerate(
        (("Rᶜ on this photo", figures.RATE_LABEL), ("Non-zeros on this photo", figures.NONZERO_LABEL))
    ):
        color = figures.look_of(label).color
        lines = [
            ("last layer", color, SOLID, np.array([values[i][-1] for values in own])),
            ("mean of the layers", CONTROL_COLOR, SOLID, np.array([values[i].mean() for values in own])),
        ]
        panels.append(panel(title, label, lines))
    if lines := found_lines(cards):
        panels.append(panel("Small objects found", figures.CORLOC_LABEL, lines))
    if (accuracy := evaluated_numbers(cards, "accuracy", "top-1")) is not None:
        lines = [("top-1", HEAD_COLORS[0], SOLID, accuracy)]
        panels.append(panel("Accuracy", figures.ACCURACY_LABEL, lines))
    return panels


def found_lines(cards: Sequence[ModelCard]) -> list[tuple[str, str, str, Array]]:
    """CorLoc of small boxes by attention and MaskCut, and dashed what the control reaches."""
    found = []
    for color, method in ((HEAD_COLORS[9], "attention"), (HEAD_COLORS[7], "maskcut")):
        shown = FOUND_BY[method]
        for who, dash in ((MODEL, SOLID), (CONTROL, DASHED)):
            values = evaluated_numbers(cards, "emergence", "CorLoc", who, method, EMERGED)
            if values is not None:
                found.append((shown if who == MODEL else f"{shown}, control", color, dash, values))
    return found


def _story_text(film: Film) -> str:
    """What the curves over the epochs were measured on."""
    cards = [view.card for view in film.views]
    classes = [len(card.classes) for card in cards]
    said = "The epoch in view is marked; a click goes to an epoch. Epochs are not evenly spaced. " + meaning("CorLoc")
    said += f" {EPOCH_NOTE}"
    if change := class_change(cards):
        between = " and ".join(film.epochs[change - 1 : change + 1])
        said += (
            f" Between epochs {between} the training went over to other classes ({classes[0]} → {classes[-1]}), so a "
            "leap of the accuracy there is not learning alone."
        )
    return said


def film_sheet(film: Film) -> None:
    """Small multiples: every epoch by every layer, as one picture to take away."""
    heading("Every epoch, every layer", "Rows are epochs, columns layers; attention on a scale of its own each.")
    kind = url_setting(
        st.segmented_control, "Show", list(MULTIPLES), key="multiples", default="attention", valid=list(MULTIPLES),
        required=True, format_func=MULTIPLES.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    key = "|".join(view.key for view in film.views)
    draw = partial(caches.once, key, _sheet, film, kind=kind, edges=usual_look().edges)
    with st.spinner("Drawing every layer of every epoch…", show_time=True):
        page = draw(dark=st.context.theme.type == "dark")
    st.image(page, width="stretch")
    name = f"{film.views[-1].file_stem}_{kind}_by_epoch.png"
    download("This picture (PNG, on white)", lambda: draw(dark=False), name)


def _sheet(film: Film, kind: str, edges: str, dark: bool) -> bytes:
    layers = range(1, film.views[-1].card.layers + 1)
    rows = [[_tile(view, layer, kind, edges) for layer in layers] for view in film.views]
    names = [f"epoch {epoch}" for epoch in film.epochs]
    return figures.png_bytes(figures.sheet(rows, [f"layer {layer}" for layer in layers], names, TILE_SIDE, dark))


def _tile(view: View, layer: int, kind: str, edges: str) -> Array:
    if kind == "attention":
        heat = view.measured(measures.patches.trace_attention, layer=layer, head=None, token=0)
        return figures.heat_overlay(view.picture, enlarge_map(view, heat), 0.7)
    found = segments(view, LensLook(edges=edges), kind, layer)
    if found.colours is not None:
        return figures.rgb_overlay(view.picture, found.colours, found.labels > 0)
    return figures.label_overlay(view.picture, found.labels.astype(int) - 1, 0.55, figures.OBJECT_COLORS)
