"""A language model's training run on one text: what its checkpoints expect, one after the other, and how that came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer import figures, verdicts
from explorer.card_runs import epoch_of, run_of
from explorer.evaluation.language import BIGRAM, TRIGRAM, UNIGRAM
from explorer.evaluation.record import CONTROL, evaluated_numbers
from explorer.figures.style import CONTROL_COLOR, HEAD_COLORS
from explorer.trace import Array
from explorer.ui.frame.widgets import heading, plain, plot, tick
from explorer.ui.sections.compare.film import no_film
from explorer.ui.sections.compare.texts import expected_tokens, run_on_text, surprised_text
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.text import TextView
from explorer.ui.view.text_lens import token_place
from explorer.words import EPOCH_NOTE

SECONDS_PER_EPOCH = 1.0
SHOT = "text_shot"
COUNTED = {UNIGRAM: "dot", BIGRAM: "dash", TRIGRAM: "dashdot"}
"""Models that only count, and how their cost is drawn."""


def text_film(view: TextView) -> None:
    """The run that the sidebar's model belongs to: the text at one epoch, one place at all, and curves over them."""
    run = run_of(view.card, caches.cards("text"))
    if not run:
        no_film(view.card)
        return
    with st.spinner("Running every epoch…", show_time=True):
        views = run_on_text(view, run)
    epochs = [f"{epoch_of(card) or 0:.3g}" for card in run]
    shot = _player(epochs)
    costs = [one.next_tokens().surprise for one in views]
    if not costs[0].size:
        st.info("A single token has no surprise: nothing predicts it. Type some more.")
        return
    most = max(float(cost.max()) for cost in costs)
    heading(
        f"Surprise at epoch {epochs[shot]}", "The stronger the colour, the less the model expected the token; the same "
        f"scale at every epoch. Mean: {costs[shot].mean():.2f} nats per token."
    )  # fmt: skip
    surprised_text(views[shot], costs[shot], most)
    place = token_place(view, "Next after token")
    heading("How one answer came", f"After {plain(view.token_words(place))}: what each checkpoint "
            "holds most probable.")  # fmt: skip
    expected = [expected_tokens(one, count=5)[place] for one in views]
    own = [f"{cost[place]:.2f}" if place < len(cost) else "–" for cost in costs]
    rows = [
        {"epoch": epoch, "most probable next": said, "surprise at what follows (nats)": nats}
        for epoch, said, nats in zip(epochs, expected, own, strict=True)
    ]
    st.dataframe(rows, hide_index=True, width="stretch", height="content", key="answers")
    _curves(views, epochs, costs)


def _player(epochs: Sequence[str]) -> int:
    """The slider over the checkpoints, and a switch that plays through them. Returns the one in view, from 0."""
    last = len(epochs) - 1
    slider, button = st.columns([6, 1], vertical_alignment="bottom")
    with slider:
        shot = url_setting(
            st.select_slider, "Epoch", range(last + 1), key=SHOT, default=last, valid=range(last + 1),
            formerly="shot", format_func=epochs.__getitem__,
        )  # fmt: skip
    playing = button.toggle("Play", key="film_playing", help="Go through the training, one checkpoint after the other.")
    tick(SHOT, 0, last, SECONDS_PER_EPOCH if playing else None, toggle="film_playing")
    return shot


def _curves(views: Sequence[TextView], epochs: Sequence[str], costs: Sequence[Array]) -> None:
    """Surprise, R^c and non-zeros on this text, and from the cards the cost on the held-out books."""
    cards = [view.card for view in views]
    x = np.arange(1.0, 1 + len(cards))
    along = verdicts.Places("epoch", labels=epochs)
    ticks = {"tickvals": x, "ticktext": epochs}
    control = [values[-1] for values in views[-1].curves(control=True)]
    heading(
        "When did it emerge?",
        f"Rᶜ and non-zeros are those of the last layer. Epochs are not evenly spaced. {EPOCH_NOTE}",
    )
    own = [view.curves() for view in views]
    charts = (
        (figures.SURPRISE_LABEL, "Mean surprise of this text", "this text", [cost.mean() for cost in costs], None),
        (figures.RATE_LABEL, "R<sup>c</sup> on this text", "last layer", [one[0][-1] for one in own], control[0]),
        (figures.NONZERO_LABEL, "Non-zeros on this text", "last layer", [one[1][-1] for one in own], control[1]),
    )
    places = [*st.columns(2), *st.columns(2)]
    for place, (label, title, name, values, level) in zip(places, charts, strict=False):
        series = [figures.Series(name, x, np.array(values, float), figures.look_of(label).color)]
        if level is not None:
            series.append(figures.Series(CONTROL, x, np.full(len(x), float(level)), CONTROL_COLOR, dash="dash"))
        with place:
            figure = figures.scale_curves(series, label=label, across="epoch", title=title)
            grey = {} if level is None else {name: float(level)}
            said = verdicts.story({name: np.array(values, float)}, grey, label=label, along=along)
            plot(figure.update_xaxes(**ticks), f"film_{label}", verdict=said)
    held = evaluated_numbers(cards, "language", "cross-entropy", on="token")
    if held is None:
        return
    series, best = [figures.Series("held-out books", x, held, HEAD_COLORS[0])], {}
    for who, dash in {CONTROL: "longdash", **COUNTED}.items():
        counted = evaluated_numbers(cards[-1:], "language", "cross-entropy", who, on="token")
        if counted is not None:
            best |= {who: float(counted[0])} if who in COUNTED else {}
            series.append(figures.Series(who, x, np.full(len(x), counted[0]), CONTROL_COLOR, dash=dash))
    with places[3]:
        figure = figures.scale_curves(
            series, label=figures.CROSS_ENTROPY_LABEL, across="epoch", title="Held-out books, from the cards"
        )
        bar, grey = min(best, key=best.__getitem__, default=""), {"held-out books": min(best.values(), default=np.nan)}
        said = verdicts.story(
            {"held-out books": held}, grey if best else {}, label=figures.CROSS_ENTROPY_LABEL, along=along, name=bar
        )
        plot(figure.update_xaxes(**ticks), "film_held_out", verdict=said)
