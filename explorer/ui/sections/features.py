"""Widgets of the Features page: the codes of a token, and what one code stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, verdicts
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs import isolated, pieces_of, prepare_text, token_name
from explorer.lens import TextLensChoice
from explorer.measures.texts import NOBODY, FeatureIndex, codes_of_words, logit_effect
from explorer.studies.features import path_of, read_index
from explorer.trace import Array
from explorer.ui.components.coloured_text import coloured_boxes
from explorer.ui.frame.widgets import heading, plain, plot, sentence, word_box
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next, url_setting
from explorer.ui.view.text import TextView

STRONGEST = 12
"""Codes of a token that are listed."""
WORDS_SHOWN = 12
MOST_MODELS = 6
"""Whose codes are compared."""
FOUND = 60
"""Codes that a search lists at most."""
CODE = "code"
"""The URL's name of the code in view, from 0."""
COLUMNS = {
    "layer": st.column_config.NumberColumn("ℓ", width=40, help="Layer"),
    "code": st.column_config.NumberColumn("code", width=60),
    "value": st.column_config.NumberColumn("now", width=65, format="%.2f", help="The code's value at this token"),
    "usual": st.column_config.NumberColumn("usually", width=70, format="%.2f", help="Its mean where it fires"),
    "rate": st.column_config.NumberColumn("fires at", width=75, format="percent", help="Share of the text's tokens"),
    "share": st.column_config.NumberColumn("of its sum", width=85, format="percent", help="What this word holds"),
    "words": st.column_config.TextColumn("the words that hold most of it"),
}


def feature_data(card: ModelCard) -> tuple[FeatureIndex, dict[str, Any]] | None:
    """The index of a model, or None with a word on why there is none."""
    try:
        return _index(card)
    except ExplorerError as problem:
        st.info(sentence(problem), icon=":material/info:")
        return None


def _index(card: ModelCard) -> tuple[FeatureIndex, dict[str, Any]]:
    """The index as its file is now: one that was made anew is read again."""
    path = path_of(card)
    made = path.stat().st_mtime_ns if path.is_file() else 0
    return caches.once(f"{card.sha256}|{made}", read_index, card)


def index_caption(card: ModelCard, index: FeatureIndex, about: dict[str, Any]) -> None:
    """What the index was made from, and how its codes fire on the whole."""
    what = "codes" if card.has_ista else "neurons"
    rates = index.rate
    licence = f", {about['licence']}" if about.get("licence") else ""
    st.caption(
        plain(
            f"{index.tokens:,} tokens of {about.get('data', 'a text')}{licence}"
            + (", held out from training: " if about.get("part") == "val" else ": ")
            + (
                f"{int((rates == 0).sum()):,} of {rates.size:,} {what} are never above 0 there."
                if (rates == 0).any()
                else f"each of the {rates.size:,} {what} is above 0 somewhere there."
            )
        )
    )


def token_codes(view: TextView, index: FeatureIndex | None, layer: int, place: int) -> None:
    """The strongest codes at a token (from 0); a row opens the code."""
    if rows := _strongest(view, index, layer, place):
        _pick(rows, "token_codes")


def codes_in_lens(view: TextView, choice: TextLensChoice) -> None:
    """The strongest codes at the token and layer that the lens looks at."""
    try:
        index = _index(view.card)[0]
    except ExplorerError:
        index = None
    rows = _strongest(view, index, choice.layer, (choice.token or len(view.tokens)) - 1)
    st.dataframe(rows, column_config=COLUMNS, hide_index=True, key="codes_in_lens")
    st.caption("Choose another token or layer in the lens. The page Features shows where else a code fires.")


def _strongest(view: TextView, index: FeatureIndex | None, layer: int, place: int) -> list[dict[str, Any]]:
    """Heading and rows of the strongest codes at a token (from 0)."""
    codes = np.maximum(view.trace.codes(layer)[place], 0)
    order = [int(code) for code in np.argsort(-codes, kind="stable")[:STRONGEST] if codes[code] > 0]
    what = "codes" if view.card.has_ista else "neurons"
    heading(
        f"The strongest {what} at {plain(view.token_quoted(place))}",
        f"Token {place + 1} of {len(view.tokens)}, layer {layer}: {(codes > 0).sum():,} of {len(codes):,} are above 0.",
    )
    if not order:
        st.caption("None is above 0 here.")
    return [
        {"code": code, "value": float(codes[code])} | (_of_code(view.card, index, layer, code) if index else {})
        for code in order
    ]


