"""Widgets of the Ledger page: the objective at every half step, and what it says of single tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.card import ModelCard
from explorer.measures.rates import Balance, LayerLedger
from explorer.trace import Array
from explorer.ui.frame.widgets import plot
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.run import RunView
from explorer.words import meaning

PRICES = (0.0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
DEFAULT_PRICE = 0.0003
EPS_SQUARED = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
LEDGER_CAPTION = (
    "Each layer keeps books of its own: its three points share one norm, its subspaces $U^\\ell$ and $\\varepsilon^2$, "
    "so a line within a layer is the work of its two half steps. The dotted jump to the next layer is nobody's work: "
    "the same tokens, valued with other subspaces. A cross marks a layer that as a whole moved the curve the "
    "wrong way. Compression fills in zeros, so with a price μ above 0 sparsification has to win them back: judge whole "
    "layers. The height itself means little, because $U$ is learned and "
    "need not be orthonormal: compare changes, and with the grey control."
)
BOUNDS_CAPTION = (
    f"{meaning('official Rᶜ')} At the ceiling the tokens fill all directions of their subspaces evenly; at the floor "
    "each head holds one single direction."
)


LEAST_NATS = verdicts.rounding(figures.OBJECTIVE_LABEL)
"""Nats that are not rounded to 0 where they are shown: less is no change."""


@dataclass(frozen=True)
class Line:
    """A quantity that the ledger can be drawn as. better: HIGHER or LOWER, which way the objective wants it."""

    name: str
    label: str
    better: int
    value: Callable[[Balance, float], float]

    def values(self, books: list[LayerLedger], price: float) -> Array:
        """This quantity at the three positions of every layer: (L,3)."""
        return np.array([[self.value(b, price) for b in (one.before, one.half, one.after)] for one in books])

    def worse(self, values: Array) -> Array:
        """Which layers as a whole move the quantity against the objective: (L,3) → bool (L,)."""
        return verdicts.losses(values[:, 2] - values[:, 0], self.better, self.label)


LINES = (
    Line("Objective", figures.OBJECTIVE_LABEL, verdicts.HIGHER, lambda b, price: b.objective(price)),
    Line("R − Rᶜ", figures.REDUCTION_LABEL, verdicts.HIGHER, lambda b, _: b.rate_reduction),
    Line("R", figures.WHOLE_RATE_LABEL, verdicts.HIGHER, lambda b, _: b.coding_rate),
    Line("Rᶜ", figures.RATE_LABEL, verdicts.LOWER, lambda b, _: b.subspace_coding_rate),
    Line("‖Z‖₀", figures.L0_LABEL, verdicts.LOWER, lambda b, _: b.l0),
    Line("‖Z‖₁", figures.L1_LABEL, verdicts.LOWER, lambda b, _: b.l1),
)


@dataclass(frozen=True)
class LedgerSettings:
    """What the page's controls say: the price μ in nats for an entry, ε², and which quantity is drawn."""

    price: float
    eps_squared: float
    line: Line


def ledger_settings() -> LedgerSettings:
    """μ, ε² and the quantity, from the page or the URL."""
    left, middle, right = st.columns([3, 3, 5])
    with left:
        price = url_setting(
            st.select_slider, "μ: price of a non-zero entry (nats)", PRICES, key="price", formerly="lambda",
            default=DEFAULT_PRICE, valid=PRICES, format_func=lambda value: f"{value:g}",
            help="How many nats of R − R^c one more zero is worth. The papers write λ and leave it open. It changes no "
            "step of the network, only how you judge it; λ is here the threshold weight of the network's step alone.",
        )  # fmt: skip
    with middle:
        eps_squared = distortion()
    with right:
        names = [line.name for line in LINES]
        name = url_setting(
            st.segmented_control, "Show", names, key="ledger", default=names[0], valid=names, required=True
        )  # fmt: skip
    return LedgerSettings(price, eps_squared, LINES[names.index(name)])


def distortion() -> float:
    """ε², from the page or the URL."""
    return url_setting(
        st.select_slider, "ε²: squared distortion", EPS_SQUARED, key="eps2",
        default=measures.rates.OFFICIAL_EPS_SQUARED, valid=EPS_SQUARED, format_func=lambda value: f"{value:g}",
        help="How coarsely tokens are coded: the larger ε², the fewer nats. 0.01 as in the published curves.",
    )  # fmt: skip


def ledger_accounts(view: RunView) -> LedgerSettings:
    """Every half step, as a curve and in words; returns what the controls say."""
    settings = ledger_settings()
    plot(ledger_figure(view, settings), "ledger_curve", verdict=ledger_verdict(view, settings))
    st.caption(LEDGER_CAPTION)
    counts(view, settings)
    return settings


def ledger_note(card: ModelCard) -> None:
    """What the page means for a family that was not derived from this objective, or codes elsewhere."""
    note = card.traits.notes.ledger
    if not note and card.codes_dim:
        note = (
            f"In {card.family_label} the sparse things are the codes, not the tokens: ‖Z‖₀ never falls here, so look "
            "at R and at the second half step's own LASSO loss."
        )
    if note:
        st.info(note)


