"""Widgets of the Segment page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures, measures, summary
from explorer.inputs.image import prepare_mask, read_photo
from explorer.measures import Segments, attention_map
from explorer.trace import Array, Trace
from explorer.ui.common import download, enlarge_map, layer_slider, segments
from explorer.ui.photo import pick_patch
from explorer.ui.remembered import remembered
from explorer.ui.view import View

HEADS_IN_A_ROW = 8
MAX_OBJECTS = 6
SHARES = tuple(round(0.05 * i, 2) for i in range(21))
METHOD_NAMES = {
    "attention": "Kept attention",
    "maskcut": "Objects (MaskCut)",
    "pca": "Parts (PCA-RGB)",
    "kmeans": "Clusters (k-means)",
    "subspace": "Strongest subspace",
}
RULE_NAMES = {"mass": "Share of attention", "entries": "Share of patches"}


@dataclass(frozen=True)
class SegmentSettings:
    """What the page's controls say. head: from 1, None = mean of all. token: whose attention, 0 = CLS."""

    layer: int
    head: int | None
    token: int
    rule: str
    keep: float
    objects: int
    alpha: float

    @property
    def attention(self) -> dict[str, object]:
        """The options of the thresholded attention."""
        return {"rule": self.rule, "keep": self.keep, "token": self.token}

    @property
    def rule_name(self) -> str:
        what = "of the attention" if self.rule == "mass" else "of the patches"
        return f"the top {self.keep:.0%} {what}"


def segment_settings(view: View) -> SegmentSettings:
    """The page's controls in one row; the rarer ones behind a button."""
    tokens = 1 + view.trace.grid[0] * view.trace.grid[1]
    heads = range(view.card.heads + 1)
    left, middle, right, more = st.columns([5, 5, 3, 3], vertical_alignment="bottom")
    with left:
        layer = layer_slider(view)
    with middle:
        head = remembered(
            st.selectbox, "Head", heads, key="head", default=0, valid=heads,
            format_func=lambda k: str(k) if k else "mean of all heads",
        )  # fmt: skip
    with right:
        token = remembered(
            st.number_input, f"Query token (0–{tokens - 1})", 0, tokens - 1, key="token", default=0,
            valid=range(tokens),
            help="Whose attention is shown: 0 is CLS, then the patches row by row. Or click a patch on the photo.",
        )  # fmt: skip
    with more.popover("Options", icon=":material/tune:", width="stretch"):
        rule = remembered(
            st.segmented_control, "Attention is kept by", list(RULE_NAMES), key="rule", default="mass",
            valid=list(RULE_NAMES), required=True, format_func=RULE_NAMES.__getitem__,
            help="Share of attention: the fewest patches that hold it (DINO's script). Share of patches: the top "
            "patches (the CRATE paper's text).",
        )  # fmt: skip
        keep = remembered(
            st.select_slider,
            "Share kept",
            SHARES[1:-1],
            key="keep",
            default=0.6,
            valid=SHARES[1:-1],
            format_func=_percent,
        )
        objects = remembered(
            st.slider,
            "Most objects (MaskCut)",
            1,
            MAX_OBJECTS,
            key="objects",
            default=3,
            valid=range(1, MAX_OBJECTS + 1),
        )
        alpha = remembered(
            st.select_slider, "Overlay opacity", SHARES, key="alpha", default=0.65, valid=SHARES, format_func=_percent
        )
    return SegmentSettings(layer, head or None, token, rule, keep, objects, alpha)


def _percent(share: float) -> str:
    return f"{share:.0%}"


def head_name(head: int | None) -> str:
    return f"head {head}" if head else "mean of all heads"


def token_name(view: View, token: int) -> str:
    """CLS, or the row and column of a patch, from 1."""
    if token == 0:
        return "CLS"
    row, col = divmod(token - 1, view.trace.grid[1])
    return f"the patch in row {row + 1}, column {col + 1}"


def prediction_caption(view: View) -> str:
    """What the bars are, and how far to trust them."""
    top1 = next((value for key, value in view.card.measured.items() if key.startswith("top1")), None)
    trust = (
        f"; at its trained size and stride this model is right on {top1:.0%} of its validation photos" if top1 else ""
    )
    return f"the five most probable classes, softmax of the logits{trust}"


def object_count(found: Segments) -> str:
    count = int(found.labels.max())
    return "no object found" if not count else "1 object" if count == 1 else f"{count} objects"


def masks(found: Segments) -> Array:
    """The objects of a segmentation as bool (M,H,W)."""
    labels = found.labels
    return np.stack([labels == i for i in range(1, int(labels.max()) + 1)] or [np.zeros_like(labels, bool)])