def _of_code(card: ModelCard, index: FeatureIndex, layer: int, code: int) -> dict[str, Any]:
    return {
        "usual": float(index.mean[layer - 1, code]), "rate": float(index.rate[layer - 1, code]),
        "words": _words(card, index, layer, code),
    }  # fmt: skip


def _words(card: ModelCard, index: FeatureIndex, layer: int, code: int) -> str:
    pairs = zip(index.words[layer - 1, code], index.word_shares[layer - 1, code], strict=True)
    return "  ".join(f"{isolated(token_name(card, int(word)))} {share:.0%}" for word, share in pairs if share >= 0.005)


def _pick(rows: list[dict[str, Any]], key: str) -> None:
    """A table of codes; a chosen row becomes the code in view, with its layer if the row names one."""
    event = st.dataframe(
        rows, column_config=COLUMNS, hide_index=True, key=key, on_select="rerun", selection_mode="single-row"
    )
    chosen = event["selection"]["rows"]
    if not chosen or chosen[0] >= len(rows):
        return
    row = rows[chosen[0]]
    mark = (row.get("layer"), row["code"])
    if st.session_state.get(f"{key}.taken") != mark:
        st.session_state[f"{key}.taken"] = mark
        set_next(CODE, int(row["code"]))
        if "layer" in row:
            set_next("layer", int(row["layer"]))
        st.rerun()


def strongest_code(view: TextView, layer: int, place: int) -> int:
    """The code that is largest at a token, both as code_number counts."""
    return int(view.trace.codes(layer)[place].argmax())


def code_number(card: ModelCard, first: int = 0) -> int:
    """The code in view, from 0: from a table, or typed; first: until one is chosen."""
    what = "Code" if card.has_ista else "Neuron"
    return int(
        url_setting(
            st.number_input, what, 0, card.codes_dim - 1, key=CODE, default=first, valid=range(card.codes_dim),
            help="Choose one in a table, or type its number; they count from 0.",
        )
    )  # fmt: skip


def code_card(card: ModelCard, index: FeatureIndex, layer: int, code: int) -> None:
    """How often a code fires, where it is strongest, and which words it speaks for and against."""
    what = "Code" if card.has_ista else "Neuron"
    rate, mean, most = index.rate[layer - 1, code], index.mean[layer - 1, code], index.top[layer - 1, code, 0]
    heading(
        f"{what} {code} of layer {layer}",
        f"It is above 0 at {rate:.2%} of the tokens, on average {mean:.2f} there, and {most:.2f} at most. "
        f"Most of its sum: {plain(_words(card, index, layer, code)) or 'nothing'}",
    )
    where, speaks = st.columns([3, 2], gap="large")
    with where:
        st.markdown("**Where it is strongest**")
        _contexts(card, index, layer, code)
    with speaks:
        effect = caches.once(f"{card.sha256}|{layer}", _effects, card, code=code, layer=layer)
        plot(_effect_figure(card, effect), "code_effect")
        st.caption(
            "What it would add to the score of each word if the head read it at once, on a scale of its own with mean "
            "0. In the last layer that is what happens, up to a factor; earlier codes go through other layers first."
        )


def _contexts(card: ModelCard, index: FeatureIndex, layer: int, code: int) -> None:
    """The windows in which a code is largest, its token marked."""
    lines = []
    for value, tokens in zip(index.top[layer - 1, code], index.contexts[layer - 1, code], strict=True):
        if value <= 0:
            continue
        known, here = tokens != NOBODY, int((tokens[: index.before] != NOBODY).sum())
        pieces = pieces_of(card, tokens[known].tolist())
        colour = figures.share_colours(np.array([float(value) / float(index.top[layer - 1, code, 0])]))[0]
        looks = [f"{colour};font-weight:700" if i == here else "" for i in range(len(pieces))]
        lines.append(
            f'<div style="display:grid;grid-template-columns:3rem 1fr;gap:.6rem;padding:.16rem 0">'
            f'<span style="opacity:.7;text-align:right">{float(value):.2f}</span>'
            f"<span>{coloured_boxes(pieces, looks, [''] * len(pieces))}</span></div>"
        )
    if not lines:
        st.caption("It is never above 0 in the text.")
        return
    st.html(f'<div style="font-size:.92rem;line-height:1.45;overflow-wrap:anywhere">{"".join(lines)}</div>')


