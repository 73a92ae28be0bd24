"""The Models page's evaluations: what was measured on a model, with its controls, intervals, date and data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, verdicts
from explorer.card import ModelCard
from explorer.card_runs import epoch_of, name_and_epoch, run_of
from explorer.errors import ExplorerError
from explorer.evaluation.language import COUNTING
from explorer.evaluation.record import CONTROL, MODEL, Result, Row, results_of
from explorer.figures.style import CONTROL_COLOR, HEAD_COLORS, look_of
from explorer.tables import csv_text
from explorer.trace import Array
from explorer.ui.frame import sidebar
from explorer.ui.frame.widgets import download, plain, plot, show_problem
from explorer.ui.panels.evaluated import about, embedding_curves
from explorer.ui.state import caches
from explorer.words import EPOCH_NOTE

LABELS = {
    "CorLoc": figures.CORLOC_LABEL, "box IoU": figures.BOX_OVERLAP_LABEL, "box kept": figures.BOX_KEPT_LABEL,
    "top-1": figures.ACCURACY_LABEL, "top-5": figures.ACCURACY_LABEL, "mIoU": figures.MASK_OVERLAP_LABEL,
    "AP": figures.PRECISION_LABEL, "R^c": figures.RATE_LABEL, "non-zeros": figures.NONZERO_LABEL,
    "heads apart": figures.APART_LABEL, "head constancy": figures.CONSTANCY_LABEL, "on the object": figures.LIFT_LABEL,
    "cross-entropy": figures.CROSS_ENTROPY_LABEL, "perplexity": figures.PERPLEXITY_LABEL,
    "logit lens": figures.SURPRISE_LABEL, "covering": figures.COVERING_LABEL, "boundary F": figures.BOUNDARY_LABEL,
}  # fmt: skip
OTHERS = HEAD_COLORS[2:3] + HEAD_COLORS[8:10]
"""Colours of the models that this one is compared with."""
BASELINES = "no network"
LEVEL_AXES = {"random pixels": "pixels of a random colour (share)", "Gaussian noise": "σ of the noise (of 255)"}


def evaluations(chosen: ModelCard | None) -> None:
    """The results of one model; chosen: the one that is selected in the table, None for the sidebar's, or any that has
    results."""
    evaluated = [card for card in caches.cards() if card.evaluation]
    if chosen is not None and not chosen.evaluation:
        st.info(f"{plain(chosen.name)} was not evaluated yet. {_how(chosen.name)}")
        return
    if not evaluated:
        st.caption(f"No model of this zoo was evaluated yet. {_how('MODEL')}")
        return
    names = [card.name for card in evaluated]
    first = chosen or sidebar.model_in_view()
    index = names.index(first.name) if first and first.name in names else 0
    name = st.selectbox(
        "Evaluated model", names, index, key=f"evaluated_{chosen.name if chosen else ''}",
        format_func=lambda one: name_and_epoch(evaluated[names.index(one)]),
    )  # fmt: skip
    card = evaluated[names.index(name)]
    try:
        results = results_of(card)
    except ExplorerError as problem:
        show_problem(problem)
        return
    suites = sorted(results, key=lambda suite: list(DRAWINGS).index(suite) if suite in DRAWINGS else len(DRAWINGS))
    _result(card, results[_choose("Suite", suites, f"suite_{name}")])


def _choose(label: str, options: Sequence[str], key: str, first: int = 0) -> str:
    """One of the options, which come from a file and are shown as they are."""
    default = options[first]
    return st.segmented_control(label, options, default=default, required=True, key=key, format_func=plain) or default


def _how(name: str) -> str:
    return f"`crate-explorer evaluate {name} --suite accuracy --data FOLDER` measures it; docs/evaluation.md lists all."


def _result(card: ModelCard, result: Result) -> None:
    st.caption(about(result))
    drawing = DRAWINGS.get(result.suite)
    if drawing is not None and result.rows:
        drawing(card, result)
    with st.expander("All numbers"):
        rows = [row.values() for row in result.rows]
        st.dataframe(rows, hide_index=True, width="stretch", key=f"numbers_{card.name}_{result.suite}")
        named = [dict.fromkeys(sorted({key for row in rows for key in row}), "") | row for row in rows]
        download("CSV", lambda: csv_text(named), f"{card.name}_{result.suite}.csv")
        st.json(dict(result.settings), expanded=False)


def _language(card: ModelCard, result: Result) -> None:
    measure = _choose("Measure", ["cross-entropy", "perplexity"], f"said_{card.name}")
    for place, on in zip(st.columns(2), ("token", "byte"), strict=True):
        rows = [row for row in result.rows if (row.measure, row.on) == (measure, on)]
        with place:
            own, less = ([row for row in rows if bool(row.minus) == minus] for minus in (False, True))
            _dots(card, own, measure, _method, f"{measure}_{on}", f"{measure.capitalize()} per {on}")
            title = f"Trained minus …, nats per {on}"
            _dots(card, less, measure, lambda row: f"− {row.minus}", f"less_{on}", title, True)
    curves = [name for name in ("R^c", "non-zeros", "logit lens") if any(row.measure == name for row in result.rows)]
    for place, name in zip(st.columns(len(curves)), curves, strict=True):
        with place:
            mine = [row for row in result.rows if row.measure == name]
            across = "layer" if name != "logit lens" else "before layer (last: output)"
            symbol = name.replace("^c", "<sup>c</sup>").capitalize()
            plot(_scale(mine, across, symbol), f"{card.name}_{name}", verdict=_scale_verdict(mine, "layer"))
    st.caption(
        "Lower is better. Bars are 95 % bootstrap intervals over the windows. The counting models saw the training "
        "text: a unigram knows how often each token occurs, Kneser–Ney which follow which. Per byte, models of other "
        "tokens can be compared."
    )


def _accuracy(card: ModelCard, result: Result) -> None:
    _dots(card, result.rows, "top-1", lambda row: row.measure, "accuracy")


def _emergence(card: ModelCard, result: Result) -> None:
    _by_subset(card, result, "Boxes")
    st.caption(
        "Dots are means, bars 95 % bootstrap intervals over the images; below, differences on the same images: where "
        "an interval leaves zero out, the choice of images does not explain the difference. A box of everything scores "
        "well where objects are large: look at the small boxes, those that cover under half of the image."
    )


def _regions(card: ModelCard, result: Result) -> None:
    _by_subset(card, result, "Edges")
    st.caption(
        "Dots are means, bars 95 % bootstrap intervals over the photos; below, differences on the same photos. "
        "*Covering*: for every region that a person drew the IoU of the best segment, weighted by area. *Edges*: "
        "blocks of patches; the photo's own edges; these, with every segment split into its connected parts."
    )


def _by_subset(card: ModelCard, result: Result, what: str) -> None:
    """One measure, a column for each of what it was taken on, and below the differences on the same images."""
    measures = list(dict.fromkeys(row.measure for row in result.rows))
    measure = _choose("Measure", measures, f"of_{card.name}")
    rows = [row for row in result.rows if row.measure == measure]
    subsets = list(dict.fromkeys(row.on for row in rows))
    for place, subset in zip(st.columns(len(subsets)), subsets, strict=True):
        mine = [row for row in rows if row.on == subset]
        called = subset.capitalize() if what == "Boxes" else f"{what}: {subset}"
        title = f"{called} ({mine[0].images:,} images)"
        with place:
            _dots(card, [r for r in mine if not r.minus], mine[0].measure, _method, f"boxes_{subset}", title)
            less, named = [r for r in mine if r.minus], f"{title}: trained minus …"
            _dots(card, less, mine[0].measure, lambda r: f"{r.method} − {r.minus}", f"less_{subset}", named, True)


def _method(row: Row) -> str:
    return row.method or row.who


def _protocol(card: ModelCard, result: Result) -> None:
    measure = result.rows[0].measure
    name = (lambda row: row.method) if measure == "mIoU" else (lambda row: row.measure)
    _dots(card, result.rows, measure, name, result.suite)


def _noise(card: ModelCard, result: Result) -> None:
    measures = list(dict.fromkeys(row.measure for row in result.rows))
    measure = _choose("Measure", measures, f"noisy_{card.name}")
    rows = [row for row in result.rows if row.measure == measure]
    kinds, methods = (list(dict.fromkeys(getattr(row, of) for row in rows)) for of in ("on", "method"))
    for kind, place in zip(kinds, st.columns(len(kinds)), strict=True):
        for method in methods:
            mine = [row for row in rows if (row.on, row.method) == (kind, method)]
            if not mine:
                continue
            across, title = LEVEL_AXES.get(str(kind), str(kind)), f"{kind[:1].upper()}{kind[1:]}: {method}"
            with place:
                plot(_scale(mine, across, title), f"{card.name}_{title}", verdict=_scale_verdict(mine, "level"))
    st.caption(
        "Small boxes alone, as what noise leaves is often the whole image, which large boxes reward; bands are 95 % "
        "intervals. *box kept*: IoU with the box that the same method found in the undisturbed picture."
    )


def _heads(card: ModelCard, result: Result) -> None:
    left, right = st.columns(2)
    for place, measure in ((left, "heads apart"), (right, "head constancy")):
        mine = [row for row in result.rows if row.measure == measure]
        if mine:
            with place:
                figure, said = _scale(mine, "layer", measure.capitalize()), _scale_verdict(mine, "layer")
                plot(figure, f"{card.name}_{measure}", verdict=said)
    rows = [row for row in result.rows if row.measure == "on the object"]
    _dots(card, rows, "on the object", _method, "heads", "Attention on the object, last layer")
    st.caption(
        "Attention of CLS on pictures whose box covers under half. *Heads apart*: 0 where all heads look at the same "
        "patches, 1 where no patch is shared. *Head constancy*: 1 where a head reads the same kind of thing in every "
        "picture, 0 where it reads anything. *On the object*: 1 for a head that is blind to it; bands and bars are "
        "95 % intervals over the images."
    )


def _scale(rows: Sequence[Row], across: str, title: str) -> go.Figure:
    """Curves of one measure along a scale, one for each network."""
    label = LABELS.get(rows[0].measure, rows[0].measure)
    whos = list(dict.fromkeys(row.who for row in rows))
    series = [
        _series(who, [row for row in rows if row.who == who], _color(who, whos, label),
                "dash" if who == CONTROL else "solid")
        for who in whos
    ]  # fmt: skip
    return figures.scale_curves(series, label=label, across=across, title=title)


def _scale_verdict(rows: Sequence[Row], axis: str) -> str:
    """What the curves of the networks say. axis: what a place of the scale is called."""
    lines = {
        who: verdicts.Measured(one.y, one.low, one.high)
        for who in dict.fromkeys(row.who for row in rows if row.who != BASELINES)
        if (one := _series(who, [row for row in rows if row.who == who], ""))
    }
    control = lines.pop(CONTROL, None)
    along = verdicts.Places(axis, labels=[f"{row.at or 0:g}" for row in rows if row.who == rows[0].who])
    return verdicts.several(lines, control, label=LABELS.get(rows[0].measure, rows[0].measure), along=along)


def _color(who: str, whos: Sequence[str], label: str) -> str:
    """The model in its quantity's colour, control and baselines grey, other models one by one."""
    if who == MODEL:
        return look_of(label).color
    others = [one for one in whos if one not in (MODEL, CONTROL, BASELINES)]
    return OTHERS[others.index(who) % len(OTHERS)] if who in others else CONTROL_COLOR