def pick_token(view: View, token: int) -> None:
    """The photo; clicking a patch makes it the query token."""
    card, scale = view.card, view.scale
    pick_patch(
        view.picture, *view.trace.grid, scale * card.patch, scale * view.trace.stride, token or None,
        key="photo_picker", alt=f"{view.photo.name}, {token_name(view, token)} selected",
        on_pick=lambda picked: st.session_state.update(token=picked or 0),
    )  # fmt: skip


def head_strip(view: View, layer: int, token: int, alpha: float) -> None:
    """The attention of every head as a row of pictures."""
    heads = view.measured(_all_heads, layer=layer, token=token)
    for start in range(0, len(heads), HEADS_IN_A_ROW):
        row = range(start, min(start + HEADS_IN_A_ROW, len(heads)))
        columns = st.columns(max(len(row), 6))
        for column, k in zip(columns, row, strict=False):
            overlay = figures.heat_overlay(view.picture, enlarge_map(view, heads[k]), alpha)
            column.image(overlay, caption=f"head {k + 1}", width="stretch", alt=f"Attention of head {k + 1}")


def _all_heads(trace: Trace, layer: int, token: int) -> Array:
    return attention_map(*trace.query_key(layer), token, trace.grid)


def mask_comparison(view: View, settings: SegmentSettings) -> None:
    """Upload a mask; every method is compared with it."""
    with st.expander("Compare with your own mask", icon=":material/compare:"):
        file = st.file_uploader(
            "A mask of this photo (white or labelled = object, black = background)",
            type=["png", "jpg", "webp", "bmp", "tif"],
            key="mask_file",
        )  # fmt: skip
        if file is None:
            return
        card, size = view.card, min(view.prepared.height, view.prepared.width)
        whole = read_photo(view.photo.data, view.photo.name)
        mask = prepare_mask(
            file.getvalue(), card.preprocessing, card.patch, size, view.framing, name=file.name, photo_size=whole.size
        )
        if not mask.any():
            st.warning(
                "This mask marks nothing in the framed part of the photo: white or labelled pixels are the object."
            )
            return
        rows = overlaps(view, settings, mask)
        left, right = st.columns([1, 3])
        shown = mask.repeat(view.scale, axis=0).repeat(view.scale, axis=1)
        drawn = figures.threshold_overlay(view.picture, shown, settings.alpha)
        left.image(figures.jpeg_bytes(drawn), caption="Your mask, framed as the photo")
        right.dataframe(rows, hide_index=True, width="stretch")
        right.caption(
            "IoU: area of the overlap over area of the union, on the pixels that the model sees; 1 is a perfect match. "
            "For methods with several segments, the one that overlaps best."
        )
        with right:
            download("Overlaps (CSV)", lambda: summary.csv_text(rows), f"{view.file_stem}_overlaps.csv")


def overlaps(view: View, settings: SegmentSettings, mask: Array) -> list[dict[str, object]]:
    """IoU with the mask for every method: of the whole foreground and of the best single segment."""
    rows = []
    for method in measures.METHODS:
        options = settings.attention if method == "attention" else {}
        head = settings.head if method == "attention" else None
        found = view.measured(measures.segment_trace, method=method, layer=settings.layer, head=head, **options)
        found = measures.on_pixels(found, view.trace, view.prepared.height, view.prepared.width)
        best, label = measures.best_overlap(found.labels, mask)
        whole = method in ("attention", "maskcut", "pca")
        rows.append(
            {
                "method": METHOD_NAMES[method],
                "layer": found.layer,
                "IoU of the foreground": round(measures.iou(found.labels > 0, mask), 3) if whole else None,
                "best segment": label,
                "its IoU": round(best, 3),
            }
        )
    return rows


def segment_downloads(view: View, settings: SegmentSettings, overlay: Array) -> None:
    """The overlay, the masks and the numbers as files."""
    layer = settings.layer
    kept = segments(view, "attention", layer, settings.head, **settings.attention)
    found = segments(view, "maskcut", layer, objects=settings.objects)

    about = {
        "model": view.card.name, "photo": view.photo.name, "height": view.prepared.height, "width": view.prepared.width,
        "stride": view.trace.stride, "framing": view.framing, "layer": layer, "head": settings.head or "mean",
        "token": settings.token, "rule": settings.rule, "keep": settings.keep,
    }  # fmt: skip

    def numbers() -> str:
        top = view.top_classes()
        return summary.csv_text(summary.segment_rows(about, top, {"attention": kept, "maskcut": found}))

    name = f"{view.file_stem}_layer{layer}"
    with st.container(horizontal=True):
        download("Attention overlay (PNG)", lambda: figures.png_bytes(overlay), f"{name}_attention.png")
        download("Attention mask (PNG)", lambda: summary.label_png(kept.labels), f"{name}_attention_mask.png")
        download("Object masks (PNG)", lambda: summary.label_png(found.labels), f"{name}_objects.png")
        download("Numbers (CSV)", numbers, f"{name}.csv")
