"""The report of a text and a language model: the lens on text, the curves and the numbers in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from explorer import lens, runtime, zoo
from explorer.card import ModelCard
from explorer.inputs import numbered, quoted, token_name
from explorer.lens import TextLensChoice
from explorer.measures.rates import measure_layers
from explorer.measures.texts import NextTokens, logit_lens
from explorer.report.page import MEASURED, VIEW, Report, asset, feed_tags, page_html, prediction_table, script_bytes
from explorer.trace import Array, Knobs, Prepared
from explorer.words import GLOSSARY, TEXT_GLOSSARY

TOP = 5
"""Tokens of what is predicted."""


@dataclass(frozen=True, kw_only=True)
class TextReport(Report):
    """The report of a text. prepared: its tokens and pieces. next_tokens: what Z¹ … Z^{L+1} predict. before: the
    probabilities, as trained, of the tokens that the last of them names after the text."""

    prepared: Prepared
    next_tokens: Sequence[NextTokens]
    before: Array | None = None
    choice: TextLensChoice


def text_report_html(subject: TextReport) -> bytes:
    """The report of a text as the bytes of an HTML file."""
    card, tokens = subject.trace.card, subject.prepared.data[0]
    pieces = subject.prepared.pieces or numbered(tokens.tolist())
    name = partial(token_name, card)
    colours = lens.token_colours(subject.trace, subject.next_tokens)
    feed = lens.text_feed(VIEW, subject.trace, tokens, pieces, subject.next_tokens, name)
    last = subject.next_tokens[-1]
    return page_html(
        subject,
        look=asset("text.html"),
        prediction=prediction_table(
            "The most probable next tokens after the text.",
            [name(int(n)) for n in last.top[-1]],
            last.shares[-1],
            subject.before,
        ),
        measured=f"{MEASURED} Non-zeros: of what the layer leaves at every token.",
        glossary=GLOSSARY | TEXT_GLOSSARY,
        settings=lens.text_settings(VIEW, card, subject.choice, len(tokens), colours, 0, subject.file_stem),
        feeds=feed_tags([script_bytes(feed), script_bytes(lens.heads_feed(VIEW, subject.heads))]),
        style=lens.asset("lens.css", "text.css"),
        script=lens.asset(*lens.TEXT_SCRIPTS) + asset("text.js"),
    )


def about_text(card: ModelCard, prepared: Prepared, next_tokens: NextTokens) -> dict[str, str]:
    """What a report says of its run, label → text."""
    said = {
        "Model": f"{card.name}: {card.summary}",
        "Digest of the model": card.sha256,
        "Text": f"{prepared.data.shape[1]} tokens",
        "Made on": date.today().isoformat(),
    }
    if np.isfinite(next_tokens.cross_entropy):
        said["Cross-entropy"] = f"{next_tokens.cross_entropy:.3f} nats per token"
    return said | ({"Cut": prepared.note} if prepared.note else {})


def run_text_report(prepared: Prepared, card: ModelCard) -> TextReport:
    """The subject of a report on a text. Raises ExplorerError as the runtime does."""
    drawn = zoo.draw_control(card)
    trace = runtime.run(runtime.open_model(card), prepared, None, Knobs())
    control = runtime.run(runtime.open_model(card, drawn), prepared, None, Knobs())
    found = logit_lens(trace, zoo.load_readout(card), prepared.data[0], TOP)
    return TextReport(
        title=f"{quoted(prepared.label)} through {card.name}",
        file_stem=f"text_{card.name}",
        about=about_text(card, prepared, found[-1]),
        trace=trace,
        rows=measure_layers(trace, zoo.layer_weights(card)),
        control=measure_layers(control, zoo.layer_weights(card, drawn)),
        prepared=prepared,
        next_tokens=found,
        choice=TextLensChoice(max(card.layers - 1, 1), (), 0, "none"),
        heads=lens.text_heads(trace, control),
    )
