"""Lists of codes: of a token, of words, and all of them; a chosen row opens the code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import streamlit as st

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs import prepare_text, token_name
from explorer.lens import TextLensChoice
from explorer.measures.texts import FoundCode, codes_for_words, codes_of_words, theme_by_chance
from explorer.tables import csv_text
from explorer.trace import Array
from explorer.ui.frame.widgets import download, heading, plain, word_box
from explorer.ui.panels.words import single_tokens, words_in
from explorer.ui.sections.features.index import Features, example_words, features_of
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next, url_choice, url_setting
from explorer.ui.view.layer import LAYER
from explorer.ui.view.text import TextView

STRONGEST = 12
"""Codes of a token that are listed."""
FOUND = 60
"""Codes that a search lists at most."""
CODE = "code"
"""The URL's name of the code in view, from 0."""
TABLE_HEIGHT = 520
SEARCHES = {"fires": "Fires on them", "speaks": "Speaks for them"}
LAYERS = {"one": "Layer ℓ", "all": "All layers"}
COLUMNS = {
    "layer": st.column_config.NumberColumn("ℓ", width=40, help="Layer"),
    "code": st.column_config.NumberColumn("code", width=60),
    "value": st.column_config.NumberColumn("now", width=65, format="%.2f", help="The code's value at this token"),
    "usual": st.column_config.NumberColumn("usually", width=70, format="%.2f", help="Its mean where it fires"),
    "rate": st.column_config.NumberColumn("fires at", width=75, format="percent", help="Share of the text's tokens"),
    "share": st.column_config.NumberColumn("of its sum", width=85, format="percent", help="What these words hold"),
    "raised": st.column_config.NumberColumn(
        "raised by", width=80, format="%.1f σ",
        help="How far it raises their scores above those of all words, in standard deviations over the vocabulary",
    ),
    "hits": st.column_config.NumberColumn("words", width=60, help="How many of the words it answers to"),
    "first": st.column_config.NumberColumn("1st word", width=75, format="percent", help="What its first word holds"),
    "words": st.column_config.TextColumn("fires on", width=150, help="The words that hold most of its sum"),
    "speaks": st.column_config.TextColumn("speaks for", width=150, help="The words whose scores it would raise most"),
    "like": st.column_config.NumberColumn("most like", width=80, help="The code of this layer with the nearest atom"),
    "cosine": st.column_config.NumberColumn("cosine", width=70, format="%.2f", help="Of the two atoms"),
}  # fmt: skip


def token_codes(view: TextView, features: Features | None, layer: int, place: int) -> None:
    """The strongest codes at a token (from 0); a row opens the code."""
    if rows := _strongest(view, features, layer, place):
        _pick(rows, "token_codes")


def codes_in_lens(view: TextView, choice: TextLensChoice) -> None:
    """The strongest codes at the token and layer that the lens looks at."""
    try:
        features = features_of(view.card)
    except ExplorerError:
        features = None
    rows = _strongest(view, features, choice.layer, (choice.token or len(view.tokens)) - 1)
    st.dataframe(rows, column_config=COLUMNS, hide_index=True, key="codes_in_lens")
    st.caption("Choose another token or layer in the lens. The page Features shows where else a code fires.")


def _strongest(view: TextView, features: Features | None, layer: int, place: int) -> list[dict[str, Any]]:
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
        {"code": code, "value": float(codes[code])} | (_of_code(features, layer, code) if features else {})
        for code in order
    ]


def _of_code(features: Features, layer: int, code: int) -> dict[str, Any]:
    index = features.index
    return {
        "words": features.words(layer, code), "speaks": features.speaks_for(layer, code),
        "rate": float(index.rate[layer - 1, code]), "usual": float(index.mean[layer - 1, code]),
    }  # fmt: skip


def _pick(rows: list[dict[str, Any]], key: str, height: int | Literal["auto"] = "auto") -> None:
    """A table of codes; a chosen row becomes the code in view, with its layer if the row names one."""
    event = st.dataframe(
        rows, column_config=COLUMNS, hide_index=True, key=key, on_select="rerun", selection_mode="single-row",
        height=height,
    )  # fmt: skip
    chosen = event["selection"]["rows"]
    if not chosen or chosen[0] >= len(rows):
        return
    row = rows[chosen[0]]
    mark = (row.get("layer"), row["code"])
    if st.session_state.get(f"{key}.taken") != mark:
        st.session_state[f"{key}.taken"] = mark
        set_next(CODE, int(row["code"]))
        if "layer" in row:
            set_next(LAYER, int(row["layer"]))
        st.rerun()


