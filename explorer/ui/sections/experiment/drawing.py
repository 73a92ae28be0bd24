"""What is shown of a run of the Experiment page: curves, clouds, codes, readings, numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, verdicts
from explorer.constructed.experiment import ExperimentRun, StepMeasures
from explorer.constructed.synthetic import largest_ista_step, view_axes
from explorer.tables import csv_text
from explorer.trace import Array
from explorer.ui.sections.experiment.controls import PREFIX
from explorer.ui.state.settings import url_setting

TOKENS_SHOWN = 48
CONTROL = "control"


def step_name(run: ExperimentRun, step: int) -> str:
    """What a step shows, in words."""
    half = run.setting.steps
    if step == 0:
        return "the data"
    return f"compressed, step {step}" if step <= half else f"sparsified and decoded, step {step}"


def experiment_formulas(run: ExperimentRun) -> None:
    """The two steps of this run as formulas."""
    kappa, eta, lam = (f"{value:g}" for value in (run.setting.kappa, run.setting.eta, run.setting.lam))
    compress = (
        rf"Z \leftarrow (1-\kappa)\,Z + \underbrace{{\kappa}}_{{{kappa}}} \sum_k "
        r"\mathrm{softmax}\big(W_k W_k^\top\big)\,W_k\,U_k^\top,\quad W_k = Z U_k"
        if run.setting.operator == "mssa"
        else rf"Z \leftarrow Z - \underbrace{{\kappa}}_{{{kappa}}} \sum_k "
        r"W_k\,\big(I + \alpha\,W_k^\top W_k\big)^{-1} U_k^\top,\quad W_k = Z U_k,\ \alpha = \tfrac{p}{N\varepsilon^2}"
    )
    sparsify = (
        rf"A \leftarrow \mathrm{{ReLU}}\big(A + \underbrace{{\eta}}_{{{eta}}}(Z - A D^\top) D - "
        rf"\eta\underbrace{{\lambda}}_{{{lam}}}\big)"
    )
    with st.container(border=True):
        for name, formula in (("Compress", compress), ("Sparsify", sparsify)):
            label, equation = st.columns([1, 6], vertical_alignment="center")
            label.markdown(f"**{name}**")
            equation.latex(formula)


RATES = {
    "R^c": (figures.RATE_LABEL, "subspace_coding_rate", "Compression: R<sup>c</sup> in the data's subspaces"),
    "R": (figures.WHOLE_RATE_LABEL, "coding_rate", "R of all tokens together"),
    "R-R^c": (figures.REDUCTION_LABEL, "rate_reduction", "Rate reduction R − R<sup>c</sup>"),
}


def rate_kind() -> str:
    """Which of the three rates is drawn."""
    return url_setting(
        st.segmented_control, "Which rate: $R^c$ in the subspaces, $R$ of the whole, or their difference", list(RATES),
        key=PREFIX + "rate", default="R^c", valid=list(RATES), required=True, format_func=lambda kind: f"${kind}$",
    )  # fmt: skip


def rate_steps(run: ExperimentRun, step: int, kind: str) -> go.Figure:
    """One of the three rates against the step, beside the control."""
    label, field, title = RATES[kind]
    return _whole(run, step, field, label, title)


def whole_verdicts(run: ExperimentRun, kind: str) -> tuple[str, str]:
    """What the curves of a rate and of the own share say."""
    shown = ((RATES[kind][1], RATES[kind][0]), ("own_share", figures.OWN_SHARE_LABEL))
    rate, share = (_verdict(run, field, label, 0) for field, label in shown)
    return rate, share


def sparse_verdicts(run: ExperimentRun) -> list[str]:
    """What the curves of the sparsifying half say."""
    return [_verdict(run, field, label, run.setting.steps + 1) for field, label, _ in SPARSE]


def _verdict(run: ExperimentRun, field: str, label: str, first: int) -> str:
    ours, control = (_values(rows[first:], field) for rows in (run.rows, run.control))
    return verdicts.curve(ours, control, label=label, along=verdicts.Places(figures.STEP_LABEL, first))


def own_share_steps(run: ExperimentRun, step: int) -> go.Figure:
    """The energy of the tokens within their own subspaces against the step, beside the control."""
    return _whole(run, step, "own_share", figures.OWN_SHARE_LABEL, "Distance: how much of a token is in its subspace")


def _whole(run: ExperimentRun, step: int, field: str, label: str, title: str) -> go.Figure:
    ours, control = (_values(rows, field) for rows in (run.rows, run.control))
    figure = figures.layer_curve(
        ours, control, label=label, title=title, selected=step, name=_name(run), control_name=CONTROL,
        axis=figures.STEP_LABEL, first=0,
    )  # fmt: skip
    half = run.setting.steps
    axis = f"{figures.STEP_LABEL}: 1 … {half} compress, {half + 1} … {2 * half} sparsify"
    return figures.mark_boundary(figure, half + 0.5, axis)


SPARSE = (
    ("nonzero_fraction", figures.NONZERO_LABEL, "Sparsity: non-zeros of the codes"),
    ("l1_mean", figures.L1_MEAN_LABEL, "ℓ<sub>1</sub> of the codes, per entry"),
    ("error", figures.ERROR_LABEL, "Decoding: what AD<sup>⊤</sup> misses"),
)


def sparse_steps(run: ExperimentRun, step: int) -> list[go.Figure]:
    """Non-zeros, ℓ1 and error against the steps of the sparsifying half, beside the control."""
    first = run.setting.steps + 1
    return [
        figures.layer_curve(
            _values(run.rows[first:], field), _values(run.control[first:], field), label=label, title=title,
            selected=step if step >= first else None, name=_name(run), control_name=CONTROL,
            axis=figures.STEP_LABEL, first=first,
        )
        for field, label, title in SPARSE
    ]  # fmt: skip


def _values(rows: Sequence[StepMeasures], field: str) -> Array:
    return np.array([getattr(row, field) for row in rows])


def _name(run: ExperimentRun) -> str:
    return "wrong U" if run.setting.wrong else "right U"


def token_clouds(run: ExperimentRun, step: int) -> tuple[go.Figure, go.Figure]:
    """The tokens at step 0 and at a step among the data's subspaces, seen along the same three directions."""
    subspaces = run.mixture.subspaces
    axes = view_axes(subspaces)
    points = {at: run.tokens[at] @ axes for at in (0, step)}
    limit = max(1.1 * float(np.percentile(np.abs(shown), 99.5)) for shown in points.values())
    plain = run.setting.width == 3
    names = ("x", "y", "z") if plain else ("direction 1", "direction 2", "direction 3")
    before, now = (
        figures.subspace_cloud(
            run.tokens[at] @ axes, run.mixture.labels, axes.T @ subspaces, limit=limit, names=names,
            title=f"Tokens: {step_name(run, at)}",
        )
        for at in (0, step)
    )  # fmt: skip
    return before, now


