"""Widgets of the Layers page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer import figures, verdicts
from explorer.card import ModelCard
from explorer.lens import (
    OBJECTS,
    PANELS,
    PICTURES,
    LensChoice,
    LensLook,
    Panel,
    Section,
    bars_panel,
    histogram_panel,
    object_heads,
)
from explorer.measures.patches import default_layer, segment_trace
from explorer.tables import csv_text, head_rows
from explorer.trace import Array
from explorer.ui.frame.widgets import download, heading
from explorer.ui.panels.layers import POSITIONS, RatePosition, layer_maps, rate_panel, sparsity_panel
from explorer.ui.state.settings import url_setting
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import PhotoLens, draw_lens
from explorer.words import TOKEN_RATE, meaning

TOKENS_TEXT = (
    "A sample: evenly spaced tokens (rows, CLS on top) by the first dimensions (columns), compressed and then "
    "sparsified. Blue is below zero, red above, pale is zero."
)
THRESHOLD_TEXT = "What the layer's ReLU sees left of the threshold ηλ becomes exactly zero"
MAPS_TEXT = f"{meaning('rate of a token')} Point at a patch to read its values."
HEADS_TEXT = (
    "A row for each layer, a column for each head. A picture is the attention of CLS, or of the patch that you click "
    "beside them. Click a cell to open that head; once more, and all heads of the layer count."
)
RATE_QUESTION = "Which $R^c$: official (tokens scaled to length 1) or plain; before (ℓ) or after compression (ℓ+½)"


def rate_position() -> RatePosition:
    """Which of the four R^c the page shows."""
    names = [position.name for position in POSITIONS]
    chosen = url_setting(
        st.segmented_control, RATE_QUESTION, names, key="rate_kind", default=names[0], valid=names,
        required=True,
    )  # fmt: skip
    return POSITIONS[names.index(chosen)]


def layer_bar(view: View, choice: LensChoice) -> None:
    """The layer slider and Play of the page; its pictures follow. A lens without pictures has nothing to finish."""
    draw_lens(PhotoLens(view, choice, [], LensLook(), key="layer_bar", toolbar=["layer"]))


def layers_lens(view: View, choice: LensChoice, position: RatePosition) -> Callable[[], None]:
    """Curves, heads, a sample of the tokens, and what each patch costs, all at the layer of the page."""
    rows, control = view.layer_measures(), view.layer_measures(control=True)
    per_head, others = (np.stack([position.per_head(row) for row in some]) for some in (rows, control))
    step = "Z of the next layer, sparsified" if view.card.has_ista else "Z of the next layer"
    codes = "Codes, sparsified" if view.card.codes_dim else step
    heads = bars_panel("Rᶜ of the layer, head by head", figures.RATE_LABEL, per_head, others, "Σ = Rᶜ")
    tokens = [Panel("matrix", "Z after compression", "z_half", scale="signed")]
    tokens += [Panel("matrix", codes, "z_next", scale="signed")]
    charts = [rate_panel(view, position), sparsity_panel(view), heads]
    if view.card.has_ista:
        charts.append(histogram_panel(
            "Entries before and after the threshold", "threshold", ("before", "after"), THRESHOLD_TEXT,
            threshold_verdicts(view),
        ))  # fmt: skip
    sections = [
        Section(charts, wide=True),
        Section(tokens, "The tokens", TOKENS_TEXT, wide=True),
        Section(
            [
                PANELS["photo"],
                Panel("map", TOKEN_RATE, "rate", scale="rate", unit="nats"),
                Panel("map", "Length of each token", "norm", "of the next layer", scale="rate"),
            ],
            "The same tokens on the photo", MAPS_TEXT,
        ),
    ]  # fmt: skip
    return draw_lens(PhotoLens(view, choice, sections, LensLook(), key="layers_lens", toolbar=(), maps=layer_maps))


def threshold_verdicts(view: View) -> list[str]:
    """Of every layer, which share the threshold leaves, beside the control's."""
    ours, random = view.curves()[1], view.curves(control=True)[1]
    return [
        verdicts.at_one(
            own, grey, label=figures.NONZERO_LABEL, where=f"Non-zero after layer {layer}", spread=np.r_[ours, random]
        )
        for layer, (own, grey) in enumerate(zip(ours, random, strict=True), start=1)
    ]


def heads_lens(view: View, choice: LensChoice) -> Callable[[], None]:
    """Every head of every layer at once, beside the attention of those that are chosen."""
    heading("Every head of every layer", HEADS_TEXT)
    panels = [replace(PANELS["overview"], title=""), PANELS["attention"]]
    whole = {PICTURES: [], OBJECTS: [head_objects]}.get(choice.ways.cells, [View.head_numbers])
    shown = PhotoLens(
        view,
        choice,
        [Section(panels, wide=True)],
        LensLook(),
        key="heads_lens",
        toolbar=["heads", "against"],
        whole=whole,
    )
    return draw_lens(shown)


def head_objects(view: View) -> dict[str, Array]:
    """How much of CLS's attention every head puts on MaskCut's objects. MaskCut takes its time: on request only."""
    layer, options = default_layer(view.card.layers, "maskcut"), LensLook().options("maskcut")
    objects = view.measured(segment_trace, method="maskcut", layer=layer, head=None, **options)
    return object_heads(view.trace, view.control_trace(), objects)


def head_downloads(view: View) -> None:
    """Every number of every head, model and control, as CSV."""

    def rows() -> str:
        return csv_text(head_rows(view.head_numbers() | head_objects(view)))

    download("All heads (CSV)", rows, f"{view.file_stem}_heads.csv")


def sparsity_caption(card: ModelCard) -> str:
    what = "the codes $A_2$" if card.codes_dim else r"$Z^{\ell+1}$"
    return (
        f"Exact non-zeros of {what} over its size, CLS included. A random network gets sparser at first, too: only "
        "what goes beyond the control was learned."
    )


def threshold_note(card: ModelCard) -> None:
    """What the page means for a family without a threshold."""
    if note := card.traits.notes.layers:
        st.info(note)
