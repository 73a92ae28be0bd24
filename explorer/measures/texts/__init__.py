"""What a language model expects, what its codes stand for, and what is in its embedding matrix."""

from explorer.measures.texts.embedding import (
    SparseCode,
    alone_error,
    centre_rows,
    gaussian_rows,
    label_agreement,
    learn_dictionary,
    matching_pursuit,
    nearest_rows,
    row_weights,
)
from explorer.measures.texts.features import NOBODY, FeatureCounter, FeatureIndex, feature_index, logit_effect
from explorer.measures.texts.language import NextTokens, logit_lens, next_tokens, sampling_shares

__all__ = [
    "NOBODY",
    "FeatureCounter",
    "FeatureIndex",
    "NextTokens",
    "SparseCode",
    "alone_error",
    "centre_rows",
    "feature_index",
    "gaussian_rows",
    "label_agreement",
    "learn_dictionary",
    "logit_effect",
    "logit_lens",
    "matching_pursuit",
    "nearest_rows",
    "next_tokens",
    "row_weights",
    "sampling_shares",
]
