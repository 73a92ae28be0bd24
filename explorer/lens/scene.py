"""What a lens is told beside its feeds: the grid, the panels, what is chosen and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from explorer.card import ModelCard
from explorer.lens.heads import AS_USUAL, Ways, ways_settings
from explorer.lens.panels import Panel, look_up_colors
from explorer.trace import Array, Trace
from explorer.words import in_front, whole_photo


@dataclass(frozen=True)
class LensChoice:
    """What the lens shows. heads: from 1, empty = all. token: pinned; 1 + i is patch i, 0 the whole photo
    (CLS, or where there is none the mean of the patches). shot: of a film, from 0."""

    layer: int
    heads: tuple[int, ...]
    token: int
    shot: int = 0
    ways: Ways = AS_USUAL


@dataclass(frozen=True)
class LensLook:
    """How the lens draws. rule, keep: where most attention goes; objects: MaskCut's most. swap:
    the other side of MaskCut's first cut is foreground, of objects and parts. edges: of objects, parts and clusters,
    those of the patches or of the photo. parts: objects are split into their connected parts."""

    alpha: float = 0.65
    rule: str = "mass"
    keep: float = 0.6
    objects: int = 3
    swap: bool = False
    edges: str = "photo"
    parts: bool = False

    def options(self, method: str) -> dict[str, int]:
        """The options of a segmentation that a panel shows (measures.segment_trace)."""
        swap = {"swap": True} if self.swap and method in ("maskcut", "pca") else {}
        return swap | ({"objects": self.objects} if method == "maskcut" else {})

    def drawn(self, method: str) -> dict[str, Any]:
        """options, and how the segmentation is carried from the patches (measures.patches.carried)."""
        return self.options(method) | {"edges": self.edges, "parts": self.parts and method == "maskcut"}


@dataclass(frozen=True)
class Section:
    """A row of panels under a title. strip: one small picture for each head instead, of the view that is named or of
    the lens's own; wide: room for charts. columns: as many panels a row, 0 = as many as fit."""

    panels: Sequence[Panel] = ()
    title: str = ""
    explanation: str = ""
    strip: bool = False
    wide: bool = False
    view: str = ""
    columns: int = 0


def grid(trace: Trace, picture: Array, scale: int = 1, photo: str = "photo") -> dict[str, Any]:
    """What the browser knows of a view: its layers and heads, and the patch grid in pixels of a picture (H,W,3) that is
    scale times as large as what the model sees.

    photo: the name of the picture's feed.
    """
    rows, cols = trace.grid
    height, width = picture.shape[:2]
    patch, stride = scale * trace.card.patch, scale * trace.stride
    shape = {"rows": rows, "cols": cols, "patch": patch, "stride": stride, "height": height, "width": width}
    prefix = trace.card.prefix
    said = {"prefix": len(prefix), "front": in_front(prefix), "whole": whole_photo(prefix), "seen": trace.seen}
    return shape | said | {"photo": photo, "layers": trace.card.layers, "heads": trace.card.heads}


def settings(
    view: str,
    grids: Mapping[str, Mapping[str, Any]],
    card: ModelCard,
    choice: LensChoice,
    sections: Sequence[Section],
    look: LensLook,
    *,
    toolbar: Sequence[str] = ("layer", "heads", "against"),
    page: str = "",
    layer_label: str = "Layer ℓ",
    at: int = 0,
    by_depth: bool = False,
    shots: Sequence[tuple[str, str]] = (),
    film_label: str = "",
    file: str = "lens",
    alt: str = "",
) -> dict[str, Any]:
    """What web/lens.js's update takes.

    view: the name of the lens's own feeds. grids: the grid of every view that a panel shows. at: number of the choice
    that this answers; the browser ignores an answer to an older one. toolbar: which controls it has, "layer",
    "heads", "film" and "against", what attention's colours are relative to. shots, film_label: views that take the
    place of the lens's own one after the other, and what each is called; the name of their slider. page: lenses of one
    page share what is chosen. by_depth: see trace.layer_on. file: how files saved from it begin.
    """
    return {
        "view": view, "views": dict(grids), "layers": card.layers, "headCount": card.heads,
        "layer": choice.layer, "heads": list(choice.heads), "token": choice.token, "at": at,
        "alpha": look.alpha, "rule": look.rule, "keep": look.keep, "objects": look.objects,
        "parts": look.parts, "look": look_up_colors(),
        "sections": [asdict(section) for section in sections], "attention": needs_attention(sections), "page": page,
        "toolbar": list(toolbar), "byDepth": by_depth, "shot": choice.shot,
        "shots": [{"view": one, "name": called} for one, called in shots], "filmLabel": film_label,
        "layerLabel": layer_label, "file": file, "alt": alt,
    } | ways_settings(choice.ways, False, _tokens(grids[view]))  # fmt: skip


def _tokens(grid: Mapping[str, Any]) -> int:
    """Tokens of a view: its patches, and what stands in front of them."""
    return grid["prefix"] + grid["rows"] * grid["cols"]


def needs_attention(sections: Sequence[Section]) -> bool:
    """Whether a panel draws attention, so that the browser needs the projections."""
    kinds = {kind for section in sections for panel in section.panels for kind in (panel.kind, panel.over)}
    return bool(kinds & {"attention", "kept", "overview"}) or any(section.strip for section in sections)
