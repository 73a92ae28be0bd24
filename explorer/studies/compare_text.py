"""How far apart two runs on one text are: every difference with its unit, its scale and what chance alone gives."""

from __future__ import annotations

import numpy as np

from explorer import measures
from explorer.errors import ExplorerError
from explorer.studies.compare import ComparedRun, Difference, Once, alike, computed_now
from explorer.trace import Array


def check_tokens(a: ComparedRun, b: ComparedRun) -> None:
    """Raises ExplorerError for runs of other tokens."""
    same = np.array_equal(a.prepared.data, b.prepared.data)
    if not same or a.card.vocabulary != b.card.vocabulary:
        raise ExplorerError(
            f"{a.card.name} and {b.card.name} read other tokens: only models of one tokenizer can be compared."
        )


def text_differences(
    a: ComparedRun, b: ComparedRun, layer: int, other: int, heads: tuple[int, ...] = (), once: Once = computed_now
) -> list[Difference]:
    """Everything of compare.TEXT_SCALES from A to B, in its order. layer, other: layers of A and B. heads: from 1,
    empty = all.

    Raises ExplorerError for models of other tokens.
    """
    check_tokens(a, b)
    change = next_token_change(a, b, once)
    return [
        Difference("foretold_kl_nats", float(change.divergence.mean())),
        Difference("agreement", float(change.agrees.mean())),
        Difference("surprise_nats", float(change.surprise.mean()) if len(change.surprise) else None),
        Difference("token_attention_js_bits", float(attention_change(a, b, layer, other, heads, once).mean())),
        *alike(a, b, layer, other, once),
    ]


def next_token_change(a: ComparedRun, b: ComparedRun, once: Once = computed_now) -> measures.pairs.TextChange:
    """What the two predict at every place."""
    return once(f"{a.key}|{b.key}", _next_token_change, a, b)


def _next_token_change(a: ComparedRun, b: ComparedRun) -> measures.pairs.TextChange:
    return measures.pairs.compare_next_tokens(a.trace.logits[0], b.trace.logits[0], a.prepared.data[0])


def attention_change(
    a: ComparedRun, b: ComparedRun, layer: int, other: int, heads: tuple[int, ...] = (), once: Once = computed_now
) -> Array:
    """Jensen–Shannon divergence of what every token attends to, (N,) in bits."""
    return once(f"{a.key}|{b.key}", _attention_change, a, b, layer=layer, other=other, heads=heads)


def _attention_change(a: ComparedRun, b: ComparedRun, layer: int, other: int, heads: tuple[int, ...]) -> Array:
    looks = a.trace.query_key(layer), b.trace.query_key(other)
    return measures.pairs.compare_causal_attention(*looks, heads or None)
