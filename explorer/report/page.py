"""A run → one self-contained HTML file: the lens with all layers, the curves, the segmentations and the numbers."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer import figures, lens, summary
from explorer.measures import LayerMeasures, rate_bounds, segment_trace
from explorer.trace import GLOSSARY, Array, Trace

MAX_BYTES = 10_000_000
ROOM_FOR_TEXT = 400_000
LEVELS = (None, 63, 31, 15)
"""Precisions of the projections: half precision, then integers from −n to n; the first that fits is taken."""
VIEW = "report"
PANELS = ("photo", "attention", "objects", "parts", "kept", "clusters", "strongest")


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    about: what to say of the run, label → text. picture: the photo as shown, uint8 (H,W,3), scale times as large as
    what the model sees. rows, control: the numbers of every layer, trained and at random init. top: the most probable
    classes and their probabilities.
    """

    title: str
    file_stem: str
    about: Mapping[str, str]
    trace: Trace
    picture: Array
    scale: int
    rows: Sequence[LayerMeasures]
    control: Sequence[LayerMeasures]
    top: tuple[list[str], Array]
    choice: lens.LensChoice
    look: lens.LensLook


def report_html(subject: Subject, segment: Callable[..., Any] | None = None) -> bytes:
    """The report as the bytes of an HTML file of at most 10 MB, where a few megabytes of photo and numbers allow it.

    segment: what segments the trace, segment_trace by default; a page hands in its cached one.
    """
    plotly = _plotly()
    room = MAX_BYTES - ROOM_FOR_TEXT - len(plotly)
    feeds, precision = _feeds(subject, segment or _segment(subject.trace), room)
    parts = {
        "title": html.escape(subject.title),
        "style": lens.asset("lens.css") + _asset("report.css"),
        "about": _definitions({**subject.about, "Precision of the lens": precision}),
        "prediction": _prediction(*subject.top),
        "table": _table(summary.report_rows(subject.rows, subject.control)),
        "glossary": _glossary(),
        "data": _json(_settings(subject)),
        "figures": _json([json.loads(str(figure.to_json())) for figure in _curves(subject)]),
        "csv": _json(summary.csv_text(summary.layer_rows(list(subject.rows), list(subject.control)))),
        "feeds": feeds,
        "plotly": plotly,
        "script": lens.asset(*lens.SCRIPTS) + _asset("report.js"),
    }
    return Template(_asset("report.html")).substitute(parts).encode()


def _asset(name: str) -> str:
    return (resources.files("explorer.report") / name).read_text("utf-8")


def _segment(trace: Trace) -> Callable[..., Any]:
    def segment(**options: Any) -> Any:
        return segment_trace(trace, **options)

    return segment


# ---- the lens ----


def _settings(subject: Subject) -> dict[str, Any]:
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


def _feeds(subject: Subject, segment: Callable[..., Any], room: int) -> tuple[str, str]:
    """Everything that the lens draws, as text of at most `room` characters, and how exact its projections are."""
    trace, layers = subject.trace, range(1, subject.trace.card.layers + 1)
    found = {}
    for source in {lens.PANELS[name].source for name in PANELS} - {""}:
        for layer in layers:
            found[f"{source}.{layer}"] = segment(method=source, layer=layer, head=None, **subject.look.options(source))
    fixed = [lens.photo_feed("photo", subject.picture), lens.segments_feed(VIEW, found)]
    for levels in LEVELS:
        feeds = [*fixed, *(lens.attention_feed(VIEW, trace, layer, levels=levels) for layer in layers)]
        texts = [_script_bytes(feed) for feed in feeds]
        if sum(map(len, texts)) <= room or levels == LEVELS[-1]:
            break
    precision = "half precision" if levels is None else f"{2 * levels + 1} levels for each token and head"
    tags = "\n".join(f'<script type="application/gzip" class="feed">{text}</script>' for text in texts)
    return tags, precision


def _script_bytes(data: bytes) -> str:
    """Bytes as text for a script element: gzip, then base64."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return _script_bytes(get_plotlyjs().encode())


# ---- curves, tables, words ----


def _curves(subject: Subject) -> list[go.Figure]:
    rows, control, card = subject.rows, subject.control, subject.trace.card
    rates, others = (np.array([r.subspace_coding_rate_official for r in some]) for some in (rows, control))
    shares, random = (np.array([r.nonzero_fraction for r in some]) for some in (rows, control))
    heads = np.stack([row.per_head_official for row in rows])
    return [
        figures.layer_curve(
            rates, others, label=figures.RATE_LABEL, title="Compression: R<sup>c</sup> (official, input of MSSA)",
            bounds=rate_bounds(card.heads, card.head_dim),
        ),
        figures.layer_curve(shares, random, label=figures.NONZERO_LABEL, title="Sparsity: share of non-zero entries"),
        figures.stacked_heads(heads, title="R<sup>c</sup>, head by head"),
    ]  # fmt: skip


def _definitions(about: Mapping[str, str]) -> str:
    return "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in about.items())


def _prediction(names: list[str], probabilities: Array) -> str:
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
