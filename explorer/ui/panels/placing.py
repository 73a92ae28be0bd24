"""Where points of a cloud lie, and of which tokens: layout, subspace, weights; UMAP when its process is done."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from explorer.card import ModelCard
from explorer.trace import Array
from explorer.ui.jobs.progress import show_progress
from explorer.ui.jobs.umap import CANCELLED, UmapJob, UmapOptions, UmapService
from explorer.ui.state.settings import url_choice, url_setting

LAYOUTS = {"pca": "PCA", "umap": "UMAP"}
TRAINED, CONTROL = "trained", "control"
UMAP_CAPTION = (
    "UMAP keeps neighbours together. Read which tokens lie together; the size of a group, the distance between groups "
    "and the axes mean little. Compare with PCA and with "
)
"""To be ended by what else to compare with."""


def layout_choice(explanation: str | None = None) -> str:
    """Which layout a cloud has, one of LAYOUTS."""
    return url_choice("Layout", LAYOUTS, "layout", explanation)


def of_control(trained: str, control: str, explanation: str | None = None) -> bool:
    """Whether a cloud shows the random-init control. trained, control: what the two are called."""
    return url_choice("Weights", {TRAINED: trained, CONTROL: control}, "weights", explanation) == CONTROL


def subspace_choice(card: ModelCard, explanation: str | None = None) -> int:
    """Which subspace's vectors a cloud shows: a head from 1, 0 for all heads joined."""
    heads = range(card.heads + 1)
    return url_setting(
        st.selectbox, "Subspace", heads, key="subspace", default=0, valid=heads, help=explanation,
        format_func=lambda k: f"U_{k}, head {k}" if k else "all heads together",
    )  # fmt: skip


@st.cache_resource(show_spinner=False, on_release=lambda service: service.stop())
def umap_service() -> UmapService:
    """The one UMAP process of this server, started and warming up."""
    service = UmapService()
    service.start()
    return service


def umap_places(vectors_key: str, make: Callable[[], Array], options: UmapOptions) -> Array | None:
    """UMAP coordinates of what make() gives and vectors_key names; None while they are not there, and then their
    progress or problem is shown."""
    service, key = umap_service(), f"{vectors_key}|{options}"
    job = service.find(key) or service.submit(key, make(), options)
    if job.running:
        show_progress(job, lambda: _doing(job), lambda: service.cancel(job), "umap_cancel", beside=4)
    elif job.error is not None:
        text, again = st.columns([4, 1], vertical_alignment="center")
        show = text.info if job.error == CANCELLED else text.error
        show(f"{job.error} PCA is shown instead.")
        if again.button("Run UMAP again", width="stretch"):
            service.submit(key, make(), options)
            st.rerun()
    return job.coordinates


def _doing(job: UmapJob) -> str:
    doing = f"UMAP: {job.share:.0%} of its epochs" if job.share else "UMAP is starting (the first time takes a minute)"
    return f"{doing}; PCA is shown until it is done…"
