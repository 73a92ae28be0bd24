"""What a page shows of work beside the app: a bar with a sentence, and a button that stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import streamlit as st

LOOK_S = 0.5
"""Seconds between two looks at the work."""


class Work(Protocol):
    """Whatever runs beside the app. share: of what there is to do, 0 to 1."""

    @property
    def running(self) -> bool: ...
    @property
    def share(self) -> float: ...


def show_progress(
    work: Work,
    sentence: Callable[[], str],
    cancel: Callable[[], None],
    key: str,
    *,
    label: str = "Cancel",
    icon: str | None = None,
    beside: int = 0,
    every_s: float = LOOK_S,
    below: Callable[[], None] | None = None,
) -> None:
    """Follow work that runs, and run the page again once it has ended. sentence: how far it is. key: of the button.

    beside: the bar's width where the button stands beside it, in widths of the button; 0: the button stands below.
    below: draws what has come so far.
    """

    @st.fragment(run_every=every_s)
    def look() -> None:
        if not work.running:
            st.rerun()
        bar, stop = st.columns([beside, 1], vertical_alignment="center") if beside else [st.container()] * 2
        bar.progress(work.share, sentence())
        if stop.button(label, key=key, icon=icon, width="stretch" if beside else "content"):
            cancel()
            if not work.running:
                st.rerun()
        if below:
            below()

    look()
