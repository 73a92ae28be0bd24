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

from explorer import figures, lens, verdicts
from explorer.card import ModelCard
from explorer.measures.patches import Segments, carried, guide_of, segment_trace
from explorer.measures.rates import LayerMeasures, rate_bounds
from explorer.tables import csv_text, layer_rows, report_rows
from explorer.trace import Array, Trace
from explorer.words import COMPRESSION, GLOSSARY, NO_HEAD, PHOTO_GLOSSARY, SPARSITY

MAX_BYTES = 10_000_000
ROOM_FOR_TEXT = 400_000
LEVELS = (None, 63, 31, 15)
"""Precisions of the projections: half precision, then integers from −n to n; the first that fits is taken."""
VIEW, TRAINED = "report", "trained"
"""The lens's own feeds, and those of the run as trained where knobs are turned."""
MEASURED = (
    "Rates in nats; Rᶜ as the official code measures it: the input of MSSA, every token scaled to length 1 within each "
    "head, ε² = 0.01."
)
PANELS = ("photo", "attention", "objects", "parts", "kept", "clusters", "strongest")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What every report is about.

    about: what to say of the run, label → text. rows, control: the numbers of every layer, trained and at random init;
    trained: the run as trained and its numbers, where knobs are turned. heads: the numbers of every head, by name
    (lens.photo_heads, lens.text_heads).
    """

    title: str
    file_stem: str
    about: Mapping[str, str]
    trace: Trace
    rows: Sequence[LayerMeasures]
    control: Sequence[LayerMeasures]
    heads: Mapping[str, Array]
    trained: AsTrained | None = None


@dataclass(frozen=True)
class AsTrained:
    """What a run with turned knobs is compared with: the trace as trained, and the numbers of its layers."""

    trace: Trace
    rows: Sequence[LayerMeasures]


@dataclass(frozen=True, kw_only=True)
class PhotoReport(Report):
    """The report of a photo. picture: as shown, uint8 (H,W,3), scale times as large as what the model sees. top: the
    most probable classes and their probabilities; before: those of the same classes as trained."""

    picture: Array
    scale: int
    top: tuple[list[str], Array]
    before: Array | None = None
    choice: lens.LensChoice
    look: lens.LensLook


def report_html(subject: PhotoReport, segment: Callable[..., Any] | None = None) -> bytes:
    """The report of a photo as the bytes of an HTML file of at most 10 MB, where a few megabytes of photo and numbers
    allow it. Where knobs are turned, attention and objects stand there as trained and now.

    segment: the segmentation of a method in a layer as the lens draws it, with the look's options (LensLook.drawn); a
    page hands in its cached one.
    """
    feeds, precision = _feeds(subject, segment or _segment(subject, subject.trace), room())
    edges = {"Edges of objects, parts and clusters": f"those of the {subject.look.edges}"}
    subject = replace(subject, about={**subject.about, **edges, "Precision of the lens": precision})
    names, shares = subject.top
    caption = "The most probable classes, softmax of the logits." if subject.trace.card.has_head else NO_HEAD
    return page_html(
        subject,
        look=asset("photo.html"),
        prediction=prediction_table(caption, names, shares, subject.before),
        measured=f"{MEASURED} Non-zeros: of what the layer leaves, CLS included.",
        glossary=GLOSSARY | PHOTO_GLOSSARY,
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
    *,
    look: str,
    prediction: str,
    measured: str,
    glossary: Mapping[str, str],
    settings: Mapping[str, Any],
    feeds: str,
    style: str,
    script: str,
) -> bytes:
    """The page of a report.

    look: the element of its lens with a word on how to use it. prediction: of prediction_table. measured: how the
    numbers of its table were measured. glossary: words and what they mean. settings, feeds, style, script: of the lens;
    the script has a function showLens(settings, feeds).
    """
    curves = _curves(report)
    parts = {
        "title": html.escape(report.title),
        "style": style + asset("report.css"),
        "about": _definitions(report.about),
        "look": look,
        "prediction": prediction,
        "measured": html.escape(measured),
        "table": _table(report_rows(report.rows, report.control)),
        "glossary": _glossary(glossary),
        "data": _json(settings),
        "figures": _json([json.loads(str(figure.to_json())) for figure, _ in curves]),
        "verdicts": _json([said for _, said in curves]),
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


def _segment(subject: PhotoReport, trace: Trace) -> Callable[..., Segments]:
    patch, stride = subject.scale * trace.card.patch, subject.scale * trace.stride
    guide = guide_of(subject.picture, patch) if subject.look.edges == "photo" else None

    def segment(edges: str, parts: bool, **options: Any) -> Segments:
        del edges  # the guide is there for them
        return carried(segment_trace(trace, **options), guide, patch, stride, parts)

    return segment


# ---- the lens ----


def _settings(subject: PhotoReport) -> dict[str, Any]:
    first, more = [lens.PANELS[name] for name in PANELS[:4]], [lens.PANELS[name] for name in PANELS[4:]]
    if subject.trained:
        first = [panel for one in first for panel in _before_and_now(one)]
    sections = [
        lens.Section(first),
        lens.Section(title="Every head", explanation="Point at a patch to read it; click to enlarge one.", strip=True),
        lens.Section([lens.PANELS["overview"]], wide=True),
        lens.Section(more, "The same tokens, read in other ways"),
    ]
    traces = {VIEW: subject.trace} | ({TRAINED: subject.trained.trace} if subject.trained else {})
    grids = {name: lens.grid(trace, subject.picture, subject.scale) for name, trace in traces.items()}
    settings = lens.settings(
        VIEW, grids, subject.trace.card, subject.choice, sections, subject.look, file=subject.file_stem,
        alt=subject.title,
    )  # fmt: skip
    return settings | {"numbers": [one for one in settings["numbers"] if f"heads.{one['key']}" in subject.heads]}


def _before_and_now(panel: lens.Panel) -> list[lens.Panel]:
    """Attention and objects as trained and now, on one scale; any other panel as it is."""
    if panel.kind not in ("attention", "objects"):
        return [panel]
    was = replace(panel, title=f"{panel.title} as trained", view=TRAINED)
    return [was, replace(panel, title=f"{panel.title} now", like=(TRAINED,))]


def _feeds(subject: PhotoReport, segment: Callable[..., Any], most: int) -> tuple[str, str]:
    """Everything that the lens draws, as text of at most `most` characters, and how exact its projections are."""
    trace, layers = subject.trace, range(1, subject.trace.card.layers + 1)
    found = {}
    for source in {lens.PANELS[name].source for name in PANELS} - {""}:
        for layer in layers:
            found[f"{source}.{layer}"] = segment(method=source, layer=layer, **subject.look.drawn(source))
    fixed = [lens.photo_feed("photo", subject.picture), lens.segments_feed(VIEW, found, subject.heads)]
    traces = {VIEW: trace}
    if subject.trained:
        traces[TRAINED], old = subject.trained.trace, _segment(subject, subject.trained.trace)
        options = {"method": "maskcut", **subject.look.drawn("maskcut")}
        objects = {f"maskcut.{layer}": old(layer=layer, **options) for layer in layers}
        fixed.append(lens.segments_feed(TRAINED, objects))
    for levels in LEVELS:
        feeds = [
            *fixed,
            *(lens.attention_feed(name, one, layer, levels=levels) for name, one in traces.items() for layer in layers),
        ]
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


Curves = tuple[Array, Array]
"""What each head adds to the official R^c of the input of MSSA, in nats (L,K), and the share of non-zeros (L,)."""


def layer_curves(card: ModelCard, ours: Curves, control: Curves, trained: Curves | None = None) -> dict[str, go.Figure]:
    """The curves over the layers: "compression" and "sparsity", each beside the random-init control, and "heads".

    trained: of the run as trained, where knobs are turned; drawn behind.
    """
    (heads, shares), (others, random), old = ours, control, trained or (None, None)
    return {
        "compression": figures.layer_curve(
            heads.sum(axis=1), others.sum(axis=1), label=figures.RATE_LABEL,
            title=f"{COMPRESSION} (official, input of MSSA)", bounds=rate_bounds(card.heads, card.head_dim),
            ghost=None if old[0] is None else old[0].sum(axis=1),
        ),
        "sparsity": figures.layer_curve(shares, random, label=figures.NONZERO_LABEL, title=SPARSITY, ghost=old[1]),
        "heads": figures.stacked_heads(heads, title="R<sup>c</sup>, head by head"),
    }  # fmt: skip


def _curves(report: Report) -> list[tuple[go.Figure, str]]:
    """The curves, and what each says."""
    ours, control = _curve_numbers(report.rows), _curve_numbers(report.control)
    trained = _curve_numbers(report.trained.rows) if report.trained else None
    drawn = layer_curves(report.trace.card, ours, control, trained)
    said = [
        verdicts.curve(
            ours[0].sum(axis=1), control[0].sum(axis=1), label=figures.RATE_LABEL,
            ghost=None if trained is None else trained[0].sum(axis=1),
        ),
        verdicts.curve(
            ours[1], control[1], label=figures.NONZERO_LABEL, ghost=None if trained is None else trained[1]
        ),
        verdicts.sentence([verdicts.biggest_slice(ours[0])]),
    ]  # fmt: skip
    return list(zip(drawn.values(), said, strict=True))


def _curve_numbers(rows: Sequence[LayerMeasures]) -> Curves:
    return np.stack([row.per_head_official for row in rows]), np.array([row.nonzero_fraction for row in rows])


def _definitions(about: Mapping[str, str]) -> str:
    return "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in about.items())


def prediction_table(caption: str, names: Sequence[str], shares: Array, before: Array | None = None) -> str:
    """Names with a bar and a probability each. caption: what they are; before: their probabilities as trained."""
    bar = '<tr><td>{}</td><td class="bar"><i style="width:{:.1f}%"></i></td><td>{}</td></tr>'
    told = [f"{share:.1%}" for share in shares]
    if before is not None:
        caption += " As trained → with the knobs as turned."
        told = [f"{was:.1%} → {now}" for was, now in zip(before, told, strict=True)]
    rows = zip(names, shares, told, strict=True)
    table = "".join(bar.format(html.escape(name), 100 * float(share), text) for name, share, text in rows)
    return f'<p>{html.escape(caption)}</p><table class="prediction">{table}</table>'


def _table(rows: list[dict[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return html.escape(str(value))


def _glossary(words: Mapping[str, str]) -> str:
    entries = ((_plain(symbol), _plain(meaning)) for symbol, meaning in words.items())
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
