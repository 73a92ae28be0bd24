"""Widgets of the Generate page: how the next token is drawn, and the text as it grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import figures
from explorer.inputs import pieces_of, words_of
from explorer.studies.generate import SampledToken, Sampling, continuation
from explorer.ui.components.coloured_text import coloured_text
from explorer.ui.components.textbox import set_text
from explorer.ui.frame.widgets import download, heading, plain, show_problem
from explorer.ui.jobs.job import Job, start_job
from explorer.ui.jobs.progress import show_progress
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.text import TextView, make_text_view, prepared_again

JOB = "generate_job"
"""Session state: the running or ended continuation."""
LENGTHS = (20, 50, 100, 200, 400)
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
            st.select_slider, "Tokens", LENGTHS, key="tokens", default=100, valid=LENGTHS, help="How many are drawn.",
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
            icon=":material/stop_circle:", every_s=LOOK_S, below=lambda: _shown(view, text),
        )  # fmt: skip
        return None
    if job.error:
        show_problem(job.error)
    _shown(view, text)
    return _ended(view, text, key)


def _shown(view: TextView, text: Growing) -> None:
    """The text: what was given in plain, what was drawn on a colour that tells its probability."""
    sampled, seconds, given = text.sampled, text.job.seconds, [""] * len(text.start)
    shares = np.array([one.share for one in sampled])
    colours, hints = figures.share_colours(shares), [f"{share:.1%}" for share in shares]
    coloured_text(pieces_of(view.card, text.tokens), [*given, *colours], [*given, *hints])
    if sampled and seconds:
        surprise = -np.log(np.maximum(shares, 1e-12)).mean()
        st.caption(
            f"{len(sampled)} tokens, {len(sampled) / seconds:.0f} a second; mean surprise {surprise:.2f} nats. "
            "The stronger the colour, the more probable the model found the token; point at one to read it."
        )


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
    if not text.sampled:
        return None
    tokens = np.array([text.tokens[-view.card.context :]])
    heading("Inside the text", plain(f"The last {tokens.shape[1]} tokens as one run: the lens of the page Text."))
    return make_text_view(view.card, prepared_again(view.card, tokens, view.name), view.knobs)
