"""Two runs or two models, and how far they are apart."""

from explorer.measures.pairs.ablation import HeadEffect, feature_effects, head_effects, ranked
from explorer.measures.pairs.colours import shared_colours
from explorer.measures.pairs.photos import AttentionChange, PredictionChange, compare_attention, compare_predictions
from explorer.measures.pairs.similarity import CkaMap, cka_map, linear_cka, procrustes_distance
from explorer.measures.pairs.texts import TextChange, compare_causal_attention, compare_next_tokens
from explorer.measures.pairs.weights import (
    Chance,
    WeightChanges,
    atoms_by_chance,
    heads_by_chance,
    match_atoms,
    match_heads,
    weight_changes,
)

__all__ = [
    "AttentionChange",
    "Chance",
    "CkaMap",
    "HeadEffect",
    "PredictionChange",
    "TextChange",
    "WeightChanges",
    "atoms_by_chance",
    "cka_map",
    "compare_attention",
    "compare_causal_attention",
    "compare_next_tokens",
    "compare_predictions",
    "feature_effects",
    "head_effects",
    "heads_by_chance",
    "linear_cka",
    "match_atoms",
    "match_heads",
    "procrustes_distance",
    "ranked",
    "shared_colours",
    "weight_changes",
]
