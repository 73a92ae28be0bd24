"""Widgets of the Ledger page: the objective at every half step, and what it says of single tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, measures
from explorer.card import ModelCard
from explorer.figures.style import WORSE_COLOR, rgba
from explorer.measures.rates import COMPRESS, Balance, HalfStep, LayerLedger
from explorer.tables import csv_text, ledger_rows
from explorer.trace import Array
from explorer.ui.frame.widgets import download, plot
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.run import RunView
from explorer.words import meaning

LAMBDAS = (0.0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
DEFAULT_LAMBDA = 0.0003
EPS_SQUARED = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
HIGHER, LOWER = 1, -1
WORSE_COLUMNS = {
    "R^c rose": ("ΔRᶜ",),
    "objective fell": ("Δ objective",),
    "R − λ‖Z‖₀ fell": ("ΔR", "Δ‖Z‖₀"),
    "LASSO rose": ("Δ LASSO",),
}
NO_CHANGE = "–"
COLUMN_WIDTHS = {
    "layer": 45, "half step": 76, "ΔR": 60, "ΔRᶜ": 58, "Δ‖Z‖₀": 66, "Δ‖Z‖₁": 66, "Δ LASSO": 67, "Δ objective": 80,
    "control ΔRᶜ": 87, "control Δ objective": 98,
}  # fmt: skip
"""In pixels: with the last column they fit a window of 1,280."""
LEDGER_CAPTION = (
    "Each layer keeps books of its own: its three points share one norm, its subspaces $U^\\ell$ and $\\varepsilon^2$, "
    "so a line within a layer is the work of its two half steps. The dotted jump to the next layer is nobody's work: "
    "the same tokens, valued with other subspaces. A cross marks a half step that moved the curve the wrong way, "
    "its task or not; the table judges by task. Compression fills in zeros, so with a λ above 0 sparsification has to "
    "win them back. The height itself means little, because $U$ is learned and need not be orthonormal: compare "
    "changes, and with the grey control."
)
TABLE_CAPTION = (
    "✗ and colour: the half step made worse what it should better. For the first that is $R^c$ (it should fall), for "
    "the second $R - \\lambda\\|Z\\|_0$ (rise) and its own LASSO loss $\\frac12\\|X-DA\\|^2+\\lambda\\|A\\|_1$ for "
    "each token (fall, with the λ of the network), and the whole objective (rise) for both. LASSO starts at "
    "$\\max(X, 0)$, or at no code where the dictionary is overcomplete. “Control”: the same steps before training."
)
BOUNDS_CAPTION = (
    f"{meaning('official Rᶜ')} At the ceiling the tokens fill all directions of their subspaces evenly; at the floor "
    "each head holds one single direction."
)


@dataclass(frozen=True)
class Line:
    """A quantity that the ledger can be drawn as. better: HIGHER or LOWER, which way the objective wants it."""

    name: str
    label: str
    better: int
    value: Callable[[Balance, float], float]

    def values(self, books: list[LayerLedger], lam: float) -> Array:
        """This quantity at the three positions of every layer: (L,3)."""
        return np.array([[self.value(b, lam) for b in (one.before, one.half, one.after)] for one in books])

    def worse(self, values: Array) -> Array:
        """Which half steps move the quantity against the objective: (L,3) → bool (L,2)."""
        return self.better * np.diff(values, axis=1) < -measures.rates.NOISE


LINES = (
    Line("Objective", figures.OBJECTIVE_LABEL, HIGHER, lambda b, lam: b.objective(lam)),
    Line("R − Rᶜ", figures.REDUCTION_LABEL, HIGHER, lambda b, _: b.rate_reduction),
    Line("R", figures.WHOLE_RATE_LABEL, HIGHER, lambda b, _: b.coding_rate),
    Line("Rᶜ", figures.RATE_LABEL, LOWER, lambda b, _: b.subspace_coding_rate),
    Line("‖Z‖₀", figures.L0_LABEL, LOWER, lambda b, _: b.l0),
    Line("‖Z‖₁", figures.L1_LABEL, LOWER, lambda b, _: b.l1),
)


@dataclass(frozen=True)
class LedgerSettings:
    """What the page's controls say: λ in nats for an entry, ε², and which quantity is drawn."""

    lam: float
    eps_squared: float
    line: Line