def _effects(card: ModelCard, layer: int, code: int) -> Array:
    return logit_effect(caches.atoms(card, layer)[code], caches.readout(card))


def _effect_figure(card: ModelCard, effect: Array) -> go.Figure:
    order = np.argsort(effect, kind="stable")
    shown = [*order[: WORDS_SHOWN // 2][::-1], *order[-WORDS_SHOWN // 2 :]][::-1]
    names = [token_name(card, int(word)) for word in shown]
    return figures.ranked_bars(names, effect[shown], label=figures.SCORE_LABEL, title="What it speaks for and against")


def code_search(card: ModelCard, index: FeatureIndex) -> None:
    """Codes by word: those of whose sum the word holds most, in all layers."""
    heading(
        "Find codes by a word",
        "In all layers, first those of which the word holds most: its share of all that a code adds up to in the text.",
    )
    if not card.tokenizer:
        st.caption("This model has no tokenizer: its codes cannot be searched by words.")
        return
    word = word_box("such as: sea")
    if not word.strip():
        return
    tokens = _searched(card, word.strip())
    st.caption("Looked for: " + plain(", ".join(isolated(token_name(card, token)) for token in sorted(tokens))))
    rows = _found(card, index, tokens)
    if rows:
        _pick(rows, "found_codes")
    else:
        st.caption("No code has it among the words that hold most of its sum.")


def _searched(card: ModelCard, word: str) -> set[int]:
    """The tokens of a word: itself with and without a blank in front, or that piece of a longer one that is chosen."""
    forms = [prepare_text(form, card.tokenizer, 16).data[0].tolist() for form in (word, f" {word}")]
    if whole := {form[0] for form in forms if len(form) == 1}:
        return whole
    pieces = [token for token in dict.fromkeys(forms[1]) if token_name(card, token).strip("␣")] or forms[1][:1]
    st.caption(f"For the model “{plain(word)}” is {len(forms[1])} tokens. Codes answer to one at a time:")
    return {
        url_setting(
            st.segmented_control, "Piece", pieces, key="piece", default=pieces[0], valid=pieces, required=True,
            format_func=lambda token: plain(token_name(card, token)), label_visibility="collapsed",
        )
    }  # fmt: skip


def _found(card: ModelCard, index: FeatureIndex, tokens: set[int]) -> list[dict[str, Any]]:
    return [
        {"layer": layer, "code": code, "share": share} | _of_code(card, index, layer, code)
        for layer, code, share in codes_of_words(index, tokens, FOUND)
    ]


def feature_overview(card: ModelCard, index: FeatureIndex, layer: int) -> None:
    """How rare and how particular the codes are, layer by layer, beside those of the other language models that have an
    index: a code that fires on one word alone has a share of 1."""
    models = [(card, index)]
    for other in caches.cards("text"):
        if other.name != card.name and other.codes_dim:
            try:
                models.append((other, _index(other)[0]))
            except ExplorerError:
                continue
    rare, particular = st.columns(2)
    series = [(one.name, found) for one, found in models[:MOST_MODELS]]
    control = figures.CONTROL_NAME

    def of(found: FeatureIndex, values: Array) -> Array:
        return values[min(layer, len(found.rate)) - 1]

    rates = {name: of(found, found.rate) for name, found in series} | {control: of(index, index.control_rate)}
    shares = {name: of(found, found.word_shares[..., 0]) for name, found in series}
    shares |= {control: of(index, index.control_share)}
    shown = (
        (rare, rates, figures.FIRING_LABEL, "How often the codes fire, the most frequent first", "code_rates"),
        (particular, shares, figures.WORD_SHARE_LABEL, "What their first word holds, the most particular first",
         "code_words"),
    )  # fmt: skip
    for place, values, label, title, key in shown:
        with place:
            figure = figures.rank_curves(values, label=label, across="codes", title=title)
            plot(figure, key, verdict=verdicts.medians(values, label=label, what="code"))
    st.caption(
        f"Layer {layer}, every code of each model, sorted by itself; the axis is the share of the codes. "
        "Right: of all that a code adds up to over the text, the share at its first word; near 1 it stands for it. "
        f"Grey: {card.name} before training. To fire is to be above 0; where it does not, a GPT's neuron is a little "
        "below 0, CRATE's code exactly 0."
    )
