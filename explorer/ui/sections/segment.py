"""Widgets of the Segment page."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from explorer import figures, measures
from explorer.inputs.decode import photo_size
from explorer.inputs.formats import TYPES
from explorer.inputs.image import prepare_mask
from explorer.knobs import write_knobs
from explorer.lens import PANELS, LensChoice, LensLook, Section
from explorer.measures.patches import Segments
from explorer.tables import csv_text, label_png, overlap_rows, segment_rows
from explorer.trace import Array
from explorer.ui.frame.widgets import download, heading, options_expander, plot
from explorer.ui.panels.prediction import photo_panel, prediction_caption
from explorer.ui.state.settings import url_setting
from explorer.ui.view.photo import View, enlarge_map, segments
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, edges_setting, lens_choice
from explorer.words import NO_HEAD, meaning

MAX_OBJECTS = 6
SHARES = tuple(round(0.05 * i, 2) for i in range(21))
STRIP_TEXT = (
    "The same attention, head by head. Point at a patch to read it; click a head to enlarge it, with Shift several."
)
RULE_NAMES = {"mass": "Attention", "entries": "Patches"}


@dataclass(frozen=True)
class SegmentSettings:
    """What the page's controls say: the lens's choice, and how it draws."""

    choice: LensChoice
    look: LensLook

    @property
    def head(self) -> tuple[int, ...] | None:
        """The chosen heads as the measures take them: None = all."""
        return self.choice.heads or None

    @property
    def attention(self) -> dict[str, object]:
        """The options of the thresholded attention."""
        return {"rule": self.look.rule, "keep": self.look.keep, "token": self.choice.token}


def segment_settings(view: View) -> SegmentSettings:
    """Layer, heads and token from the lens; the rarer settings in an expander."""
    choice = lens_choice(view)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        edges = edges_setting()
        swap = url_setting(
            st.toggle, "Swap foreground and background", key="swap", default=False, valid=(False, True),
            help="Which side of MaskCut's first cut is the object is a guess, by its strongest patch and the corners "
            "of the photo. Parts are coloured on the side on which that object lies. Swap it where the guess is wrong.",
        )  # fmt: skip
    with options_expander():
        columns = st.columns([3, 2, 2, 2])
        parts = url_setting(
            st.toggle, "Split objects into connected parts", key="parts", default=False, valid=(False, True),
            help="MaskCut makes one object of animals of one kind that touch on the patches. With the photo's edges "
            "they often come apart; each part of at least 1 % of the picture is then an object of its own.",
        )  # fmt: skip
    with columns[0]:
        rule = url_setting(
            st.segmented_control, "Keep a share of the", list(RULE_NAMES), key="rule", default="mass",
            valid=list(RULE_NAMES), required=True, format_func=RULE_NAMES.__getitem__,
            help="Attention: the fewest patches that hold the share (DINO's script). Patches: the share of the patches "
            "that gets most attention (the text of the emergence paper).",
        )  # fmt: skip
    with columns[1]:
        keep = url_setting(
            st.select_slider, "Share kept", SHARES[1:-1], key="keep", default=0.6, valid=SHARES[1:-1],
            format_func=_percent,
        )  # fmt: skip
    with columns[2]:
        objects = url_setting(
            st.slider, "Most objects (MaskCut)", 1, MAX_OBJECTS, key="objects", default=3,
            valid=range(1, MAX_OBJECTS + 1),
        )  # fmt: skip
    with columns[3]:
        alpha = url_setting(
            st.select_slider, "Overlay opacity", SHARES, key="alpha", default=0.65, valid=SHARES, format_func=_percent
        )
    return SegmentSettings(choice, LensLook(alpha, rule, keep, objects, swap, edges, parts))


def segment_lens(view: View, settings: SegmentSettings) -> None:
    """All pictures of the page: the photo, attention, objects and parts; the heads; three more readings."""
    first = [photo_panel(view), *(PANELS[name] for name in ("attention", "objects", "parts"))]
    more = [PANELS[name] for name in ("kept", "clusters", "strongest")]
    sections = [
        Section(first),
        Section(title="Every head", explanation=STRIP_TEXT, strip=True),
        Section(more, "The same tokens, read in other ways"),
    ]
    draw_lens(PhotoLens(view, settings.choice, sections, settings.look, key="segment_lens"))()


def _percent(share: float) -> str:
    return f"{share:.0%}"


def prediction(view: View) -> None:
    """The most probable classes, where the model has any."""
    if not view.card.has_head:
        heading("Prediction", NO_HEAD)
        return
    heading("Prediction", prediction_caption(view))
    plot(figures.prediction_bars(*view.top_classes()), "predictions")


def mask_comparison(view: View, settings: SegmentSettings) -> None:
    """Upload a mask; every method is compared with it."""
    with st.expander("Compare with your own mask", icon=":material/compare:"):
        file = st.file_uploader(
            "A mask of this photo (white or labelled = object, black = background)",
            type=list(TYPES),
            key="mask_file",
        )  # fmt: skip
        if file is None:
            return
        card, size = view.card, min(view.prepared.height, view.prepared.width)
        sides = photo_size(view.photo.data, view.photo.name)
        mask = prepare_mask(
            file.getvalue(), card.preprocessing, card.patch, size, view.framing, name=file.name, photo_size=sides
        )
        if not mask.any():
            st.warning(
                "This mask marks nothing in the framed part of the photo: white or labelled pixels are the object."
            )
            return
        shown = mask.repeat(view.scale, axis=0).repeat(view.scale, axis=1)
        rows = overlaps(view, settings, shown)
        left, right = st.columns([1, 3])
        drawn = figures.threshold_overlay(view.picture, shown, settings.look.alpha)
        left.image(figures.jpeg_bytes(drawn), caption="Your mask, framed as the photo")
        right.dataframe(rows, hide_index=True, width="stretch")
        right.caption(
            f"{meaning('IoU')} It is taken on the pixels of the picture as shown, with the edges chosen above; of "
            "methods with several segments, of the one that overlaps best."
        )
        with right:
            download("Overlaps (CSV)", lambda: csv_text(rows), f"{view.file_stem}_overlaps.csv")


def overlaps(view: View, settings: SegmentSettings, mask: Array) -> list[dict[str, object]]:
    """IoU with the mask (H,W) on the shown picture for every method, as rows: of the whole foreground and of the best
    single segment."""
    found = []
    for method in measures.patches.METHODS:
        head, options = (settings.head, settings.attention) if method == "attention" else (None, {})
        found.append(segments(view, settings.look, method, settings.choice.layer, head, **options))
    return overlap_rows(found, mask)


def segment_downloads(view: View, settings: SegmentSettings) -> None:
    """The overlay, the masks and the numbers as files, made when they are asked for."""
    choice, look = settings.choice, settings.look
    layer, head = choice.layer, settings.head

    def overlay() -> bytes:
        heat = view.measured(measures.patches.trace_attention, layer=layer, head=head, token=choice.token)
        return figures.png_bytes(figures.heat_overlay(view.picture, enlarge_map(view, heat), look.alpha))

    def kept() -> Segments:
        return segments(view, look, "attention", layer, head, **settings.attention)

    def found() -> Segments:
        return segments(view, look, "maskcut", layer)

    def numbers() -> str:
        about = {
            "model": view.card.name, "photo": view.photo.name, "height": view.prepared.height,
            "width": view.prepared.width, "stride": view.trace.stride, "framing": view.framing, "layer": layer,
            "head": " ".join(map(str, choice.heads)) or "mean", "token": choice.token, "rule": look.rule,
            "keep": look.keep, "edges": look.edges, "connected parts": look.parts,
            "knobs": write_knobs(view.knobs, view.card),
        }  # fmt: skip
        top = view.top_classes()
        return csv_text(segment_rows(about, top, {"attention": kept(), "maskcut": found()}))

    name = f"{view.file_stem}_layer{layer}"
    with st.container(horizontal=True):
        download("Attention overlay (PNG)", overlay, f"{name}_attention.png")
        download("Attention mask (PNG)", lambda: label_png(kept().labels), f"{name}_attention_mask.png")
        download("Object masks (PNG)", lambda: label_png(found().labels), f"{name}_objects.png")
        download("Numbers (CSV)", numbers, f"{name}.csv")
