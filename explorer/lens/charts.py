"""Charts that the lens draws by itself, so that they follow its layer at once: curves over layers, bars over heads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from explorer import verdicts
from explorer.figures import quantities, style
from explorer.lens.panels import Panel
from explorer.trace import Array

SOLID, DASHED, DOTTED = "none", "7 5", "2 4"
SIGNS = {"<sup>c</sup>": "ᶜ", "<sub>0</sub>": "₀", "<sub>1</sub>": "₁"}


def curve_panel(
    title: str,
    label: str,
    values: Array,
    control: Array | None = None,
    ghost: Array | None = None,
    explanation: str = "",
) -> Panel:
    """A quantity at every layer, (L,), with the random-init control and, where knobs are turned, the trained ghost."""
    color = style.look_of(label).color
    lines = [_series("trained" if ghost is None else "now", values, color, SOLID)]
    lines += [] if ghost is None else [_series(style.GHOST_NAME, ghost, color, DOTTED)]
    lines += [] if control is None else [_series(style.CONTROL_NAME, control, style.CONTROL_COLOR, DASHED)]
    said = verdicts.curve(values, control, label=label, ghost=ghost)
    return _chart_panel("curve", title, label, lines, ("layer", "layer"), explanation, verdict=said)


def runs_panel(
    title: str,
    label: str,
    runs: Sequence[tuple[str, str, Array]],
    controls: Sequence[Array],
    apart: Sequence[str] = (),
    explanation: str = "",
) -> Panel:
    """A quantity at every layer of several runs, which may differ in depth. runs: name, colour, values (L,).

    controls: the same of their random-init controls, drawn as one band from the least to the most. apart: the names of
    runs that are built in another way, so that these controls say nothing of them.
    """
    lines = [_series(name, values, color, SOLID) for name, color, values in runs]
    deepest = max(map(len, controls))
    at = [np.array([values[i] for values in controls if i < len(values)]) for i in range(deepest)]
    low, mean, high = (np.array([end(values) for values in at]) for end in (np.min, np.mean, np.max))
    said = verdicts.several(
        {name: values for name, _, values in runs if name not in apart}, verdicts.Measured(mean, low, high),
        label=label, alone={name: values for name, _, values in runs if name in apart},
    )  # fmt: skip
    panel = _chart_panel("curve", title, label, lines, ("layer", "layer"), explanation, verdict=said)
    band = {"name": style.CONTROL_NAME, "color": style.CONTROL_COLOR, "low": low.tolist(), "high": high.tolist()}
    return replace(panel, chart={**(panel.chart or {}), "band": band})


def bars_panel(
    title: str, label: str, per_head: Array, control: Array | None = None, total: str = "", explanation: str = ""
) -> Panel:
    """A quantity of every head of the lens's layer, (L,K), with the control. total: the symbol of the heads' sum."""
    bars = _series("trained", per_head, "", SOLID) | {"colors": list(style.HEAD_COLORS)}
    lines = [] if control is None else [_series(style.CONTROL_NAME, control, style.CONTROL_COLOR, DASHED)]
    said = [
        verdicts.heads(mine, None if control is None else control[i], label=label, share=bool(total))
        for i, mine in enumerate(per_head)
    ]
    axis = (quantities.HEAD_LABEL, "head")
    return _chart_panel("bars", title, label, [bars, *lines], axis, explanation, total, verdict=said)


def histogram_panel(
    title: str, source: str, names: tuple[str, str], explanation: str = "", verdict: Sequence[str] = ()
) -> Panel:
    """Entries before and after the threshold of the lens's layer. source: its measures.threshold_histogram. verdict:
    of every layer."""
    colors = (style.CONTROL_COLOR, style.look_of(quantities.NONZERO_LABEL).color)
    series = [{"name": name, "color": color, "dash": SOLID} for name, color in zip(names, colors, strict=True)]
    series.append({"name": "threshold ηλ", "color": style.SELECTED_COLOR, "dash": DOTTED})
    chart = {"kind": "histogram", "series": series, "xLabel": quantities.ENTRY_LABEL, "yLabel": "entries (count)"}
    chart["verdict"] = list(verdict)
    return Panel("chart", title, source, explanation, chart=chart)


def _chart_panel(
    kind: str,
    title: str,
    label: str,
    series: Sequence[dict[str, Any]],
    axis: tuple[str, str],
    explanation: str,
    total: str = "",
    verdict: str | Sequence[str] = "",
) -> Panel:
    """verdict: what it says in one line; a list of lines: one for each layer, or each shot where series have shots."""
    look = style.look_of(label)
    chart = {
        "kind": kind, "series": list(series), "xLabel": axis[0], "xName": axis[1], "yLabel": plain_signs(label),
        "unit": look.unit, "percent": look.number.endswith("%"), "sum": total,
        "verdict": verdict,
    }  # fmt: skip
    return Panel("chart", title, explanation=explanation, chart=chart)


def _series(name: str, values: Array, color: str, dash: str) -> dict[str, Any]:
    return {"name": name, "values": _numbers(values), "color": color, "dash": dash}


def _numbers(values: Array) -> list[Any]:
    return values.astype(float).round(6).tolist()


def plain_signs(text: str) -> str:
    """Plotly's <sup> and <sub> as plain characters."""
    for markup, sign in SIGNS.items():
        text = text.replace(markup, sign)
    return re.sub(r"<[^>]+>", "", text)


def shots_panel(
    title: str, label: str, shots: Sequence[Array], control: Array | None = None, last: Array | None = None
) -> Panel:
    """A quantity at every layer, (L,), for each shot of a film; the control, and the end as a ghost, stay."""
    color = style.look_of(label).color
    now = _series("now", shots[0], color, SOLID) | {"shots": [_numbers(values) for values in shots]}
    lines = [now]
    lines += [] if last is None else [_series("at the end", last, color, DOTTED)]
    lines += [] if control is None else [_series(style.CONTROL_NAME, control, style.CONTROL_COLOR, DASHED)]
    said = [verdicts.curve(values, control, label=label) for values in shots]
    return _chart_panel("curve", title, label, lines, ("layer", "layer"), "", verdict=said)


def film_panel(
    title: str, label: str, lines: Sequence[tuple[str, str, str, Array]], places: Sequence[str], across: str,
    turn: tuple[int, str] | None = None,
) -> Panel:  # fmt: skip
    """Quantities at every shot of a film; the shot in view is marked, and a click goes to one.

    lines: name, colour, "none" or a pattern of dashes, values (shots,). Dashed ones are controls of the line of their
    colour and share an entry of the legend. places: what each shot is called on the axis.
    turn: the shot (from 0) before which something else changed, and what, for a line with that word.
    """
    series = [_series(name, values, color, dash) for name, color, dash, values in lines]
    own = {name: values for name, _, dash, values in lines if dash == SOLID}
    named = {color: name for name, color, dash, _ in lines if dash == SOLID}
    controls = {named[color]: values for _, color, dash, values in lines if dash != SOLID and color in named}
    said = verdicts.story(own, controls, label=label, along=verdicts.Places(across, labels=places), name="its control")
    panel = _chart_panel("curve", title, label, series, (across, across), "", verdict=said)
    chart = {**(panel.chart or {}), "along": "shot", "places": list(places), "dashed": style.CONTROL_NAME}
    return replace(panel, chart=chart | ({"turn": {"before": turn[0], "name": turn[1]}} if turn else {}))