def code_search(features: Features) -> None:
    """Codes by words: those that fire on them, or those that speak for them, in all layers."""
    card = features.card
    if not card.tokenizer:
        st.caption(f"This model has no tokenizer: its {features.what}s cannot be searched by words.")
        return
    way = url_choice("How", SEARCHES, "find_by", "Whether they stand in the text where it fires, or are said after it.")
    example = example_words(features)
    text = word_box(f"such as: {example}" if example else "")
    if not text.strip():
        st.caption("One word, or a theme: several with commas between.")
        if example and st.button(f"Try: {plain(example)}", icon=":material/lightbulb:"):
            set_next("word", example)
            st.rerun()
        return
    tokens = _searched(features, text)
    if not tokens:
        return
    st.caption("Looked for: " + plain(", ".join(features.names[token] for token in tokens)))
    if rows := _found(features, way, tokens):
        if way == "speaks":
            _beside_chance(features, rows[0]["raised"], len(tokens))
        _pick(rows, f"found_codes_{way}", height=min(TABLE_HEIGHT, 38 + 35 * len(rows)))
    else:
        st.caption(
            f"No {features.what} has {'them' if len(tokens) > 1 else 'it'} among the words it fires on most: look for "
            f"those that speak for {'them' if len(tokens) > 1 else 'it'}."
            if way == "fires"
            else f"No {features.what} raises {'their scores' if len(tokens) > 1 else 'its score'}."
        )


def _searched(features: Features, text: str) -> list[int]:
    """The tokens of one word, with and without a blank in front, or that piece of it that is chosen; of several words
    those that are one token, with a word on the others."""
    card, words = features.card, words_in(text)
    if len(words) == 1:
        return sorted(single_tokens(card, words[0])) or [_piece(features, words[0])]
    whole = {word: single_tokens(card, word) for word in words}
    if missing := [word for word, found in whole.items() if not found]:
        st.caption(f"Left out, as they are several tokens for the model: {plain(', '.join(missing))}.")
    return list(dict.fromkeys(token for found in whole.values() for token in sorted(found)))


def _piece(features: Features, word: str) -> int:
    """The token of a longer word that is looked for."""
    card = features.card
    form = prepare_text(f" {word}", card.tokenizer, 16).data[0].tolist()
    pieces = [token for token in dict.fromkeys(form) if token_name(card, token).strip("␣")] or form[:1]
    st.caption(f"For the model “{plain(word)}” is {len(form)} tokens. A {features.what} answers to one at a time:")
    return url_setting(
        st.segmented_control, "Piece", pieces, key="piece", default=pieces[0], valid=pieces, required=True,
        format_func=lambda token: plain(features.names[token]), label_visibility="collapsed",
    )  # fmt: skip


def _found(features: Features, way: str, tokens: list[int]) -> list[dict[str, Any]]:
    card = features.card
    if way == "fires":
        found: Iterable[FoundCode] = codes_of_words(features.index, tokens, FOUND)
    else:
        found = codes_for_words(_atoms(card), caches.readout(card), tokens, FOUND)
    score = "share" if way == "fires" else "raised"
    return [
        {"layer": one.layer, "code": one.code, score: one.score}
        | ({"hits": one.hits} if len(tokens) > 1 else {})
        | _of_code(features, one.layer, one.code)
        for one in found
    ]


def _beside_chance(features: Features, best: float, count: int) -> None:
    """Whether the best code for some words is better than the best for words that are drawn by chance."""
    card = features.card
    chance = caches.once(card.sha256, theme_by_chance, _atoms(card), caches.readout(card), count=count)
    said = "more than" if best > chance else "no more than"
    words = "a token" if count == 1 else f"{count} tokens"
    st.markdown(
        f"The first raises {'it' if count == 1 else 'them'} by {best:.1f} σ, **{said} chance gives**: for {words} "
        f"drawn by chance the best {features.what} of all {features.index.rate.size:,} reaches {chance:.1f} σ."
    )


def _atoms(card: ModelCard) -> list[Array]:
    return [caches.atoms(card, layer) for layer in range(1, card.layers + 1)]


def code_list(features: Features, layer: int) -> None:
    """All codes of the layer, or of all layers, as a table that sorts by any column and can be searched."""
    card = features.card
    which = url_choice("List", LAYERS, "code_layers")
    layers = range(1, card.layers + 1) if which == "all" else [layer]
    with st.spinner("Reading the codes…"):
        rows = [row for one in layers for row in caches.once(features.key, layer_rows, features, layer=one)]
    shown = rows if which == "all" else [{name: row[name] for name in row if name != "layer"} for row in rows]
    st.caption(
        f"{len(rows):,} {features.what}s. A click on a column's head sorts by it; the magnifying glass above the table "
        "searches its words; a row opens it."
    )
    _pick(shown, f"all_codes_{which}", height=TABLE_HEIGHT)
    download("CSV", lambda: csv_text(rows), f"{card.name}_codes.csv")


def layer_rows(features: Features, layer: int) -> list[dict[str, Any]]:
    """A row for each code of a layer."""
    like, cosines = features.alike(layer)
    first = features.index.word_shares[layer - 1, :, 0]
    return [
        {"layer": layer, "code": code} | _of_code(features, layer, code)
        | {"first": float(first[code]), "like": int(like[code]), "cosine": float(cosines[code])}
        for code in range(features.card.codes_dim)
    ]  # fmt: skip


def strongest_code(view: TextView, layer: int, place: int) -> int:
    """The code that is largest at a token, both as code_number counts."""
    return int(view.trace.codes(layer)[place].argmax())


def code_number(features: Features, first: int = 0) -> int:
    """The code in view, from 0: from a table, or typed; first: until one is chosen."""
    card = features.card
    return int(
        url_setting(
            st.number_input, features.what.title(), 0, card.codes_dim - 1, key=CODE, default=first,
            valid=range(card.codes_dim), help="Choose one in a table, or type its number; they count from 0.",
        )
    )  # fmt: skip
