"""What was measured of a model, as several sections show it: on what data, and an embedding's curves."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import figures, verdicts
from explorer.card import ModelCard
from explorer.evaluation.embedding import ALONE, GAUSSIAN, LEFT, LEFT_ALIKE
from explorer.evaluation.record import CONTROL, MODEL, Result, Row
from explorer.figures.style import HEAD_COLORS
from explorer.ui.frame.widgets import plain, plot

TITLES = {LEFT: "Tokens as often as they occur", LEFT_ALIKE: "Every token alike"}
GREY = {GAUSSIAN: "dot", CONTROL: "dash"}
"""What has no structure by its making, and how it is drawn."""
FIRST_OTHER = 2
"""The head's colour with which other models begin: apart from this one's and from grey."""


def embedding_curves(card: ModelCard, result: Result) -> None:
    """What is left over against the non-zeros: one number of atoms and one method, in both weightings."""
    kinds = list(dict.fromkeys((row.method, row.on) for row in result.rows if row.method))
    names = {f"{method}, {on}": (method, on) for method, on in kinds}
    first = next(iter(names))
    chosen = st.segmented_control(
        "Code", list(names), default=first, required=True, key=f"coded_{card.name}", format_func=plain
    )
    method, on = names[chosen or first]
    rows = [row for row in result.rows if (row.method, row.on) == (method, on)]
    own = figures.look_of(figures.LEFT_OVER_LABEL).color
    colors = [one for one in HEAD_COLORS[FIRST_OTHER:] if one != own]
    measures = [measure for measure in TITLES if any(row.measure == measure for row in rows)]
    for place, measure in zip(st.columns(2), measures, strict=False):
        with place:
            mine = [row for row in rows if row.measure == measure]
            series = _series(mine, card.name, own, colors)
            across = "non-zeros of a token's code"
            figure = figures.scale_curves(series, label=figures.LEFT_OVER_LABEL, across=across, title=TITLES[measure])
            said = _beside_grey(series)
            plot(figure.update_yaxes(rangemode="tozero"), f"left_{card.name}_{measure}", verdict=said)
    st.caption(_how_to_read(result, on))


def _beside_grey(series: list[figures.Series]) -> str:
    """The models' curves against the lower of those that have no structure by their making."""
    first = series[0]
    same = [one for one in series if len(one.x) == len(first.x) and (one.x == first.x).all()]
    grey = [one.y for one in same if one.name in GREY]
    return verdicts.several(
        {one.name: one.y for one in same if one.name not in GREY}, np.min(grey, axis=0) if grey else None,
        label=figures.LEFT_OVER_LABEL, along=verdicts.Places("code length", labels=[f"{x:g}" for x in first.x]),
        name="what has no structure",
    )  # fmt: skip


def _series(rows: list[Row], name: str, own: str, colors: list[str]) -> list[figures.Series]:
    """A curve for each of those that were coded. name, own: of this model; colors: of the other models."""
    whos = list(dict.fromkeys(row.who for row in rows))
    others = [who for who in whos if who != MODEL and who not in GREY]
    found = []
    for who in (MODEL, *others, *(grey for grey in GREY if grey in whos)):
        mine = sorted((row for row in rows if row.who == who), key=lambda row: row.at or 0)
        x, y = np.array([row.at or 0 for row in mine]), np.array([row.value for row in mine])
        color = figures.CONTROL_COLOR if who in GREY else own if who == MODEL else colors[others.index(who)]
        shown = name if who == MODEL else who
        found.append(figures.Series(shown, x, y, color, dash=GREY.get(who, "solid")))
    return found


def _how_to_read(result: Result, on: str) -> str:
    alone = {row.measure: row.value for row in result.rows if (row.who, row.on) == (ALONE, on)}
    beside = f" An atom for each of the {plain(on.split()[0])} heaviest tokens, and nothing else, leaves " + (
        f"{alone.get(LEFT, 1):.1%} and {alone.get(LEFT_ALIKE, 1):.1%}: codes of one non-zero should beat that."
    )
    return (
        "The share of the rows' squared norm that the code misses; lower is better. **Compare with grey.** The dotted "
        "line is Gaussian rows of the same mean and covariance, the dashed one the embedding before training: what a "
        "code saves there it would save on rows without structure. Left, errors of frequent tokens count more; right, "
        "all count the same." + (beside if alone else "")
    )


OF_TEXT = ("language", "embedding")
LICENCE_NOTE = "Weights trained on ImageNet images, and what is measured on such data, are for research use."


def about(result: Result) -> str:
    """One line: on what, how, when, by which code, and the licence of the data."""
    parts = [
        *_seen(result),
        f"measured {plain(result.date[:10])} in {result.seconds:,.0f} s"
        + (f" by {plain(result.code)}" if result.code else ""),
    ]
    licence = f" Data: {plain(str(result.data['licence']))}." if result.data.get("licence") else ""
    return f"{'; '.join(parts)}.{licence} {'' if result.suite in OF_TEXT else LICENCE_NOTE}".strip()


def _seen(result: Result) -> tuple[str, str]:
    """What was measured, and how it was made."""
    data, settings = result.data, result.settings
    source = plain(f"{', '.join(map(str, data.get('sources', []))) or 'unnamed data'} ({data.get('part', '')})")
    count, tokens = f"{data['images']:,}", f"{settings.get('counted_tokens', 0):,} tokens"
    if result.suite == "language":
        return f"{count} windows of {settings.get('size')} tokens, {source}", f"counting models saw {tokens}"
    if result.suite == "embedding":
        return f"Rows of the {count} most frequent tokens", f"counted in {tokens} of {source}"
    cut = plain(f"{settings.get('size')} px at stride {settings.get('stride')}")
    return f"{count} of {data['of']:,} images, {source}", cut
