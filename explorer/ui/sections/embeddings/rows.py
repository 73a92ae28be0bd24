"""Widgets of the Embeddings page: the rows of a language model's token embedding, their neighbours and their codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.card import ModelCard
from explorer.evaluation.embedding import GAUSSIAN
from explorer.evaluation.record import results_of
from explorer.inputs import isolated, prepare_text, quoted, token_name, words_of
from explorer.measures.texts import SparseCode
from explorer.trace import Array
from explorer.ui.frame.widgets import fragment, heading, plain, word_box
from explorer.ui.panels.evaluated import about, embedding_curves
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting

NEAR_AN_ATOM = 6
FIRST_WORD = "the"
SIZES = (64, 128, 256, 512)
"""Atoms of a dictionary that is learned on the page: one to a few seconds."""
NONZEROS = (1, 2, 4, 8)
ROUNDS = 8
MOST_LEARNED = 8192
"""Rows that a dictionary is learned from: the most frequent, or the first of the vocabulary."""
MOST_ATOMS = 60
"""Rows of the table of atoms."""
TRAINED, CONTROL = "trained", figures.CONTROL_NAME
COUNTING = {"alike": "the same", "often": "by how often it occurs"}
COLUMNS = {
    "atom": st.column_config.NumberColumn("atom", width=60),
    "value": st.column_config.NumberColumn("of it", width=70, format="%.3f", help="How much of the atom"),
    "users": st.column_config.NumberColumn("tokens", width=70, help="Tokens whose code has it"),
    "words": st.column_config.TextColumn("the tokens that point most like it, with their cosines", width="large"),
}


@dataclass(frozen=True, eq=False)
class Rows:
    """The centred rows of a model's embedding by whose they are: TRAINED, CONTROL or GAUSSIAN.

    weights: (V,) of sum 1. counts: (V,), how often each token occurs, all 1 where that is not known.
    """

    card: ModelCard
    weights: Array
    counts: Array
    key: str
    of: dict[str, Array]

    @property
    def counted(self) -> bool:
        return bool((self.counts != 1).any())

    @cached_property
    def names(self) -> list[str]:
        return [token_name(self.card, token) for token in range(len(self.weights))]

    @cached_property
    def kinds(self) -> Array:
        """(V,), places in TOKEN_KINDS."""
        return np.array([measures.texts.token_kind(words_of(self.card, [token])) for token in range(len(self.weights))])


def counted_rows(card: ModelCard) -> Rows:
    """The rows of its embedding, all counting alike or as often as their tokens occur, and a word on that."""
    often = False
    about_rows = f"{card.vocabulary:,} tokens, each a row of {card.dim} numbers, minus their mean. "
    if _counts(card) is None:
        st.caption(f"{about_rows}All count alike: how often they occur is known once the embedding was evaluated.")
    else:
        often = url_setting(
            st.segmented_control, "Each token counts", list(COUNTING), key="counting", default="alike",
            valid=list(COUNTING), required=True, format_func=COUNTING.__getitem__,
            help="Their mean, the errors and the dictionary follow. Text is mostly few tokens: as often as they occur, "
            "these decide, and the many rare ones all lie on one side of the mean.",
        ) == "often"  # fmt: skip
        st.caption(about_rows)
    return caches.once(f"{card.sha256}|rows", _rows, card, often=often)


def _rows(card: ModelCard, often: bool) -> Rows:
    own, control = (caches.readout(card, drawn).embedding for drawn in (False, True))
    counts = _counts(card)
    counts = np.ones(len(own)) if counts is None else counts
    weights = measures.texts.row_weights(counts if often else np.ones(len(own)))
    matrices = {TRAINED: own, GAUSSIAN: measures.texts.gaussian_rows(own, weights), CONTROL: control}
    of = {name: measures.texts.centre_rows(matrix, weights) for name, matrix in matrices.items()}
    return Rows(card, weights, counts, f"{card.sha256}|rows|{often}", of)


def _counts(card: ModelCard) -> Array | None:
    """How often each token occurs, where the model's embedding was evaluated."""
    result = results_of(card).get("embedding")
    counts = np.array(result.settings.get("counts", []) if result else [], np.float64)
    return counts if counts.shape == (card.vocabulary,) and counts.sum() > 0 else None


def token_in_view(rows: Rows) -> int:
    """The token in view: of a word, with and without the blank in front; or by its number."""
    card = rows.card
    if not card.tokenizer:
        top = len(rows.weights)
        return int(url_setting(st.number_input, "Token", 0, top - 1, key="row", default=0, valid=range(top)))
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        word = word_box(FIRST_WORD)
    tokens = _tokens(card, (word or FIRST_WORD).strip() or FIRST_WORD)
    with right:
        return url_setting(
            st.segmented_control, "Token", tokens, key="row", default=tokens[0], valid=tokens, required=True,
            format_func=lambda token: plain(rows.names[token]),
        )  # fmt: skip


def _tokens(card: ModelCard, word: str) -> list[int]:
    forms = (prepare_text(form, card.tokenizer, 16).data[0] for form in (f" {word}", word))
    found = list(dict.fromkeys(int(token) for form in forms for token in form))
    return [token for token in found if words_of(card, [token]).strip()] or found


def _near(rows: Array, direction: Array, count: int) -> tuple[Array, Array]:
    return measures.texts.nearest_rows(rows, direction, count)


