"""A model's card as a table in plain words."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import streamlit as st

from explorer.card import CLASS_TOKEN, ModelCard
from explorer.errors import ExplorerError
from explorer.evaluation.record import results_of
from explorer.tables import card_values
from explorer.ui.frame.widgets import plain
from explorer.words import NO_HEAD, in_front

DIGEST = 12
"""Characters of a digest that are shown."""
CLASSES = 12
"""Classes that are named."""
ORIGIN = {
    "run": "training run", "epoch": "epoch", "iter_num": "step", "trained_size": "trained at (pixels)", "data": "data",
    "licence": "licence", "repository": "repository", "revision": "revision", "file": "checkpoint",
    "sha256": "its SHA-256", "imported": "imported",
    "cross_entropy_val": "cross-entropy while training (nats per token)", "ignored_tensors": "tensors left out",
}  # fmt: skip
"""What is said of where a model comes from, in this order; what else a checkpoint tells follows by its own name."""
OF_SIZE = {
    "arch", "wrapper", "n_layer", "n_head", "n_kv_head", "n_embd", "block_size", "vocab_size", "bias", "dropout",
    "best_val_loss", "best_acc1",
}  # fmt: skip
"""What a checkpoint tells of its sizes and its best number, which stand in the other groups."""
CELL = "padding:.2rem .4rem;border-bottom:1px solid rgb(128 128 128 / 25%);overflow-wrap:anywhere;vertical-align:top"
LABEL = f"{CELL};width:42%;text-align:left;font-weight:400;opacity:.75"
NOTHING = (None, "", [], {}, ())


def card_table(card: ModelCard) -> None:
    """All that a card says, in groups; below, the same as JSON."""
    with st.container(border=True):
        st.markdown(f"**{plain(card.name)}**, {card.family_label}")
        left, right = st.columns(2, gap="large")
        with left:
            _group("The network", network_facts(card))
            _group(f"How it reads {'texts' if card.reads_text else 'photos'}", input_facts(card))
        with right:
            _group("Where it comes from", origin_facts(card))
            _group("What was measured", measured_facts(card))
        with st.expander("As JSON"):
            st.json({name: value for name, value in card_values(card).items() if name != "evaluation"}, expanded=1)


def _group(title: str, facts: Sequence[tuple[str, Any]]) -> None:
    """A titled table of two columns."""
    rows = [(name, _said(value)) for name, value in facts if value not in NOTHING]
    if rows:
        cells = "".join(
            f'<tr><th scope="row" style="{LABEL}">{html.escape(name)}</th>'
            f'<td style="{CELL}">{html.escape(said)}</td></tr>'
            for name, said in rows
        )
        st.markdown(f"**{title}**")
        st.html(f'<table style="width:100%;border-collapse:collapse;font-size:.92rem">{cells}</table>')


def _said(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_said, value))
    return " ".join(str(value).split())


def network_facts(card: ModelCard) -> list[tuple[str, Any]]:
    """Sizes, step sizes and thresholds."""
    return [
        ("layers × heads", f"{card.layers} × {card.heads}"),
        ("width d", card.dim),
        ("atoms of a dictionary" if card.has_ista else "neurons of a layer", card.codes_dim or None),
        ("step size η", _alike(card.eta)),
        ("threshold λ", _alike(card.lam)),
        ("parameters", card.parameters),
        ("file", f"{card.path.name}, {card.size_bytes / 1e6:,.1f} MB"),
    ]


def _alike(values: Sequence[float]) -> str:
    """One number where all layers have the same."""
    if len(set(values)) == 1:
        return f"{values[0]:g} in every layer"
    return ", ".join(f"{value:g}" for value in values)


def input_facts(card: ModelCard) -> list[tuple[str, Any]]:
    """What is done to a photo, or how many tokens of which vocabulary."""
    if card.reads_text:
        return [("longest text (tokens)", card.context), ("tokens that it knows", card.vocabulary),
                ("has its tokenizer", bool(card.tokenizer))]  # fmt: skip
    front = None if card.prefix == (CLASS_TOKEN,) else in_front(card.prefix) or "nothing: no class token"
    cut, names = card.preprocessing, ", ".join(card.classes[:CLASSES])
    return [
        ("shorter side resized to (pixels)", cut.resize), ("centre cropped to (pixels)", cut.crop),
        ("resized by", f"{cut.interpolation} interpolation"), ("minus the mean (R, G, B)", cut.mean),
        ("divided by the deviation", cut.std), ("patches (pixels)", f"{card.patch} × {card.patch}"),
        ("in front of the patches", front), ("head", None if card.has_head else NO_HEAD),
        ("classes", f"{len(card.classes)}: {names}{', …' if len(card.classes) > CLASSES else ''}" if names else None),
    ]  # fmt: skip


def origin_facts(card: ModelCard) -> list[tuple[str, Any]]:
    """Training, data, licence and the checkpoint's file."""
    known = {**card.provenance}
    if isinstance(known.get("sha256"), str):
        known["sha256"] = f"{known['sha256'][:DIGEST]}…"
    first = [(label, known.pop(name, None)) for name, label in ORIGIN.items()]
    more = {name: value for name, value in known.items() if name not in OF_SIZE and not isinstance(value, dict)}
    return [*first, *more.items()]


def measured_facts(card: ModelCard) -> list[tuple[str, Any]]:
    """How far it is from torch, what its card file says, and which suites measured it, by which code."""
    parity = card.parity
    facts: list[tuple[str, Any]] = [
        ("largest difference from torch", f"{parity['max_abs_error']:.1e} (allowed: {parity.get('tolerance', 0):.0e})"
         if isinstance(parity.get("max_abs_error"), float) else None),
        ("compared", f"{len(parity.get('cases', []))} inputs, torch {parity.get('torch', '?')}, ONNX Runtime "
         f"{parity.get('onnxruntime', '?')}" if parity else None),
        *((f"{name} (card file)", value) for name, value in card.measured.items()),
    ]  # fmt: skip
    try:
        results = results_of(card)
    except ExplorerError:
        return facts
    return facts + [
        (f"suite {suite}", f"{result.date[:10]}{f', {result.code}' if result.code else ''}")
        for suite, result in results.items()
    ]
