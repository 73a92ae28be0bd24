"""Widgets of the Generate page: how the next token is drawn, and the text as it grows."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import figures
from explorer.errors import ExplorerError
from explorer.inputs import pieces_of, words_of
from explorer.studies.generate import Sampling
from explorer.ui.components.coloured_text import coloured_text
from explorer.ui.components.textbox import set_text
from explorer.ui.frame.widgets import download, heading, plain, show_problem
from explorer.ui.jobs.generation import GenerateJob, start_generation
from explorer.ui.state import caches
from explorer.ui.state.settings import url_setting
from explorer.ui.view.text import TextView, make_text_view, prepared_again

JOB = "generate_job"
"""Session state: the running or ended continuation."""
LENGTHS = (20, 50, 100, 200, 400)
LOOK_S = 0.25
"""Seconds between two looks at a text that grows."""


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
    job: GenerateJob | None = st.session_state.get(JOB)
    busy = bool(job and job.running)
    if st.button("Continue the text", type="primary", disabled=busy, icon=":material/edit_note:"):
        model = caches.open_model(view.card)
        st.session_state[JOB] = start_generation(model, view.tokens, sampling, view.knobs, wanted, key)
        st.rerun()
    if not job:
        return None
    if job.running:
        _growing(view, job)
        return None
    if job.error:
        show_problem(ExplorerError(job.error))
    _shown(view, job)
    return _ended(view, job, key)


@st.fragment(run_every=LOOK_S)
def _growing(view: TextView, job: GenerateJob) -> None:
    if not job.running:
        st.rerun()
    st.progress(len(job.drawn) / job.wanted, f"{len(job.drawn)} of {job.wanted} tokens")
    if st.button("Stop", key="generate_stop", icon=":material/stop_circle:"):
        job.cancel()
    _shown(view, job)


def _shown(view: TextView, job: GenerateJob) -> None:
    """The text: what was given in plain, what was drawn on a colour that tells its probability."""
    start, drawn = words_of(view.card, job.start), list(job.drawn)
    pieces = pieces_of(view.card, [*job.start, *(one.token for one in drawn)])[len(job.start) :]
    shares = np.array([one.share for one in drawn])
    coloured_text(pieces, figures.share_colours(shares), [f"{share:.1%}" for share in shares], before=start)
    if drawn and job.seconds:
        surprise = -np.log(np.maximum(shares, 1e-12)).mean()
        st.caption(
            f"{len(drawn)} tokens, {len(drawn) / job.seconds:.0f} a second; mean surprise {surprise:.2f} nats. "
            "The stronger the colour, the more probable the model found the token; point at one to read it."
        )


def _ended(view: TextView, job: GenerateJob, key: str) -> TextView | None:
    if job.key != key:
        st.caption(":material/info: Drawn with other settings or from another text: continue to draw anew.")
    whole = words_of(view.card, job.tokens)
    with st.container(horizontal=True):
        if st.button("Go on from here", icon=":material/forward:", help="The text becomes the one in the box."):
            set_text(whole)
            st.session_state[JOB] = None
            st.rerun()
        download("The text", lambda: whole, f"{view.file_stem}.txt")
    if not job.drawn:
        return None
    tokens = np.array([job.tokens[-view.card.context :]])
    heading("Inside the text", plain(f"The last {tokens.shape[1]} tokens as one run: the lens of the page Text."))
    return make_text_view(view.card, prepared_again(view.card, tokens, view.name), view.knobs)
