"""A run → one self-contained HTML file: the lens with all layers, the curves, the segmentations and the numbers."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from string import Template
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer import figures, lens
from explorer.measures.patches import segment_trace
from explorer.measures.rates import LayerMeasures, rate_bounds
from explorer.tables import csv_text, layer_rows, report_rows
from explorer.trace import Array, Trace
from explorer.words import COMPRESSION, GLOSSARY, SPARSITY

MAX_BYTES = 10_000_000
ROOM_FOR_TEXT = 400_000
LEVELS = (None, 63, 31, 15)
"""Precisions of the projections: half precision, then integers from −n to n; the first that fits is taken."""
VIEW = "report"
PANELS = ("photo", "attention", "objects", "parts", "kept", "clusters", "strongest")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What every report is about.

    about: what to say of the run, label → text. rows, control: the numbers of every layer, trained and at random init.
    """

    title: str
    file_stem: str
    about: Mapping[str, str]
    trace: Trace
    rows: Sequence[LayerMeasures]
    control: Sequence[LayerMeasures]


@dataclass(frozen=True, kw_only=True)
class PhotoReport(Report):
    """The report of a photo. picture: as shown, uint8 (H,W,3), scale times as large as what the model sees. top: the
    most probable classes and their probabilities."""

    picture: Array
    scale: int
    top: tuple[list[str], Array]
    choice: lens.LensChoice
    look: lens.LensLook


def report_html(subject: PhotoReport, segment: Callable[..., Any] | None = None) -> bytes:
    """The report of a photo as the bytes of an HTML file of at most 10 MB, where a few megabytes of photo and numbers
    allow it.

    segment: what segments the trace, segment_trace by default; a page hands in its cached one.
    """
    feeds, precision = _feeds(subject, segment or _segment(subject.trace), room())
    subject = replace(subject, about={**subject.about, "Precision of the lens": precision})
    return page_html(
        subject,
        look=asset("photo.html"),
        top=("The most probable classes, softmax of the logits.", *subject.top),
        settings=_settings(subject),
        feeds=feeds,
        style=lens.asset("lens.css"),
        script=lens.asset(*lens.SCRIPTS) + asset("photo.js"),
    )


def room() -> int:
    """Characters that feeds may take."""
    return MAX_BYTES - ROOM_FOR_TEXT - len(_plotly())


def page_html(
    report: Report,
    look: str,
    top: tuple[str, Sequence[str], Array],
    settings: Mapping[str, Any],
    feeds: str,
    style: str,
    script: str,
) -> bytes:
    """The page of a report.

    look: the element of its lens with a word on how to use it. top: what the probabilities are, names, values.
    settings, feeds, style, script: of the lens; the script has a function showLens(settings, feeds).
    """
    caption, names, shares = top
    parts = {
        "title": html.escape(report.title),
        "style": style + asset("report.css"),
        "about": _definitions(report.about),
        "look": look,
        "caption": html.escape(caption),
        "prediction": _prediction(names, shares),
        "table": _table(report_rows(report.rows, report.control)),
        "glossary": _glossary(),
        "data": _json(settings),
        "figures": _json([json.loads(str(figure.to_json())) for figure in _curves(report)]),
        "csv": _json(csv_text(layer_rows(list(report.rows), list(report.control)))),
        "feeds": feeds,
        "plotly": _plotly(),
        "script": script + asset("report.js"),
    }
    return Template(asset("report.html")).substitute(parts).encode()


def asset(name: str) -> str:
    """A file of this folder."""
    return (resources.files("explorer.report") / name).read_text("utf-8")


def feed_tags(texts: Sequence[str]) -> str:
    """Packed feeds as elements of the page."""
    return "\n".join(f'<script type="application/gzip" class="feed">{text}</script>' for text in texts)


def _segment(trace: Trace) -> Callable[..., Any]:
    def segment(**options: Any) -> Any:
        return segment_trace(trace, **options)

    return segment


# ---- the lens ----