def ledger_settings() -> LedgerSettings:
    """λ, ε² and the quantity, from the page or the URL."""
    left, middle, right = st.columns([3, 3, 5])
    with left:
        lam = url_setting(
            st.select_slider, "λ: price of a non-zero entry (nats)", LAMBDAS, key="lambda", default=DEFAULT_LAMBDA,
            valid=LAMBDAS, format_func=lambda value: f"{value:g}",
            help="How many nats of R − R^c one more zero is worth. The theory leaves it open. It changes no step of "
            "the network, only how you judge it; the λ of the network's own threshold is another number.",
        )  # fmt: skip
    with middle:
        eps_squared = distortion()
    with right:
        names = [line.name for line in LINES]
        name = url_setting(
            st.segmented_control, "Show", names, key="ledger", default=names[0], valid=names, required=True
        )  # fmt: skip
    return LedgerSettings(lam, eps_squared, LINES[names.index(name)])


def distortion() -> float:
    """ε², from the page or the URL."""
    return url_setting(
        st.select_slider, "ε²: squared distortion", EPS_SQUARED, key="eps2",
        default=measures.rates.OFFICIAL_EPS_SQUARED, valid=EPS_SQUARED, format_func=lambda value: f"{value:g}",
        help="How coarsely tokens are coded: the larger ε², the fewer nats. 0.01 as in the published curves.",
    )  # fmt: skip


def ledger_accounts(view: RunView) -> LedgerSettings:
    """Every half step, as a curve, in words and as a table; returns what the controls say."""
    settings = ledger_settings()
    plot(ledger_figure(view, settings), "ledger_curve")
    st.caption(LEDGER_CAPTION)
    verdict(view, settings)
    ledger_table(view, settings)
    st.caption(TABLE_CAPTION)
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
    """The chosen quantity at every position, trained and control, with a cross where a half step moved it wrongly."""
    line = settings.line
    trained, control = (
        line.values(ledger_books(view, settings.eps_squared, random), settings.lam) for random in (False, True)
    )
    title = f"{line.label.split(' (')[0]} at every half step"
    return figures.ledger_curve(trained, control, label=line.label, title=title, worse=line.worse(trained))


def verdict(view: RunView, settings: LedgerSettings) -> None:
    """In words: how many layers did what the theory asks of them, in the model and in the control."""
    ours, random = (_counts(view, settings, control) for control in (False, True))
    layers, (first, second) = view.card.layers, step_names(view.card)
    lines = [
        f"**{first}** lowered $R^c$ in **{ours.compressed} of {layers}** layers; on average it {_moved(ours.nats)} a "
        f"layer (control: {random.compressed} of {layers}, it {_moved(random.nats)}).",
        f"**{second}** raised $R - \\lambda\\|Z\\|_0$ in **{ours.sparsified} of {layers}** layers "
        f"(control: {random.sparsified}).",
        f"Both together raised the **objective** in **{ours.whole} of {layers}** layers (control: {random.whole}).",
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))


def _moved(nats: float) -> str:
    """By how much R^c changed. nats: by which it fell."""
    return f"{'fell' if nats >= 0 else 'rose'} by {abs(nats):.1f} nats"


@dataclass(frozen=True)
class Counts:
    """Layers whose half steps did their task, nats by which R^c fell on average, and layers better as a whole."""

    compressed: int
    sparsified: int
    whole: int
    nats: float


