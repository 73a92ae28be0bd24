"""The panels that a lens can show, and the colours that they share with every other figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.figures import style
from explorer.words import METHODS


@dataclass(frozen=True)
class Panel:
    """One picture of the lens. kind: how it is drawn (web/panels.js). source: the segmentation it shows, if any.

    title: above it. explanation: below it, before what the browser adds (layer, heads, patch).
    view, layer: what it shows, where that is not the lens's own view or layer. like: the views whose numbers together
    set the ends of the scale, so that panels can be compared; none = its own. chart: see charts.py.
    scale, unit: of a map of numbers. versus: the view that a panel of kind "versus" lays beside its own, each drawn as
    the kind `over` would be; names: what the two are called. verdict: one line below it; a chart has its own, above it.
    """

    kind: str
    title: str
    source: str = ""
    explanation: str = ""
    view: str = ""
    layer: int = 0
    like: tuple[str, ...] = ()
    chart: Mapping[str, Any] | None = None
    scale: str = "heat"
    unit: str = ""
    versus: str = ""
    over: str = ""
    names: tuple[str, str] = ("", "")
    verdict: str = ""


PANELS = {
    "photo": Panel("photo", "Photo"),
    "attention": Panel("attention", "Attention"),
    "overview": Panel("overview", "Every head of every layer"),
    "objects": Panel("objects", METHODS["maskcut"], "maskcut"),
    "parts": Panel("colours", METHODS["pca"], "pca", "components 1–3 of the side on which the first object lies"),
    "kept": Panel("kept", METHODS["attention"]),
    "clusters": Panel("labels", METHODS["kmeans"], "kmeans", "six clusters of the projections"),
    "strongest": Panel("labels", METHODS["subspace"], "subspace", "relative to each subspace's mean energy"),
}


def look_up_colors() -> dict[str, Any]:
    """The colours, from the one place that has them: scales as 256 RGB triples, palettes as #rrggbb."""
    return {
        "heat": style.lookup(style.HEAT_SCALE).ravel().tolist(),
        "rate": style.lookup(style.RATE_SCALE).ravel().tolist(),
        "signed": style.lookup(style.SIGNED_SCALE).ravel().tolist(),
        "heads": list(style.HEAD_COLORS),
        "objects": list(style.OBJECT_COLORS),
        "selected": style.SELECTED_COLOR,
    }