def ledger_books(view: RunView, eps_squared: float, control: bool = False) -> list[LayerLedger]:
    """The ledger of the run in view, or of its random-init control."""
    weights = view.layer_weights(control)
    trace = view.control_trace() if control else view.trace
    key = f"{view.key}|{control}"
    return caches.once(key, measures.rates.measure_ledger, trace, weights, eps_squared=eps_squared)


def step_names(card: ModelCard) -> tuple[str, str]:
    """What the two half steps of a layer are in this family: compress (MSSA), sparsify (ISTA)."""
    (first, operator), (second, other) = card.traits.steps
    return f"{first} ({operator})", f"{second} ({other})"


def ledger_figure(view: RunView, settings: LedgerSettings) -> go.Figure:
    """The chosen quantity at every position, trained and control, with a cross where a layer moved it wrongly."""
    line = settings.line
    trained, control = (
        line.values(ledger_books(view, settings.eps_squared, random), settings.price) for random in (False, True)
    )
    title = f"{line.label.split(' (')[0]} at every half step"
    return figures.ledger_curve(trained, control, label=line.label, title=title, worse=line.worse(trained))


def ledger_verdict(view: RunView, settings: LedgerSettings) -> str:
    """Which layers as a whole move the chosen quantity against the objective, and the control's."""
    line = settings.line
    ours, random = (
        np.diff(line.values(ledger_books(view, settings.eps_squared, control), settings.price)[:, [0, 2]], axis=1)[:, 0]
        for control in (False, True)
    )
    what = "the objective" if line is LINES[0] else line.name
    return verdicts.net_change(ours, random, what=what, better=line.better, label=line.label)


def counts(view: RunView, settings: LedgerSettings) -> None:
    """In words: how many layers did what the theory asks of them, in the model and in the control."""
    ours, random = (_counts(view, settings, control) for control in (False, True))
    layers, (first, second) = view.card.layers, step_names(view.card)
    lines = [
        f"**{first}** lowered $R^c$ in **{ours.compressed} of {layers}** layers; on average it {_moved(ours.nats)} a "
        f"layer (control: {random.compressed} of {layers}, it {_moved(random.nats)}).",
        f"**{second}** raised $R - \\mu\\|Z\\|_0$ in **{ours.sparsified} of {layers}** layers "
        f"(control: {random.sparsified}).",
        f"Both together raised the **objective** in **{ours.whole} of {layers}** layers (control: {random.whole}).",
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))


def _moved(nats: float) -> str:
    """By how much R^c changed. nats: by which it fell."""
    return (
        f"{'fell' if nats > 0 else 'rose'} by {abs(nats):.1f} nats" if abs(nats) >= LEAST_NATS else "stayed as it was"
    )


@dataclass(frozen=True)
class Counts:
    """Layers whose half steps did their task, nats by which R^c fell on average, and layers better as a whole."""

    compressed: int
    sparsified: int
    whole: int
    nats: float


def _counts(view: RunView, settings: LedgerSettings, control: bool) -> Counts:
    books = ledger_books(view, settings.eps_squared, control)
    steps = measures.rates.half_steps(books, settings.price)
    first, second = steps[::2], steps[1::2]
    whole = [one.objective + other.objective > LEAST_NATS for one, other in zip(first, second, strict=True)]
    return Counts(
        sum(step.subspace_coding_rate < -LEAST_NATS for step in first),
        sum(step.coding_rate - settings.price * step.l0 > LEAST_NATS for step in second),
        sum(whole),
        -float(np.mean([step.subspace_coding_rate for step in first])),
    )


def heads_figure(view: RunView, eps_squared: float) -> tuple[go.Figure, str]:
    """R^c of what enters every layer, as a stack of its heads; and what it says."""
    per_head, random = (
        np.array([of_layer.before.per_head for of_layer in ledger_books(view, eps_squared, control)])
        for control in (False, True)
    )
    said = verdicts.curve(per_head.sum(axis=1), random.sum(axis=1), label=figures.RATE_LABEL)
    figure = figures.stacked_heads(per_head, title="R<sup>c</sup> of every layer, head by head")
    return figure, verdicts.sentence([said, verdicts.biggest_slice(per_head)])


def bounds_figure(view: RunView) -> tuple[go.Figure, str]:
    """The official R^c between full collapse and no structure at all, beside the control; and what it says."""
    ours, random = (
        np.array([row.subspace_coding_rate_official for row in view.layer_measures(control)])
        for control in (False, True)
    )
    floor, ceiling = measures.rates.rate_bounds(view.card.heads, view.card.head_dim)
    figure = figures.layer_curve(
        ours, random, label=figures.RATE_LABEL, title="Between collapse and no structure", bounds=(floor, ceiling)
    )
    low, high = (100 * (end(ours) - floor) / (ceiling - floor) for end in (np.min, np.max))
    said = f"{low:.0f}–{high:.0f} % of the way from the floor to the ceiling"
    return figure, verdicts.sentence([verdicts.curve(ours, random, label=figures.RATE_LABEL), said])