def _counts(view: RunView, settings: LedgerSettings, control: bool) -> Counts:
    books = ledger_books(view, settings.eps_squared, control)
    steps = measures.rates.half_steps(books, settings.lam)
    first, second = steps[::2], steps[1::2]
    whole = [one.objective + other.objective > measures.rates.NOISE for one, other in zip(first, second, strict=True)]
    return Counts(
        sum(step.subspace_coding_rate < -measures.rates.NOISE for step in first),
        sum(step.coding_rate - settings.lam * step.l0 > measures.rates.NOISE for step in second),
        sum(whole),
        -float(np.mean([step.subspace_coding_rate for step in first])),
    )


def ledger_table(view: RunView, settings: LedgerSettings) -> None:
    """Every half step as a row: what it changed, worse cells marked in colour and named in the last column; CSV."""
    ours, random = (
        measures.rates.half_steps(ledger_books(view, settings.eps_squared, control), settings.lam)
        for control in (False, True)
    )
    names = [name.split(" (")[0] for name in step_names(view.card)]
    rows = [_table_row(step, other, names) for step, other in zip(ours, random, strict=True)]
    worse = [{column for text in step.worse for column in WORSE_COLUMNS[text]} for step in ours]
    for step, columns in zip(ours, worse, strict=True):
        if step.l0 <= 0:  # R fell more than the entries are worth, but these did their part
            columns.discard("Δ‖Z‖₀")
    import pandas as pd  # a third of a second, and the first page need not wait for it

    table = pd.DataFrame(rows)

    def paint(row: Any) -> list[str]:
        color = f"background-color: {rgba(WORSE_COLOR, 0.25)}; font-weight: 600"
        return [color if column in worse[int(str(row.name))] else "" for column in row.index]

    changes = {c: partial(_change, digits=0 if "‖" in c else 1) for c in table.columns if "Δ" in c}
    styled = table.style.apply(paint, axis=1).format(changes)  # pyright: ignore[reportArgumentType]
    columns = {
        name: st.column_config.Column(name.replace("control Δ objective", "control Δ obj."), width=pixels)
        for name, pixels in COLUMN_WIDTHS.items()
    }
    st.dataframe(
        styled, hide_index=True, width="stretch", height="content", column_config=columns, placeholder=NO_CHANGE
    )
    download(
        "Ledger (CSV)",
        lambda: csv_text(ledger_rows(ours, random)),
        f"{view.file_stem}_ledger.csv",
    )


def _change(value: float, digits: int) -> str:
    """A change with its sign; a dash where the step has no such number."""
    return NO_CHANGE if np.isnan(value) else f"{value:+,.{digits}f}".replace("-", "−")


def _table_row(step: HalfStep, control: HalfStep, names: Sequence[str]) -> dict[str, object]:
    return {
        "layer": step.layer,
        "half step": names[0 if step.name == COMPRESS else 1],
        "ΔR": step.coding_rate,
        "ΔRᶜ": step.subspace_coding_rate,
        "Δ‖Z‖₀": step.l0,
        "Δ‖Z‖₁": step.l1,
        "Δ LASSO": float("nan") if step.lasso is None else step.lasso,
        "Δ objective": step.objective,
        "control ΔRᶜ": control.subspace_coding_rate,
        "control Δ objective": control.objective,
        "verdict": "✗ " + ", ".join(step.worse).replace("R^c", "Rᶜ") if step.worse else "✓",
    }


def heads_figure(view: RunView, eps_squared: float) -> go.Figure:
    """R^c of what enters every layer, as a stack of its heads."""
    per_head = np.array([of_layer.before.per_head for of_layer in ledger_books(view, eps_squared)])
    return figures.stacked_heads(per_head, title="R<sup>c</sup> of every layer, head by head")


def bounds_figure(view: RunView) -> go.Figure:
    """The official R^c between full collapse and no structure at all, beside the control."""
    ours, random = (
        np.array([row.subspace_coding_rate_official for row in view.layer_measures(control)])
        for control in (False, True)
    )
    return figures.layer_curve(
        ours, random, label=figures.RATE_LABEL, title="Between collapse and no structure",
        bounds=measures.rates.rate_bounds(view.card.heads, view.card.head_dim),
    )  # fmt: skip
