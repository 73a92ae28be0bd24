"""The accounts as a table: what each layer changed as a whole, or each of its half steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.figures.style import WORSE_COLOR, rgba
from explorer.measures.rates import COMPRESS, HalfStep
from explorer.tables import csv_text, ledger_rows
from explorer.ui.frame.widgets import download
from explorer.ui.sections.ledger.accounts import LEAST_NATS, LedgerSettings, ledger_books, step_names
from explorer.ui.state.settings import url_choice
from explorer.ui.view.run import RunView

ROWS = {"layers": "Layers", "steps": "Half steps"}
ORDERS = {"layer": "By layer", "loss": "Largest loss first"}
WORSE_COLUMNS = {
    "R^c rose": ("ΔRᶜ",),
    "objective fell": ("Δ objective",),
    "R − μ‖Z‖₀ fell": ("ΔR", "Δ‖Z‖₀"),
    "LASSO rose": ("Δ LASSO",),
}
CHANGES = {"ΔR": "coding_rate", "ΔRᶜ": "subspace_coding_rate", "Δ‖Z‖₀": "l0", "Δ‖Z‖₁": "l1"}
NO_CHANGE = "–"
COLUMN_WIDTHS = {
    "layer": 45, "half step": 76, "ΔR": 60, "ΔRᶜ": 58, "Δ‖Z‖₀": 66, "Δ‖Z‖₁": 66, "Δ LASSO": 67, "Δ objective": 80,
    "control ΔRᶜ": 87, "control Δ objective": 98,
}  # fmt: skip
"""In pixels: with the last column they fit a window of 1,280."""
LAYERS_CAPTION = (
    "What each layer changed as a whole, from what enters it to what leaves it. ✗ and colour: the objective is lower "
    "behind it. A click on a column's head sorts by that column. “Control”: the same before training."
)
STEPS_CAPTION = (
    "✗ and colour: the half step made worse what it should better. For the first that is $R^c$ (it should fall), for "
    "the second $R - \\mu\\|Z\\|_0$ (rise) and its own LASSO loss $\\frac12\\|X-DA\\|^2+\\lambda\\|A\\|_1$ for "
    "each token (fall, with the network's λ). The objective is marked only in layers that lower it as a whole: with a "
    "price μ above 0 the first half step always pays for the zeros that it fills. LASSO starts at $\\max(X, 0)$, or at "
    "no code where the dictionary is overcomplete. “Control”: the same steps before training."
)
COUNTS_CAPTION = f" A change counts from {LEAST_NATS:g} nats on: less is shown as 0.0."


def ledger_table(view: RunView, settings: LedgerSettings) -> None:
    """What every layer or half step changed, losses marked in colour and named in the last column; and as CSV."""
    left, right = st.columns(2)
    with left:
        kind = url_choice("A row for each of the", ROWS, "ledger_rows")
    with right:
        order = url_choice("Order", ORDERS, "ledger_order")
    ours, random = (
        measures.rates.half_steps(ledger_books(view, settings.eps_squared, control), settings.price, LEAST_NATS)
        for control in (False, True)
    )
    if kind == "layers":
        rows, worse = layer_rows(ours, random)
    else:
        rows, worse = step_rows(ours, random, [name.split(" (")[0] for name in step_names(view.card)])
    if order == "loss":
        places = sorted(range(len(rows)), key=lambda i: rows[i]["Δ objective"])
        rows, worse = [rows[i] for i in places], [worse[i] for i in places]
    _draw(rows, worse)
    st.caption((LAYERS_CAPTION if kind == "layers" else STEPS_CAPTION) + COUNTS_CAPTION)
    download("Ledger (CSV)", lambda: csv_text(ledger_rows(ours, random)), f"{view.file_stem}_ledger.csv")


def layer_rows(
    ours: Sequence[HalfStep], random: Sequence[HalfStep]
) -> tuple[list[dict[str, Any]], list[set[str]]]:  # fmt: skip
    """A row for each layer, the sum of its two half steps, and its columns to mark: those of net losses alone."""
    rows, worse = [], []
    lost = net_losses(ours)
    for at, ((first, second), (grey, other)) in enumerate(zip(_pairs(ours), _pairs(random), strict=True)):
        changes = {name: getattr(first, key) + getattr(second, key) for name, key in CHANGES.items()}
        rows.append({
            "layer": first.layer, **changes,
            "Δ LASSO": float("nan") if second.lasso is None else second.lasso,
            "Δ objective": first.objective + second.objective,
            "control ΔRᶜ": grey.subspace_coding_rate + other.subspace_coding_rate,
            "control Δ objective": grey.objective + other.objective,
            "verdict": "✗ objective fell" if lost[at] else "✓",
        })  # fmt: skip
        worse.append({"Δ objective"} if lost[at] else set())
    return rows, worse


def net_losses(steps: Sequence[HalfStep]) -> list[bool]:
    """Which layers lower the objective as a whole."""
    net = np.array([first.objective + second.objective for first, second in _pairs(steps)])
    return verdicts.losses(net, verdicts.HIGHER, figures.OBJECTIVE_LABEL).tolist()


def step_rows(
    ours: Sequence[HalfStep], random: Sequence[HalfStep], names: Sequence[str]
) -> tuple[list[dict[str, Any]], list[set[str]]]:
    """A row for each half step, and its columns to mark. names: of the two half steps."""
    rows, worse, lost = [], [], net_losses(ours)
    for step, control in zip(ours, random, strict=True):
        said = [text for text in step.worse if text != "objective fell" or lost[step.layer - 1]]
        columns = {column for text in said for column in WORSE_COLUMNS[text]}
        if step.l0 <= 0:  # R fell more than the entries are worth, but these did their part
            columns.discard("Δ‖Z‖₀")
        rows.append({
            "layer": step.layer, "half step": names[0 if step.name == COMPRESS else 1],
            **{name: getattr(step, key) for name, key in CHANGES.items()},
            "Δ LASSO": float("nan") if step.lasso is None else step.lasso,
            "Δ objective": step.objective,
            "control ΔRᶜ": control.subspace_coding_rate,
            "control Δ objective": control.objective,
            "verdict": "✗ " + ", ".join(said).replace("R^c", "Rᶜ") if said else "✓",
        })  # fmt: skip
        worse.append(columns)
    return rows, worse


def _pairs(steps: Sequence[HalfStep]) -> list[tuple[HalfStep, HalfStep]]:
    """The two half steps of each layer."""
    return list(zip(steps[::2], steps[1::2], strict=True))


def _draw(rows: Sequence[dict[str, Any]], worse: Sequence[set[str]]) -> None:
    import pandas as pd  # a third of a second, and the first page need not wait for it

    table = pd.DataFrame(list(rows))

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


def _change(value: float, digits: int) -> str:
    """A change with its sign, and without one where it is shown as 0; a dash where the step has no such number."""
    if np.isnan(value):
        return NO_CHANGE
    text = f"{value:+,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text[1:]