def _series(name: str, rows: Sequence[Row], color: str, dash: str = "solid") -> figures.Series:
    low, high = ([getattr(row, end) for row in rows] for end in ("low", "high"))
    ends = (None, None) if None in low or None in high else (np.array(low), np.array(high))
    x, y = np.array([row.at or 0 for row in rows]), np.array([row.value for row in rows])
    return figures.Series(name, x, y, color, *ends, dash=dash)


def _curves(card: ModelCard, result: Result) -> None:
    parts = list(dict.fromkeys(row.on for row in result.rows))
    part = _choose("Images", parts, f"part_{card.name}", first=-1)
    measures = list(dict.fromkeys(row.measure for row in result.rows))
    for place, measure in zip(st.columns(len(measures)), measures, strict=True):
        symbol = measure.replace("^c", "<sup>c</sup>")
        own, control = (_of(result.rows, measure, part, who) for who in (MODEL, CONTROL))
        if not own:
            continue
        with place:
            label, means, grey = LABELS.get(measure, measure), _means(own), _means(control) if control else None
            figure = figures.layer_curve(
                means, grey, label=label,
                title=f"{symbol}, mean ± standard deviation", spread=_spread(own), control_spread=_spread(control),
            )  # fmt: skip
            plot(figure, f"curve_{card.name}_{measure}", verdict=verdicts.curve(means, grey, label=label))
            if (epochs := _epochs(card, measure, part)) is not None:
                plot(epochs[0], f"epochs_{card.name}_{measure}", verdict=epochs[1])
                st.caption(EPOCH_NOTE)


