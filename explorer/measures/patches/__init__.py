"""What patches attend to, which belong together, and where they lie on the photo."""

from explorer.measures.patches.attention import (
    attention_map,
    attention_rows,
    jensen_shannon,
    mean_attention,
    threshold_mass,
)
from explorer.measures.patches.cloud import centred_in_cube, cloud_clusters, cloud_rates, cloud_strongest, cloud_vectors
from explorer.measures.patches.edges import (
    EDGES,
    Guide,
    carried,
    coloured_pixels,
    connected_parts,
    guide_of,
    guided_filter,
    photo_labels,
    sharpen,
)
from explorer.measures.patches.grid import Patches, carry_tokens, matching_tokens, patches_of
from explorer.measures.patches.heads import (
    MAX_QUERIES,
    PHOTO_NUMBERS,
    TEXT_NUMBERS,
    photo_head_numbers,
    share_on,
    text_head_numbers,
)
from explorer.measures.patches.maskcut import maskcut
from explorer.measures.patches.methods import (
    METHODS,
    RULES,
    Heads,
    Segments,
    default_layer,
    head_indices,
    on_pixels,
    place_attention,
    segment_trace,
    trace_attention,
)
from explorer.measures.patches.projection import pca_coordinates, strongest_subspace, unit_rows
from explorer.measures.patches.segmentation import best_overlap, iou, upsample, upsample_smooth
from explorer.measures.patches.walk import LayerWalk, walk_layer

__all__ = [
    "EDGES",
    "MAX_QUERIES",
    "METHODS",
    "PHOTO_NUMBERS",
    "RULES",
    "TEXT_NUMBERS",
    "Guide",
    "Heads",
    "LayerWalk",
    "Patches",
    "Segments",
    "attention_map",
    "attention_rows",
    "best_overlap",
    "carried",
    "carry_tokens",
    "centred_in_cube",
    "cloud_clusters",
    "cloud_rates",
    "cloud_strongest",
    "cloud_vectors",
    "coloured_pixels",
    "connected_parts",
    "default_layer",
    "guide_of",
    "guided_filter",
    "head_indices",
    "iou",
    "jensen_shannon",
    "maskcut",
    "matching_tokens",
    "mean_attention",
    "on_pixels",
    "patches_of",
    "pca_coordinates",
    "photo_head_numbers",
    "photo_labels",
    "place_attention",
    "segment_trace",
    "share_on",
    "sharpen",
    "strongest_subspace",
    "text_head_numbers",
    "threshold_mass",
    "trace_attention",
    "unit_rows",
    "upsample",
    "upsample_smooth",
    "walk_layer",
]
