"""Small pieces of a page: headings, charts, downloads, problems, and text that is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from explorer.errors import ExplorerError
from explorer.ui.state.settings import url_setting

FORMATS = ("PNG", "SVG")
FORMAT = "saved_as"
"""Session state: what the camera above a chart saves."""
LONGEST_WORD = 60
HIDDEN_BUTTONS = ["select2d", "lasso2d", "autoScale2d"]


def plain(text: str) -> str:
    """Text that is shown as it is: names of files and classes come from users and are not Markdown."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|$~:^-])", r"\\\1", text)


def sentence(problem: ExplorerError) -> str:
    """Its text as Markdown: as it is, with the commands that stand `between backticks` as code."""
    parts = re.split(r"(`[^`]+`)", str(problem))
    return "".join(part if part[:1] == "`" != part else plain(part) for part in parts)


def show_problem(problem: ExplorerError) -> None:
    """Say what the user can fix, and leave the rest of the app in place."""
    st.error(sentence(problem), icon=":material/error:")


def say_where_it_ran(*notes: str) -> None:
    """The notes of traces, where they have one: a run was not made where it should have been."""
    if said := " ".join(dict.fromkeys(filter(None, notes))):
        st.warning(plain(said), icon=":material/memory:")


def fragment(function: Callable[..., None]) -> Callable[..., None]:
    """st.fragment, in which a problem that the user can fix is shown as everywhere else."""

    @st.fragment
    @wraps(function)
    def shown(*arguments: Any, **options: Any) -> None:
        try:
            function(*arguments, **options)
        except ExplorerError as problem:
            show_problem(problem)

    return shown


def heading(title: str, explanation: str = "") -> None:
    """A section's title with one line below it."""
    st.markdown(f"##### {title}")
    if explanation:
        st.caption(explanation)


def verdict_line(text: str, key: str) -> None:
    """What numbers say in one line (explorer.verdicts), in the one style that the lens has, too."""
    if text:
        with st.container(key=f"verdict_{key}"):
            st.markdown(plain(text))


def plot(figure: go.Figure, key: str, select: bool = False, verdict: str = "") -> list[int]:
    """A chart; its camera button saves it in the chosen format, and its title is its text alternative.

    verdict: what it says, in one line above it. select: let points be chosen; their numbers (figures.Points) are
    returned.
    """
    verdict_line(verdict, key)
    title = re.sub(r"<[^>]+>", "", figure.layout.title.text or key.replace("_", " "))  # pyright: ignore[reportAttributeAccessIssue]
    form = {
        "format": st.session_state.get(FORMAT, FORMATS[0]).lower(),
        "filename": re.sub(r"\W+", "_", title).strip("_"),
    }
    hidden = HIDDEN_BUTTONS[-1:] if select else HIDDEN_BUTTONS
    config = {"displaylogo": False, "modeBarButtonsToRemove": hidden, "toImageButtonOptions": form}
    width = figure.layout.width or "stretch"  # pyright: ignore[reportAttributeAccessIssue]
    if not select:
        st.plotly_chart(figure, key=key, config=config, alt=title, width=width)
        return []
    figure.update_layout(dragmode="lasso")
    event = st.plotly_chart(figure, key=key, config=config, alt=title, width=width, on_select="rerun")
    return sorted(int(point["customdata"][1]) for point in event["selection"]["points"])


def download(label: str, make: Callable[[], bytes | str], file_name: str) -> None:
    """A button that makes a file when it is clicked, and does not run the page again."""
    st.download_button(label, make, file_name, on_click="ignore", icon=":material/download:")


def options_expander() -> Any:
    """Where a page's rarer settings are. Not a popover: what is in one is drawn when it opens, and a setting that has
    been sent before then stands at its least value and changes to that."""
    return st.expander("Options", icon=":material/tune:")


def word_box(placeholder: str) -> str:
    """A box for a word that is looked up, which the pages on words share."""
    return url_setting(
        st.text_input,
        "Word",
        key="word",
        default="",
        valid=lambda text: len(text) <= LONGEST_WORD,
        placeholder=placeholder,
    )


def page_part(key: str, names: dict[str, str]) -> str:
    """Which part of a long page is shown, the first at first; only that one is computed. names: name → label."""
    return url_setting(
        st.segmented_control, "Show", list(names), key=key, default=next(iter(names)), valid=list(names),
        required=True, format_func=names.__getitem__, label_visibility="collapsed",
    )  # fmt: skip


def tick(key: str, first: int, last: int, run_every: float | None, toggle: str = "playing") -> None:
    """Move the setting `key` on by one every `run_every` seconds, from last back to first, while the toggle is on."""

    @st.fragment(run_every=run_every)
    def step() -> None:
        """On a timer's run, and only then, move on; the first run belongs to the page."""
        if run_every is None or not st.session_state.get(toggle):
            return
        if not st.session_state.pop("tick_armed", False):
            st.session_state["tick_armed"] = True
            return
        now = st.session_state.get(key, last)
        st.session_state[key] = now + 1 if now < last else first
        st.rerun()

    step()
