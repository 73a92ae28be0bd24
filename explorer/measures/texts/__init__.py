"""What a language model expects, what its codes stand for, and what is in its embedding matrix."""

from explorer.measures.texts.embedding import (
    TOKEN_KINDS,
    SparseCode,
    alone_error,
    centre_rows,
    gaussian_rows,
    label_agreement,
    learn_dictionary,
    matching_pursuit,
    nearest_rows,
    row_weights,
    token_kind,
)
from explorer.measures.texts.features import (
    NOBODY,
    FeatureCounter,
    FeatureIndex,
    codes_of_words,
    feature_index,
    logit_effect,
)
from explorer.measures.texts.language import NextTokens, logit_lens, next_tokens, sampling_shares

__all__ = [
    "NOBODY",
    "TOKEN_KINDS",
    "FeatureCounter",
    "FeatureIndex",
    "NextTokens",
    "SparseCode",
    "alone_error",
    "centre_rows",
    "codes_of_words",
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
    "token_kind",
]