def _of(rows: Iterable[Row], measure: str, part: str, who: str) -> list[Row]:
    return [row for row in rows if (row.measure, row.on, row.who) == (measure, part, who)]


def _means(rows: list[Row]) -> Array:
    return np.array([row.value for row in rows])


def _spread(rows: list[Row]) -> Array | None:
    spread = [row.std for row in rows]
    return None if None in spread or not spread else np.array(spread)


def _epochs(card: ModelCard, measure: str, part: str) -> tuple[go.Figure, str] | None:
    """The same curve of every model of this training run that was evaluated on the same images in the same way, by
    epoch, and what its last layer did; None where there is only one."""
    own = _conditions(card)
    relatives = [one for one in run_of(card, caches.cards()) if _conditions(one) == own]
    if len(relatives) < 2:
        return None
    series = [
        _series(
            f"epoch {epoch_of(one):g}", _of(results_of(one)["curves"].rows, measure, part, MODEL),
            figures.epoch_color(i, len(relatives)),
        )
        for i, one in enumerate(relatives)
    ]  # fmt: skip
    label = LABELS.get(measure, measure)
    figure = figures.scale_curves(series, label=label, across="layer", title="By epoch of this training run")
    along = verdicts.Places("epoch", labels=[f"{epoch_of(one):.3g}" for one in relatives])
    last = np.array([one.y[-1] if len(one.y) else np.nan for one in series])
    return figure, verdicts.story({"last layer": last}, {}, label=label, along=along)