def dictionary_settings(rows: Rows) -> tuple[int, int]:
    """Atoms and non-zeros of the dictionary that is learned on the page."""
    left, right, _ = st.columns(3)
    with left:
        first = max(size for size in SIZES if size <= max(len(rows.weights) // 4, SIZES[0]))
        atoms = url_setting(
            st.select_slider, "Atoms m", SIZES, key="atoms", default=min(first, 256), valid=SIZES,
            help="Directions that the dictionary may learn.",
        )  # fmt: skip
    with right:
        nonzeros = url_setting(
            st.select_slider, "Non-zeros of a code", NONZEROS, key="nonzeros", default=4, valid=NONZEROS,
            help="How many atoms one token may use.",
        )  # fmt: skip
    return atoms, nonzeros


def dictionary(rows: Rows, who: str, atoms: int, nonzeros: int) -> SparseCode:
    """The dictionary of some rows, MOST_LEARNED at most, learned when it is first asked for."""
    key = f"{rows.key}|{who}"
    with st.spinner(f"Learning {atoms} atoms for the {who} rows…"):
        return caches.once(key, _learn, rows.of[who], rows.weights, atoms=atoms, nonzeros=nonzeros)


def _learn(matrix: Array, weights: Array, atoms: int, nonzeros: int) -> SparseCode:
    kept = np.argsort(-weights, kind="stable")[:MOST_LEARNED]
    share = measures.texts.row_weights(weights[kept])
    return measures.texts.learn_dictionary(matrix[kept], share, atoms, nonzeros, iterations=ROUNDS)


@fragment
def token_code(rows: Rows) -> None:
    """A token's row as a few atoms, and the tokens nearest to each; then all atoms."""
    token = token_in_view(rows)
    atoms, nonzeros = dictionary_settings(rows)
    codes = {who: dictionary(rows, who, atoms, nonzeros) for who in rows.of}
    code = codes[TRAINED]
    if code.trivial:
        st.info(f"With {atoms} atoms for {len(rows.weights)} tokens every token is its own atom: one non-zero, nothing "
                "left over, nothing learned. Choose fewer atoms.", icon=":material/info:")  # fmt: skip
        return
    row = rows.of[TRAINED][token]
    places, values = measures.texts.matching_pursuit(row[None], code.atoms, nonzeros)
    used = [(int(atom), float(value)) for atom, value in zip(places[0], values[0], strict=True)]
    missed = row - sum(value * code.atoms[atom] for atom, value in used)
    left = float((missed**2).sum() / max((row**2).sum(), 1e-30))
    heading(
        f"{plain(quoted(rows.names[token]))} in {nonzeros} of {atoms} atoms",
        f"They leave {left:.1%} of its squared norm. An atom with a negative part is turned round.",
    )
    used.sort(key=lambda pair: -abs(pair[1]))
    st.dataframe(
        [{"atom": atom, "value": abs(value), "words": _words(rows, code.atoms[atom] * np.sign(value))}
         for atom, value in used if value],
        column_config=COLUMNS, hide_index=True, key="token_code",
    )  # fmt: skip
    _beside(rows, codes)
    _all_atoms(rows, code)


def _words(rows: Rows, direction: Array) -> str:
    tokens, cosines = _near(rows.of[TRAINED], direction, NEAR_AN_ATOM)
    return "   ".join(
        f"{isolated(rows.names[token])} {cosine:.2f}" for token, cosine in zip(tokens, cosines, strict=True)
    )


def _beside(rows: Rows, codes: dict[str, SparseCode]) -> None:
    """What the same code leaves of rows without structure, and how far atoms are of one kind."""
    numbers = {
        who: (code.error, caches.once(
            f"{rows.key}|{who}|agreement", _agreement, rows, code, who=who, atoms=len(code.atoms),
            nonzeros=code.places.shape[1],
        )) for who, code in codes.items()
    }  # fmt: skip
    errors = ", ".join(f"{error:.1%} {_whose(who)}" for who, (error, _) in numbers.items())
    kinds = ", ".join(f"{share:.0%} {_whose(who)}" for who, (_, share) in numbers.items())
    st.markdown(f"**Left over of all rows:** {errors}.  \n**Nearest to an atom and of one kind:** {kinds}.")
    st.caption(
        "Structure beyond superposition would show as three things: the code of the trained rows leaves well under "
        "what it leaves of Gaussian rows of the same covariance; atoms lie near several tokens of one kind (of the 8 "
        "nearest, the share of the most common kind: "
        + ", ".join(measures.texts.TOKEN_KINDS)
        + "); and both grow in training. A code "
        "exists for any rows: **compare with the grey ones**, the Gaussian and the random-init control."
    )


def _whose(who: str) -> str:
    return "**trained**" if who == TRAINED else f":gray[{who}]"


def _agreement(rows: Rows, code: SparseCode, who: str, **settings: int) -> float:
    del settings  # part of the key
    return float(measures.texts.label_agreement(code.atoms, rows.of[who], rows.kinds).mean())


def _all_atoms(rows: Rows, code: SparseCode) -> None:
    users = np.bincount(code.places[code.values != 0], minlength=len(code.atoms))
    order = np.argsort(-users, kind="stable")[:MOST_ATOMS].tolist()
    with st.expander("The atoms that most tokens use"):
        found = [{"atom": a, "users": int(users[a]), "words": _words(rows, code.atoms[a])} for a in order]
        st.dataframe(found, column_config=COLUMNS, hide_index=True, key="all_atoms")


def measured_curves(card: ModelCard) -> None:
    """The curves of the suite `embedding`, or how to measure them."""
    result = results_of(card).get("embedding")
    if result is None:
        st.info(
            f"The embedding of {plain(card.name)} was not evaluated yet. `crate-explorer evaluate {card.name}"
            " --suite embedding --data FOLDER` measures it; FOLDER is a prepared text of the same tokens, and "
            "`--against` adds earlier checkpoints.", icon=":material/info:",
        )  # fmt: skip
        return
    st.caption(about(result))
    embedding_curves(card, result)
