"""The guided tours: a card above the page, which stays in view and leads from page to page. What they say: tours.py."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from explorer.ui.frame.menu import GROUP
from explorer.ui.frame.tours import TOURS, Step
from explorer.ui.state.settings import PAGE, no_widget, set_next, url_setting

KEY = "tour"
"""The setting in the session and in the URL: name of the tour and number of the step from 1, as in "photo.2"."""
PLACES = [f"{name}.{number}" for name, tour in TOURS.items() for number in range(1, len(tour.steps) + 1)]
_SPOT = Path(__file__).with_name("tour.js").read_text(encoding="utf-8")
_STYLE = """
<style>
[data-testid="stLayoutWrapper"]:has(> .st-key-tour) {{ position: sticky; top: 2.6rem; z-index: 99; }}
.st-key-tour {{
  gap: 0.3rem; padding: 0.7rem 1rem; border-radius: 0.75rem; background: {background}; border: 1px solid {edge};
  box-shadow: 0 4px 18px rgb(0 0 0 / 22%);
}}
</style>
"""
COLOURS = {"light": ("#ffffff", "#3f5bd8"), "dark": ("#1a1d26", "#8496f5")}
"""Of the card and of its edge, in the theme of the page."""


def offer_tours() -> None:
    """The buttons that start them; nothing starts by itself."""
    with st.container(horizontal=True):
        for name, tour in TOURS.items():
            if st.button(tour.offer, key=f"tour_{name}", icon=":material/tour:"):
                _go(f"{name}.1")


def draw_tour() -> None:
    """The card of the step that is on, on whichever page: the page can be used beside it."""
    place = url_setting(no_widget, "Tour", key=KEY, default="", valid=("", *PLACES))
    if not place:
        return
    name, number = place.split(".")
    steps = TOURS[name].steps
    step, at = steps[int(number) - 1], int(number)
    background, edge = COLOURS["dark" if st.context.theme.type == "dark" else "light"]
    st.html(_STYLE.format(background=background, edge=edge))
    with st.container(key="tour"):
        here = st.session_state.get(PAGE) or "start"
        st.caption(f"{TOURS[name].title}, {at} of {len(steps)}")
        st.markdown(f"**{step.title}** {step.look}  \n:material/lightbulb: {step.means}")
        with st.container(horizontal=True, horizontal_alignment="right"):
            if here != step.page and st.button("Back to the tour", key="tour_return", type="primary"):
                _go(place)
            if st.button("Back", key="tour_back", shortcut="B", disabled=at == 1):
                _go(f"{name}.{at - 1}")
            if at < len(steps) and st.button("Next", key="tour_next", shortcut="N", type="primary"):
                _go(f"{name}.{at + 1}")
            if st.button("End" if at < len(steps) else "Done", key="tour_end", shortcut="E"):
                set_next(KEY, "")
                st.rerun()
        if here == step.page and step.spot:
            _outline(step.spot, edge)


def _outline(spot: str, edge: str) -> None:
    """Outline a part of the page and bring it into view."""
    host, _, inside = spot.partition(" >>> ")
    said = {"HOST": host, "INSIDE": inside, "EDGE": f"3px solid {edge}"}
    values = "".join(f"const {name} = {json.dumps(value)};" for name, value in said.items())
    st.html(f"<script>{{{values}{_SPOT}}}</script>", unsafe_allow_javascript=True)


def _go(place: str) -> None:
    """Open the page of a step with its settings."""
    name, number = place.split(".")
    step: Step = TOURS[name].steps[int(number) - 1]
    for key, value in {**TOURS[name].settings, **step.settings, KEY: place}.items():
        set_next(key, value)
    st.session_state[GROUP] = TOURS[name].group
    st.switch_page(f"pages/{step.page}.py")
