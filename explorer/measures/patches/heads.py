"""One number for each head: how evenly it spreads its attention, how far it reaches, and on what it looks.

Each is the mean over queries, all tokens of the kind that is named or, of more than MAX_QUERIES, so many evenly spaced
ones. What even attention would give is the same measure of queries and keys that are all zero.
"""

from __future__ import annotations

import numpy as np

from explorer.trace import Array

MAX_QUERIES = 256
LAST = 8
"""Tokens right before a token that count as the last ones."""
HUGE = 1e4
"""Logits so far below the largest have no weight; it keeps 0 · ∞ out of the entropy."""
PHOTO_NUMBERS = ("evenness", "distance", "itself", "cls", "cls_evenness")
TEXT_NUMBERS = ("evenness", "distance", "itself", "before", "last", "first")


def photo_head_numbers(
    query: Array, key: Array, grid: tuple[int, int], side: float = 1.0, class_token: bool = True
) -> dict[str, Array]:
    """PHOTO_NUMBERS of a layer on a photo, each (K,) float64.

    evenness: entropy of a patch's attention over log N, the most that it can be; 0 = all on one token, 1 = even.
    distance: mean distance between a patch and what it attends to, in patches' sides; attention to CLS and others in
    front of the patches has none and is left out. itself, cls: share of a patch's attention on itself and on CLS.
    cls_evenness: evenness of CLS's attention.

    query, key: (K,N,p), the patches are the last rows·cols. grid: rows and columns of patches. class_token: whether
    token 0 is CLS; without one its numbers are NaN. side: distance of two neighbouring patches in patches' sides, 1
    unless they overlap. Source of the distance: Dosovitskiy et al., arXiv 2010.11929, figure 7.
    """
    tokens, count = query.shape[1], grid[0] * grid[1]
    if query.shape != key.shape or tokens < count + class_token:
        expected = f"{count} patches{' and CLS' if class_token else ''}"
        raise ValueError(f"expected query and key (K,N,p) of {expected}, got {query.shape} and {key.shape}")
    front = tokens - count
    asked = _spread(front, tokens)
    rows, entropy = _rows(query, key, asked)
    none = np.full(len(query), np.nan)
    patches = rows[:, :, front:]
    places = np.stack(np.divmod(np.arange(count), grid[1]), axis=1) * float(side)
    far = np.linalg.norm(places[asked - front, None] - places[None], axis=-1).astype(rows.dtype)
    return {
        "evenness": entropy.mean(axis=1) / np.log(tokens),
        "distance": (np.einsum("kqn,qn->kq", patches, far) / (1 - rows[:, :, :front].sum(axis=-1))).mean(axis=1),
        "itself": _at(rows, asked, asked).mean(axis=1),
        "cls": rows[:, :, 0].mean(axis=1) if class_token else none,
        "cls_evenness": _rows(query, key, np.array([0]))[1][:, 0] / np.log(tokens) if class_token else none,
    }


def share_on(query: Array, key: Array, inside: Array) -> Array:
    """Share of CLS's attention to the patches that lies on some of them: (K,); NaN where there are none.

    query, key: (K,N,p), token 0 is CLS. inside: bool (n,) or the patch grid, of the patches, which are the last n.
    """
    patches = _rows(query, key, np.array([0]))[0][:, 0, query.shape[1] - inside.size :]
    share = patches[:, inside.ravel()].sum(axis=1) / patches.sum(axis=1)
    return share if inside.any() else np.full(len(share), np.nan)


def text_head_numbers(query: Array, key: Array) -> dict[str, Array]:
    """TEXT_NUMBERS of a layer on a text, each (K,) float64; over all tokens but the first, which has no choice.

    evenness: entropy over log n of the n tokens that it may look at, those before it and itself. distance: how many
    tokens back it looks. itself, before, last, first: share on itself, on the one before it, on the LAST before it, on
    the first of the text. NaN of a text of one token.
    """
    count = query.shape[1]
    if count < 2:
        return {name: np.full(len(query), np.nan) for name in TEXT_NUMBERS}
    asked = _spread(1, count)
    rows, entropy = _rows(query, key, asked, causal=True)
    back = asked[:, None] - np.arange(count)
    return {
        "evenness": (entropy / np.log(asked + 1)).mean(axis=1),
        "distance": (rows * back).sum(axis=-1).mean(axis=1),  # what follows has no share
        "itself": _at(rows, asked, asked).mean(axis=1),
        "before": _at(rows, asked, asked - 1).mean(axis=1),
        "last": (rows * ((back >= 1) & (back <= LAST))).sum(axis=-1).mean(axis=1),
        "first": rows[:, :, 0].mean(axis=1),
    }


def _spread(first: int, end: int) -> Array:
    """first … end − 1, or MAX_QUERIES evenly spaced ones of them."""
    return np.unique(np.linspace(first, end - 1, min(end - first, MAX_QUERIES)).round().astype(int))


def _rows(query: Array, key: Array, asked: Array, causal: bool = False) -> tuple[Array, Array]:
    """What some tokens attend to, (K,len(asked),N), as attention_rows, and the entropy of each row in nats, in the
    precision of the projections. With weights w = e^{x − max x} / Σ, the entropy is log Σ − Σ w (x − max x)."""
    logits = query[:, asked] @ key.transpose(0, 2, 1) * np.asarray(query.shape[-1] ** -0.5, query.dtype)
    if causal:
        logits[:, asked[:, None] < np.arange(key.shape[1])] = -np.finfo(logits.dtype).max
    logits -= logits.max(axis=-1, keepdims=True)
    rows = np.exp(logits)
    total = rows.sum(axis=-1)
    rows /= total[..., None]
    return rows, np.log(total) - np.einsum("kqn,kqn->kq", rows, np.maximum(logits, -HUGE))


def _at(rows: Array, asked: Array, tokens: Array) -> Array:
    """The share that each row gives to one token: (K,len(asked))."""
    return rows[:, np.arange(len(asked)), tokens]
