"""Two runs on one text of the same tokens: what they predict, and what their tokens attend to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.measures.patches.methods import Heads
from explorer.measures.prediction import log_probabilities
from explorer.measures.texts.language import next_tokens
from explorer.trace import Array


@dataclass(frozen=True)
class TextChange:
    """How far apart two predictions of every next token are, at N places.

    divergence: (N,) KL(A ‖ B) in nats. agrees: (N,) whether both would say the same token. surprise: (N−1,) of B minus
    of A, in nats, at every token that follows: below 0 where B expected it more.
    """

    divergence: Array
    agrees: Array
    surprise: Array


def compare_next_tokens(logits_a: Array, logits_b: Array, tokens: Array) -> TextChange:
    """Compare scores (N,V) of the next tokens of a text, tokens (N,). Raises ValueError if the shapes differ."""
    if logits_a.shape != logits_b.shape:
        raise ValueError(f"scores of {logits_a.shape} and {logits_b.shape} have no tokens in common")
    a, b = log_probabilities(logits_a), log_probabilities(logits_b)
    return TextChange(
        divergence=np.maximum((np.exp(a) * (a - b)).sum(axis=1), 0.0),
        agrees=logits_a.argmax(axis=1) == logits_b.argmax(axis=1),
        surprise=next_tokens(logits_b, tokens, 1).surprise - next_tokens(logits_a, tokens, 1).surprise,
    )


def causal_attention(query: Array, key: Array, heads: Heads = None) -> Array:
    """What every token attends to, (N,N): the mean of the heads' softmax over the token itself and those before it.

    query, key: (K,N,p). heads: one, several (from 1) or None for all; those that are not there are left out, and if
    none is, all count. For texts of a model's context; memory grows with K·N².
    """
    asked = () if heads is None else (heads,) if isinstance(heads, int) else heads
    here = [k - 1 for k in asked if k <= len(query)] or list(range(len(query)))
    logits = query[here].astype(np.float64) @ key[here].astype(np.float64).transpose(0, 2, 1) * query.shape[-1] ** -0.5
    logits[:, ~np.tri(query.shape[1], dtype=bool)] = -np.inf
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).mean(axis=0)


def compare_causal_attention(a: tuple[Array, Array], b: tuple[Array, Array], heads: Heads = None) -> Array:
    """Jensen–Shannon divergence in bits (N,) of what each token attends to in A and in B: 0 = the same, 1 = no token
    shared. a, b: query and key of a layer, as Trace.query_key gives them. The first token attends to itself alone.

    Raises ValueError if the texts have other lengths.
    """
    p, q = causal_attention(*a, heads), causal_attention(*b, heads)
    if p.shape != q.shape:
        raise ValueError(f"texts of {len(p)} and {len(q)} tokens cannot be compared")
    middle = (p + q) / 2
    entropies = [-(x * np.log2(np.where(x > 0, x, 1))).sum(axis=1) for x in (middle, p, q)]
    return np.clip(entropies[0] - (entropies[1] + entropies[2]) / 2, 0.0, 1.0)
