"""The lens: pictures of a trace that a browser draws by itself, in the app and in the offline report.

The browser gets the photo, the projections of a layer and its segmentations as bytes (feeds), and computes attention
for the patch under the pointer: query = key = value = U_kᵀ LN(Z^ℓ), so the projections are all that it needs.
"""

from explorer.lens.charts import (
    DASHED,
    SOLID,
    bars_panel,
    curve_panel,
    film_panel,
    histogram_panel,
    runs_panel,
    shots_panel,
)
from explorer.lens.feeds import attention_feed, photo_feed, segments_feed, view_id
from explorer.lens.heads import (
    AGAINST,
    NETWORKS,
    OBJECTS,
    PICTURES,
    Ways,
    cells_of,
    heads_feed,
    object_heads,
    photo_heads,
    text_heads,
)
from explorer.lens.packing import pack, pack_arrays
from explorer.lens.panels import PANELS, Panel
from explorer.lens.scene import LensChoice, LensLook, Section, grid, needs_attention, settings
from explorer.lens.text import Colour, TextLensChoice, text_feed, text_settings, token_colours
from explorer.lens.walk import walk_feed
from explorer.lens.web import SCRIPTS, TEXT_SCRIPTS, asset

__all__ = [
    "AGAINST",
    "DASHED",
    "NETWORKS",
    "OBJECTS",
    "PANELS",
    "PICTURES",
    "SCRIPTS",
    "SOLID",
    "TEXT_SCRIPTS",
    "Colour",
    "LensChoice",
    "LensLook",
    "Panel",
    "Section",
    "TextLensChoice",
    "Ways",
    "asset",
    "attention_feed",
    "bars_panel",
    "cells_of",
    "curve_panel",
    "film_panel",
    "grid",
    "heads_feed",
    "histogram_panel",
    "needs_attention",
    "object_heads",
    "pack",
    "pack_arrays",
    "photo_feed",
    "photo_heads",
    "runs_panel",
    "segments_feed",
    "settings",
    "shots_panel",
    "text_feed",
    "text_heads",
    "text_settings",
    "token_colours",
    "view_id",
    "walk_feed",
]
