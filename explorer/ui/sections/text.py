"""Curves over the layers of a text's run, and what a turned knob changes in what it predicts."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.ui.frame.widgets import heading, plain, plot
from explorer.ui.panels.knobs import gain_panel, step_panel
from explorer.ui.panels.layers import equations, layer_downloads
from explorer.ui.panels.next_token import next_token_bars
from explorer.ui.state.knobs import knob_moves, knobs_now
from explorer.ui.view.text import TextView
from explorer.ui.view.text_lens import token_place
from explorer.words import COMPRESSION, SPARSITY, meaning


def text_layers(view: TextView, layer: int) -> None:
    """The layer's equations with their numbers; compression, sparsity, surprise of all layers, beside the control."""
    equations(view, view.layer_measures()[layer - 1])
    left, middle = st.columns(2)
    right, _ = st.columns(2)
    ghosts = view.trained.curves() if view.turned else (None, None)
    shown = (
        (left, figures.RATE_LABEL, COMPRESSION),
        (middle, figures.NONZERO_LABEL, SPARSITY),
    )
    for (place, label, title), own, control, ghost in zip(shown, view.curves(), view.curves(True), ghosts, strict=True):
        with place:
            figure = figures.layer_curve(
                own, control, label=label, selected=layer, ghost=ghost, title=title, name=_name(view)
            )
            said = verdicts.curve(own, control, label=label, ghost=ghost)
            plot(figure, f"text_{label}", verdict=said)
    with right:
        if len(view.tokens) > 1:
            _surprise_curve(view, layer)
        else:
            st.info("A single token has no surprise: nothing predicts it.")
    st.caption(
        f"{meaning('official Rᶜ')} Surprise: what the text costs when the head reads the tokens that enter a layer at "
        "once; the last point is the model's output. Early layers are not trained to be read out: they may cost more "
        "than chance. Grey: the same network before training."
    )
    layer_downloads(view)


def _surprise_curve(view: TextView, layer: int) -> None:
    costs, control = (np.array([one.cross_entropy for one in view.lens(drawn)]) for drawn in (False, True))
    ghost = np.array([one.cross_entropy for one in view.trained.lens()]) if view.turned else None
    figure = figures.layer_curve(
        costs, control, label=figures.SURPRISE_LABEL, selected=layer, title="Mean surprise, read out before layer ℓ",
        axis="before layer (last: output)", ghost=ghost, name=_name(view),
    )  # fmt: skip
    said = verdicts.curve(costs, control, label=figures.SURPRISE_LABEL, along=read_out(view.card.layers), ghost=ghost)
    plot(figure, "text_surprise", verdict=said)


def read_out(layers: int) -> verdicts.Places:
    """Where the head reads: before each layer, and at last the output."""
    return verdicts.Places("layer", labels=[*map(str, range(1, layers + 1)), f"{layers + 1} (the output)"])


def _name(view: TextView) -> str:
    """What the curve of the run in view is called."""
    return "knobs turned" if view.turned else "trained"


def text_knobs(view: TextView, layer: int) -> None:
    """Gains, λ and η of a layer beside what they change in the next token; within a fragment, which alone runs while a
    fader moves."""
    now = view.under(knobs_now(view.card))
    turning, seeing = st.columns([5, 6], gap="large")
    with seeing:
        _next_change(now, token_place(view, "After token"))
    with turning:
        gain_panel(now, layer)
        step_panel(now, layer)
    if now.key != view.key and not knob_moves():
        st.rerun()


def _next_change(view: TextView, place: int) -> None:
    """The most probable next tokens now, each with its change; the first as trained is added where it dropped out."""
    now, before = (measures.prediction.probabilities(one.trace.logits[0, place]) for one in (view, view.trained))
    heading("What comes next?", f"After {plain(view.token_words(place))}.")
    next_token_bars(view.card, now, before if view.turned else None, "next_tokens")
    if len(view.tokens) > 1:
        costs = [one.next_tokens().cross_entropy for one in (view, view.trained)]
        change = f", {costs[0] - costs[1]:+.3f} against the network as trained".replace("-", "−") if view.turned else ""
        st.caption(f"Mean surprise of the text: {costs[0]:.3f} nats per token{change}.")
    st.caption("As trained. Turn a knob, and each token shows how far it moved." if not view.turned else
               "In brackets: the change against the network as trained, in percentage points (pp).")  # fmt: skip
