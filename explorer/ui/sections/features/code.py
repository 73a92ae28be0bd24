"""One code in detail: how often it fires and how strongly, where, and which words it speaks for."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures
from explorer.card import ModelCard
from explorer.inputs import pieces_of
from explorer.measures.texts import A_BAND, BANDS, FULL_SHADE, NOBODY, STRONGEST, logit_effect
from explorer.trace import Array
from explorer.ui.components.coloured_text import coloured_boxes
from explorer.ui.frame.widgets import heading, page_part, plain, plot
from explorer.ui.sections.features.index import Features
from explorer.ui.sections.features.turn import turn_it
from explorer.ui.state import caches
from explorer.ui.view.text import TextView

WORDS_SHOWN = 12
NEIGHBOURS = 4
FIFTHS = (
    "In the strongest fifth of its firings", "In the second fifth", "In the middle fifth", "In the fourth fifth",
    "In the weakest fifth",
)  # fmt: skip
assert len(FIFTHS) == BANDS
VIEWS = {"where": "Where it fires", "speaks": "What it speaks for", "turn": "Turn it"}
ROW = "display:grid;grid-template-columns:3rem 1fr;gap:.6rem;padding:.16rem 0"


def code_card(view: TextView, features: Features, layer: int, code: int, place: int) -> None:
    """A code of a layer: its numbers in a sentence, then one of VIEWS. place: of the text's token in view, from 0."""
    index, at = features.index, (layer - 1, code)
    name = f"{features.what.title()} {code} of layer {layer}"
    if index.rate[at] == 0:
        heading(name, f"It is never above 0 in the {index.tokens:,} tokens of the index.")
    else:
        typical = float(np.median(index.control_share[layer - 1]))
        heading(
            name,
            f"It is above 0 at {index.rate[at]:.2%} of the tokens, on average {index.mean[at]:.2f} there, and "
            f"{index.most[at]:.2f} at most. Its first word holds {index.word_shares[at][0]:.0%} of its sum; in the "
            f"random-init control the typical {features.what}'s holds {typical:.0%}.",
        )
        st.markdown(f"**Fires on** {plain(features.words(layer, code))}  \n"
                    f"**Speaks for** {plain(features.speaks_for(layer, code))}")  # fmt: skip
    part = page_part("code_view", VIEWS)
    if part == "turn":
        turn_it(view, features, layer, code, place)
    elif part == "speaks":
        _speaks(features, layer, code)
    elif index.rate[at] > 0:
        _values(features, layer, code)
        _contexts(features, layer, code)


def _values(features: Features, layer: int, code: int) -> None:
    index = features.index
    plot(
        figures.value_histogram(
            index.histogram[layer - 1, code], float(index.widths[layer - 1, code]),
            title=f"How strongly it fires, of {int(index.histogram[layer - 1, code].sum()):,} times",
        ),
        "code_histogram",
    )  # fmt: skip


def _contexts(features: Features, layer: int, code: int) -> None:
    """The strongest contexts, then some of every fifth of its firings, every token shaded by the code there."""
    _group(features, layer, code, "Where it is strongest", range(STRONGEST))
    for band, title in enumerate(FIFTHS):
        first = STRONGEST + band * A_BAND
        _group(features, layer, code, title, range(first, first + A_BAND))
    st.caption(
        "The number is the code's value at the framed token; the stronger the colour of a token, the stronger it is "
        "there, in every context on the scale of its largest value. The fifths are of all its firings by value; "
        "the contexts of each are drawn by chance."
    )


def _group(features: Features, layer: int, code: int, title: str, numbers: range) -> None:
    lines = [_context(features, layer, code, n) for n in numbers if features.index.places[layer - 1, code, n] != NOBODY]
    if lines:
        st.markdown(f"**{title}**")
        st.html(f'<div style="font-size:.92rem;line-height:1.5;overflow-wrap:anywhere">{"".join(lines)}</div>')


def _context(features: Features, layer: int, code: int, number: int) -> str:
    """One context as HTML: its value, the text on its shades, the book."""
    index, at = features.index, (layer - 1, code, number)
    place, shades = int(index.places[at]), index.shades[at]
    around = index.around(place)
    there = around != NOBODY
    pieces = pieces_of(features.card, around[there].tolist())
    colours, most = figures.share_colours(shades[there] / FULL_SHADE), float(index.most[layer - 1, code])
    here = int(there[: index.before].sum())
    hints = [f"about {shade / FULL_SHADE * most:.2g}" if shade else "does not fire" for shade in shades[there]]
    looks = [colour if shade else "" for colour, shade in zip(colours, shades[there], strict=True)]
    if not pieces[here].part:  # a box of several tokens is one gradient
        looks[here] = f"{looks[here] or 'none'};outline:1.5px solid currentColor;font-weight:600"
    book = html.escape(features.document(place))
    source = f' <span style="opacity:.6;font-size:.8em;white-space:nowrap">{book}</span>' if book else ""
    value = f'<span style="opacity:.7;text-align:right">{float(index.values[at]):.2f}</span>'
    return f'<div style="{ROW}">{value}<span>{coloured_boxes(pieces, looks, hints)}{source}</span></div>'


def _speaks(features: Features, layer: int, code: int) -> None:
    card = features.card
    effect = caches.once(f"{card.sha256}|{layer}", _effects, card, code=code, layer=layer)
    plot(_effect_figure(features, effect), "code_effect")
    st.caption(
        "What it would add to the score of each word if the head read it at once, on a scale of its own with mean "
        "0. In the last layer that is what happens, up to a factor; earlier codes go through other layers first."
    )
    near = caches.once(f"{card.sha256}|{layer}", _nearest, card, code=code, layer=layer)
    if near:
        st.markdown("**Atoms that point most like it**")
        st.dataframe(
            [{"layer": one, "code": other, "cosine": cosine, "words": features.words(one, other),
              "speaks": features.speaks_for(one, other)} for one, other, cosine in near],
            hide_index=True, key="alike",
            column_config={
                "layer": st.column_config.NumberColumn("ℓ", width=40),
                "cosine": st.column_config.NumberColumn(format="%.2f", width=70),
                "words": "fires on", "speaks": "speaks for",
            },
        )  # fmt: skip


def _effects(card: ModelCard, layer: int, code: int) -> Array:
    return logit_effect(caches.atoms(card, layer)[code], caches.readout(card))


def _nearest(card: ModelCard, layer: int, code: int) -> list[tuple[int, int, float]]:
    """The atoms of all layers with the largest cosine with one: layer, code, cosine."""
    own = caches.atoms(card, layer)[code]
    found = []
    for one in range(1, card.layers + 1):
        atoms = caches.atoms(card, one)
        lengths = np.linalg.norm(atoms, axis=1) * np.linalg.norm(own)
        cosines = atoms @ own / np.maximum(lengths, 1e-30)
        order = np.argsort(-cosines, kind="stable")[: NEIGHBOURS + 1]
        found += [(one, int(k), float(cosines[k])) for k in order if (one, int(k)) != (layer, code)]
    return sorted(found, key=lambda row: -row[2])[:NEIGHBOURS]


def _effect_figure(features: Features, effect: Array) -> go.Figure:
    order = np.argsort(effect, kind="stable")
    shown = [*order[: WORDS_SHOWN // 2][::-1], *order[-WORDS_SHOWN // 2 :]][::-1]
    names = [features.names[int(word)] for word in shown]
    return figures.ranked_bars(names, effect[shown], label=figures.SCORE_LABEL, title="What it speaks for and against")