def _conditions(card: ModelCard) -> object:
    """What must agree for two models' curves to be compared: the images, the size, the stride and the seed."""
    result = results_of(card).get("curves")
    return result and (dict(result.data), [result.settings.get(name) for name in ("size", "stride", "seed")])


def _dots(
    card: ModelCard, rows: Sequence[Row], measure: str, name: Callable[[Row], str], key: str, title: str = "",
    zero: bool = False,
) -> None:  # fmt: skip
    """Dots of rows, a colour for each network; the baselines, which are none, together in grey."""
    if not rows:
        return
    label = LABELS.get(measure, measure)
    groups: dict[str, list[Row]] = {}
    all_are = measure in ("top-1", "AP", "cross-entropy", "perplexity")
    networks = {row.who for row in rows if row.method or (all_are and row.who not in COUNTING)}
    for row in rows:
        groups.setdefault(row.who if row.who in networks else BASELINES, []).append(row)
    drawn = []
    for who, mine in groups.items():
        values, low, high = (np.array([_end(row, end) for row in mine]) for end in ("value", "low", "high"))
        color = _color(who, list(groups), label)
        symbol = {MODEL: "circle", BASELINES: "line-ns-open"}.get(who, "diamond")
        drawn.append(figures.Dots(who, [name(r) for r in mine], values, low, high, color, symbol, who != BASELINES))
    figure = figures.interval_dots(drawn, label=label, title=title, zero=zero)
    plot(figure, f"dots_{card.name}_{key}", verdict=_dots_verdict(rows, name, label, zero))


def _dots_verdict(rows: Sequence[Row], name: Callable[[Row], str], label: str, zero: bool) -> str:
    """What the trained model's dots say: beside the control's, or of differences, beside 0."""
    own, control = (
        {name(row): (row.value, _end(row, "low"), _end(row, "high")) for row in rows if row.who == who}
        for who in (MODEL, CONTROL)
    )
    if not zero:
        return verdicts.results(own, control, label)
    bare = {minus.removeprefix("− "): values for minus, values in own.items() if minus.startswith("− ")}
    return verdicts.differences(bare or own, label, from_named=bool(bare))


def _end(row: Row, end: str) -> float:
    value: Any = getattr(row, end)
    return row.value if value is None else value


DRAWINGS: dict[str, Callable[[ModelCard, Result], None]] = {
    "accuracy": _accuracy, "emergence": _emergence, "curves": _curves, "heads": _heads, "noise": _noise,
    "voc": _protocol, "coco": _protocol, "regions": _regions, "language": _language, "embedding": embedding_curves,
}  # fmt: skip
"""How each suite is drawn; one that this version does not know is a table alone."""
