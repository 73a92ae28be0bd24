"""Widgets of the Generate page: how the next token is drawn, the text as it grows, and a token of it opened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures
from explorer.inputs import pieces_of, prepare_text, quoted, token_name, words_of
from explorer.studies.generate import SampledToken, Sampling, continuation
from explorer.tables import csv_text
from explorer.ui.components.coloured_text import coloured_text
from explorer.ui.components.drawn_text import DrawnPiece, drawn_text
from explorer.ui.components.textbox import set_text
from explorer.ui.frame.widgets import download, fragment, heading, plain, plot, show_problem
from explorer.ui.jobs.job import Job, start_job
from explorer.ui.jobs.progress import show_progress
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next, url_setting
from explorer.ui.view.text import TextView, make_text_view, prepared_again
from explorer.ui.view.text_lens import PLACE

JOB = "generate_job"
"""Session state: the running or ended continuation."""
GO = "go_to_text"
"""Session state: the page Text was asked for."""
MOST_DRAWN = 2000
LOOK_S = 0.25
"""Seconds between two looks at a text that grows."""


@dataclass(frozen=True)
class Growing:
    """A text that grows, or has ended. start: the tokens that it goes on from; job: draws the others."""

    start: tuple[int, ...]
    job: Job[SampledToken]

    @property
    def sampled(self) -> list[SampledToken]:
        return list(self.job.results)

    @property
    def tokens(self) -> list[int]:
        return [*self.start, *(one.token for one in self.sampled)]


def sampling_settings() -> tuple[Sampling, int]:
    """How the next token is drawn, and how many are asked for."""
    temperature, top_k, top_p, length, seed = st.columns(5)
    with temperature:
        heat = url_setting(
            st.slider, "Temperature", 0.0, 2.0, step=0.1, key="temperature", default=0.8,
            valid=[round(0.1 * i, 1) for i in range(21)],
            help="0: always the most probable token. 1: as probable as the model says. Above: wilder.",
        )  # fmt: skip
    with top_k:
        counts = (0, 1, 5, 10, 20, 40, 100, 400)
        most = url_setting(
            st.select_slider, "Top-k", counts, key="top_k", default=40, valid=counts,
            format_func=lambda k: str(k or "all"), help="Draw from so many most probable tokens.",
        )  # fmt: skip
    with top_p:
        share = url_setting(
            st.slider, "Top-p", 0.05, 1.0, step=0.05, key="top_p", default=1.0,
            valid=[round(0.05 * i, 2) for i in range(1, 21)],
            help="Draw from the fewest tokens that together hold this share of the probability.",
        )  # fmt: skip
    with length:
        wanted = url_setting(
            st.number_input, "Tokens", 1, MOST_DRAWN, key="tokens", default=100, valid=range(1, MOST_DRAWN + 1),
            help=f"How many are drawn, up to {MOST_DRAWN:,}; they can be stopped at any time.",
        )  # fmt: skip
    with seed:
        number = url_setting(
            st.number_input, "Seed", 0, 9999, key="seed", default=0, valid=range(10_000),
            help="The same seed draws the same text.",
        )  # fmt: skip
    return Sampling(float(heat), int(most), float(share), int(number)), int(wanted)


def generation(view: TextView, sampling: Sampling, wanted: int) -> TextView | None:
    """The button, and the text while it grows; returns the run of the whole text once it has ended."""
    key = f"{view.key}|{sampling}|{wanted}"
    text: Growing | None = st.session_state.get(JOB)
    busy = bool(text and text.job.running)
    if st.button("Continue the text", type="primary", disabled=busy, icon=":material/edit_note:"):
        sampled = continuation(caches.open_model(view.card), view.tokens, sampling, view.knobs, wanted)
        job = start_job(([one] for one in sampled), key, wanted)
        st.session_state[JOB] = Growing(tuple(map(int, view.tokens)), job)
        st.rerun()
    if not text:
        return None
    job = text.job
    if job.running:
        show_progress(
            job, lambda: f"{len(job.results)} of {job.total} tokens", job.cancel, "generate_stop", label="Stop",
            icon=":material/stop_circle:", every_s=LOOK_S, below=lambda: _growing(view, text),
        )  # fmt: skip
        return None
    if job.error:
        show_problem(job.error)
    if text.sampled:
        _tokens(view, text)
    return _ended(view, text, key)


def _growing(view: TextView, text: Growing) -> None:
    """The text so far: what was given in plain, what was drawn on a colour that tells its probability."""
    sampled, given = text.sampled, [""] * len(text.start)
    shares = np.array([one.share for one in sampled])
    colours, hints = figures.share_colours(shares), [f"{share:.1%}" for share in shares]
    pieces = pieces_of(view.card, [*text.start, *(one.token for one in sampled)])
    coloured_text(pieces, [*given, *colours], [*given, *hints])
    _speed(text)


def _speed(text: Growing) -> None:
    sampled, seconds = text.sampled, text.job.seconds
    if sampled and seconds:
        st.caption(
            f"{len(sampled)} tokens, {len(sampled) / seconds:.0f} a second; mean surprise "
            f"{np.mean([one.surprise for one in sampled]):.2f} nats. The stronger the colour, the more probable the "
            "model found the token; point at one for what else it might have been, click to open it."
        )


@fragment
def _tokens(view: TextView, text: Growing) -> None:
    """The text that has ended, its tokens to point at and to open: a click reruns only this."""
    sampled, card = text.sampled, view.card
    names = {token: token_name(card, token) for one in sampled for token in (one.token, *dict(one.others))}
    colours = figures.share_colours(np.array([one.share for one in sampled]))
    pieces = pieces_of(card, [*text.start, *(one.token for one in sampled)])[len(text.start) :]
    drawn = [  # each token can be opened: those that spell one character together stand by their names
        DrawnPiece(
            piece.name if piece.part else piece.box, colour,
            f"{quoted(names[one.token])}: {one.share:.1%}, number {one.rank:,}, {one.surprise:.2f} nats",
            [(names[token], share, token == one.token) for token, share in one.others],
        )
        for piece, colour, one in zip(pieces, colours, sampled, strict=True)
    ]  # fmt: skip
    opened = drawn_text(words_of(card, text.start), drawn, f"drawn.{text.job.key}.{len(drawn)}")
    _speed(text)
    if opened:
        _opened(view, text, opened)


def _opened(view: TextView, text: Growing, number: int) -> None:
    """A drawn token, from 1: what the model gave it and its alternatives, and the way to the page Text."""
    one, card = text.sampled[number - 1], view.card
    with st.container(border=True):
        heading(
            f"Token {len(text.start) + number}: {plain(quoted(token_name(card, one.token)))}",
            f"The model gave it {one.share:.2%}: number {one.rank:,} of its tokens, surprise {one.surprise:.2f} nats. "
            f"With temperature and cuts it was drawn at {one.drawn_share:.2%}.",
        )
        shown = list(one.others) + ([] if one.token in dict(one.others) else [(one.token, one.share)])
        labels = [f"▸ {token_name(card, token)}" if token == one.token else token_name(card, token)
                  for token, _ in shown]  # fmt: skip
        shares = np.array([share for _, share in shown])
        plot(figures.prediction_bars(labels, shares, title="What it might have been"), "alternatives")
        st.button(
            "Open it on the page Text", icon=":material/notes:", on_click=_open_in_text, args=(view, text, number),
            help="The text up to it, with the token before it chosen: from there the layers say what comes next.",
        )  # fmt: skip
        if st.session_state.pop(GO, False):
            st.switch_page("pages/text.py")


def _open_in_text(view: TextView, text: Growing, number: int) -> None:
    """Put the text up to a drawn token into the box, and look at the token before it, from which it was drawn."""
    card, until = view.card, text.tokens[: len(text.start) + number]
    whole = words_of(card, until[-card.context :])
    last = words_of(card, until[-card.context : -1])
    set_text(whole)
    st.session_state[GO] = True
    if card.tokenizer and last:
        set_next(PLACE, prepare_text(last, card.tokenizer, card.context).data.shape[1])


def _ended(view: TextView, text: Growing, key: str) -> TextView | None:
    if text.job.key != key:
        st.caption(":material/info: Drawn with other settings or from another text: continue to draw anew.")
    whole = words_of(view.card, text.tokens)
    with st.container(horizontal=True):
        if st.button("Go on from here", icon=":material/forward:", help="The text becomes the one in the box."):
            set_text(whole)
            st.session_state[JOB] = None
            st.rerun()
        download("The text", lambda: whole, f"{view.file_stem}.txt")
        if text.sampled:
            download("Its tokens (CSV)", lambda: csv_text(_rows(view, text)), f"{view.file_stem}_tokens.csv")
    if not text.sampled:
        return None
    tokens = np.array([text.tokens[-view.card.context :]])
    heading("Inside the text", plain(f"The last {tokens.shape[1]} tokens as one run: the lens of the page Text."))
    return make_text_view(view.card, prepared_again(view.card, tokens, view.name), view.knobs)


def _rows(view: TextView, text: Growing) -> list[dict[str, object]]:
    """A row for each drawn token, with its alternatives."""
    rows = []
    for place, one in enumerate(text.sampled, start=len(text.start) + 1):
        others = "; ".join(f"{token_name(view.card, token)} {share:.4f}" for token, share in one.others)
        rows.append({
            "place": place, "token": one.token, "text": token_name(view.card, one.token), "probability": one.share,
            "rank": one.rank, "surprise_nats": one.surprise, "drawn_at": one.drawn_share, "most_probable": others,
        })  # fmt: skip
    return rows
