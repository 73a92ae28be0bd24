"""All codes at once: how rare and how particular they are, beside other models' and the control's."""

from __future__ import annotations

import streamlit as st

from explorer import figures, verdicts
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.measures.texts import FeatureIndex
from explorer.trace import Array
from explorer.ui.frame.widgets import plot
from explorer.ui.sections.features.index import read
from explorer.ui.state import caches

MOST_MODELS = 6
"""Whose codes are compared."""


def feature_overview(card: ModelCard, index: FeatureIndex, layer: int) -> None:
    """How rare and how particular the codes are, layer by layer, beside those of the other language models that have an
    index: a code that fires on one word alone has a share of 1."""
    models = [(card, index)]
    for other in caches.cards("text"):
        if other.name != card.name and other.codes_dim:
            try:
                models.append((other, read(other)[0]))
            except ExplorerError:
                continue
    rare, particular = st.columns(2)
    series = [(one.name, found) for one, found in models[:MOST_MODELS]]
    control = figures.CONTROL_NAME

    def of(found: FeatureIndex, values: Array) -> Array:
        return values[min(layer, len(found.rate)) - 1]

    rates = {name: of(found, found.rate) for name, found in series} | {control: of(index, index.control_rate)}
    shares = {name: of(found, found.word_shares[..., 0]) for name, found in series}
    shares |= {control: of(index, index.control_share)}
    shown = (
        (rare, rates, figures.FIRING_LABEL, "How often the codes fire, the most frequent first", "code_rates"),
        (particular, shares, figures.WORD_SHARE_LABEL, "What their first word holds, the most particular first",
         "code_words"),
    )  # fmt: skip
    for place, values, label, title, key in shown:
        with place:
            figure = figures.rank_curves(values, label=label, across="codes", title=title)
            plot(figure, key, verdict=verdicts.medians(values, label=label, what="code"))
    st.caption(
        f"Layer {layer}, every code of each model, sorted by itself; the axis is the share of the codes. "
        "Right: of all that a code adds up to over the text, the share at its first word; near 1 it stands for it. "
        f"Grey: {card.name} before training. To fire is to be above 0; where it does not, a GPT's neuron is a little "
        "below 0, CRATE's code exactly 0."
    )