def _settings(subject: PhotoReport) -> dict[str, Any]:
    first, more = [lens.PANELS[name] for name in PANELS[:4]], [lens.PANELS[name] for name in PANELS[4:]]
    sections = [
        lens.Section(first),
        lens.Section(title="Every head", explanation="Each on its own scale; click one to enlarge it.", strip=True),
        lens.Section(more, "The same tokens, read in other ways"),
    ]
    grid = lens.grid(subject.trace, subject.picture, subject.scale)
    return lens.settings(
        VIEW, {VIEW: grid}, subject.trace.card, subject.choice, sections, subject.look, file=subject.file_stem,
        alt=subject.title,
    )  # fmt: skip


def _feeds(subject: PhotoReport, segment: Callable[..., Any], most: int) -> tuple[str, str]:
    """Everything that the lens draws, as text of at most `most` characters, and how exact its projections are."""
    trace, layers = subject.trace, range(1, subject.trace.card.layers + 1)
    found = {}
    for source in {lens.PANELS[name].source for name in PANELS} - {""}:
        for layer in layers:
            found[f"{source}.{layer}"] = segment(method=source, layer=layer, head=None, **subject.look.options(source))
    fixed = [lens.photo_feed("photo", subject.picture), lens.segments_feed(VIEW, found)]
    for levels in LEVELS:
        feeds = [*fixed, *(lens.attention_feed(VIEW, trace, layer, levels=levels) for layer in layers)]
        texts = [script_bytes(feed) for feed in feeds]
        if sum(map(len, texts)) <= most or levels == LEVELS[-1]:
            break
    precision = "half precision" if levels is None else f"{2 * levels + 1} levels for each token and head"
    return feed_tags(texts), precision


def script_bytes(data: bytes) -> str:
    """Bytes as text for a script element: gzip, then base64."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return script_bytes(get_plotlyjs().encode())


# ---- curves, tables, words ----


def _curves(report: Report) -> list[go.Figure]:
    rows, control, card = report.rows, report.control, report.trace.card
    rates, others = (np.array([r.subspace_coding_rate_official for r in some]) for some in (rows, control))
    shares, random = (np.array([r.nonzero_fraction for r in some]) for some in (rows, control))
    heads = np.stack([row.per_head_official for row in rows])
    return [
        figures.layer_curve(
            rates, others, label=figures.RATE_LABEL, title=f"{COMPRESSION} (official, input of MSSA)",
            bounds=rate_bounds(card.heads, card.head_dim),
        ),
        figures.layer_curve(shares, random, label=figures.NONZERO_LABEL, title=SPARSITY),
        figures.stacked_heads(heads, title="R<sup>c</sup>, head by head"),
    ]  # fmt: skip


def _definitions(about: Mapping[str, str]) -> str:
    return "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in about.items())


def _prediction(names: Sequence[str], probabilities: Array) -> str:
    bar = '<tr><td>{}</td><td class="bar"><i style="width:{:.1f}%"></i></td><td>{:.1%}</td></tr>'
    rows = zip(names, probabilities, strict=True)
    return "".join(bar.format(html.escape(name), 100 * float(p), float(p)) for name, p in rows)


def _table(rows: list[dict[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return html.escape(str(value))


def _glossary() -> str:
    entries = ((_plain(symbol), _plain(meaning)) for symbol, meaning in GLOSSARY.items())
    return "".join(f"<dt>{html.escape(symbol)}</dt><dd>{html.escape(meaning)}</dd>" for symbol, meaning in entries)


PLAIN = {
    "**": "", "$": "", r"^\top": "ᵀ", r"\ell+1/2": "ℓ+½", r"\ell": "ℓ", r"\varepsilon": "ε", r"\eta": "η",
    r"\lambda": "λ", r"\|": "‖", "_0": "₀", "_k": "ₖ", "^2": "²", "^c": "ᶜ", "{": "", "}": "",
}  # fmt: skip


def _plain(text: str) -> str:
    """The glossary's Markdown and LaTeX as plain text."""
    for sign, plain in PLAIN.items():
        text = text.replace(sign, plain)
    return text


def _json(value: Any) -> str:
    """JSON that cannot end the script element in which it stands."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