def code_maps(run: ExperimentRun, step: int) -> tuple[go.Figure, go.Figure]:
    """Codes of a sample of tokens, sorted by subspace: of the data and at a step, before ISTA ReLU(Dᵀz)."""
    labels = run.mixture.labels
    order = np.argsort(labels, kind="stable")
    rows = order[np.linspace(0, len(order) - 1, min(TOKENS_SHOWN, len(order))).astype(int)]
    before, now = (_codes_at(run, at)[rows] for at in (0, step))
    top = float(np.percentile(before, 99.5)) or 1.0
    blocks = run.setting.count if _in_blocks(run) else 1
    left, right = (
        figures.code_map(codes, labels[rows], rows, top=top, title=f"Codes: {_code_name(run, at)}", blocks=blocks)
        for codes, at in ((before, 0), (now, step))
    )
    return left, right


def code_note(run: ExperimentRun) -> str:
    """What clean codes look like with this dictionary."""
    if _in_blocks(run):
        return (
            "The entries come in the same order, + and − of each basis vector: clean codes are blocks on the "
            "diagonal, because each token uses its own subspace."
        )
    return "No entry of this dictionary belongs to one of the data's subspaces, so look for empty columns, not blocks."


def _in_blocks(run: ExperimentRun) -> bool:
    return run.setting.dictionary == "bases" and not run.setting.wrong


def _code_name(run: ExperimentRun, step: int) -> str:
    if step > run.setting.steps:
        return f"after step {step}"
    return "of the data, not thresholded" if step == 0 else f"of step {step}, not thresholded"


def _codes_at(run: ExperimentRun, step: int) -> Array:
    half = run.setting.steps
    return run.codes[step - half] if step > half else np.maximum(run.tokens[step] @ run.dictionary, 0)


def experiment_readings(run: ExperimentRun) -> None:
    """The three ways to fail, each with its number before and after."""
    half = run.setting.steps
    data, compressed, first, last = (run.rows[step] for step in (0, half, half + 1, 2 * half))
    values = (
        (f"Rᶜ after step {half}", f"{compressed.subspace_coding_rate:.1f} nats",
         f"{data.subspace_coding_rate:.1f} at step 0",
         "Compression: Rᶜ in the data's subspaces. High or rising: poor compression."),
        (f"ℓ₁ of the codes, step {2 * half}", f"{last.l1_mean:.3f}", f"{first.l1_mean:.3f} at step {half + 1}",
         "Sparsity: mean absolute entry of the codes. High: poor sparsity."),
        (f"Error, step {2 * half}", f"{last.error:.0%}", f"{first.error:.0%} at step {half + 1}",
         "Invertibility: what the decoded codes miss of the compressed tokens. Near 100 %: nothing is left."),
        (f"Right subspace, step {2 * half}", f"{last.recognised:.0%}", f"{data.recognised:.0%} at step 0",
         "Share of tokens whose strongest subspace is the one that they were drawn from."),
    )  # fmt: skip
    for column, (label, value, before, explanation) in zip(st.columns(4), values, strict=True):
        column.metric(label, value, before, delta_color="off", delta_arrow="off", help=explanation, border=True)


def overshoot_note(run: ExperimentRun) -> str:
    """A sentence where η is above 1/‖D‖², else nothing."""
    largest = largest_ista_step(run.dictionary)
    if run.setting.eta <= largest * (1 + 1e-9):
        return ""
    return f" Here η = {run.setting.eta:g} is above 1/‖D‖² = {largest:.2f}: steps may overshoot instead of settling."


def experiment_table(run: ExperimentRun) -> tuple[str, Callable[[], str], str]:
    """Every number of every step, run and control, as a file that is taken away."""
    return "All steps (CSV)", lambda: csv_rows(run), "experiment.csv"


CSV_FIELDS = (
    "coding_rate", "subspace_coding_rate", "rate_reduction", "own_share", "recognised", "length", "nonzero_fraction",
    "l1_mean", "error",
)  # fmt: skip


def csv_rows(run: ExperimentRun) -> str:
    """One line for each step, run and control side by side; no error before there are codes."""
    return csv_text([_row(*pair) for pair in zip(run.rows, run.control, strict=True)])


def _row(ours: StepMeasures, control: StepMeasures) -> dict[str, Any]:
    row: dict[str, Any] = {"step": ours.step}
    for field in CSV_FIELDS:
        row |= {field: getattr(ours, field), f"{field}_control": getattr(control, field)}
    return row | {f"R^c_subspace_{k + 1}": float(rate) for k, rate in enumerate(ours.per_subspace)}
