"""Small pieces that several pages share: headings, captioned pictures, settings that the URL remembers."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.measures import Heads, Segments, on_pixels, segment_trace, upsample_smooth
from explorer.trace import GLOSSARY, PHOTO_GLOSSARY, TEXT_GLOSSARY, Array
from explorer.ui import sidebar
from explorer.ui.gallery import pick_photo
from explorer.ui.menu import reads_text
from explorer.ui.remembered import remembered, set_next
from explorer.ui.run import RunView
from explorer.ui.view import View

ICON = str(Path(__file__).parent / "component" / "icon.png")
MAIN_SCRIPT = Path(__file__).parents[2] / "streamlit_app.py"
COMPRESSION_CAPTION = (
    "Compression: nats that the tokens take in the subspaces of their layer; lower is more compressed. Early layers "
    "may rise: look where the curve falls below the grey control, the same network before training."
)
SPARSITY_CAPTION = (
    "Sparsity: the share of entries that are not zero. A network gets sparser in its first layers even untrained: only "
    "what differs from the grey control was learned."
)
FORMATS = ("PNG", "SVG")
FORMAT = "saved_as"
"""Session state: what the camera above a chart saves."""
HIDDEN_BUTTONS = ["select2d", "lasso2d", "autoScale2d"]

_STYLE = """
<style>
.block-container { padding-top: 3.2rem; padding-bottom: 3rem; max-width: 1720px; }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
[data-testid="stMain"] h1 { padding-top: 0; }
[class*="st-key-lens_feeds"] { display: none; }
</style>
"""


def style() -> None:
    """Tighter margins than Streamlit's, on every page."""
    st.html(_STYLE)


def title(text: str) -> None:
    """A page's title.

    The very first visitor of a server may come by a page's own address. Streamlit then runs that page as an old-style
    page, without streamlit_app.py, until st.navigation has been called once: then run the app in the page's place.
    """
    if not sidebar.was_drawn():
        runpy.run_path(str(MAIN_SCRIPT))
        st.stop()
    st.title(text, anchor=False)


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


def plot(figure: go.Figure, key: str, select: bool = False) -> list[int]:
    """A chart; its camera button saves it in the chosen format, and its title is its text alternative.

    select: let points be chosen; their numbers (figures.Points) are returned.
    """
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


def provider_line() -> None:
    """Where the models run and why."""
    provider, reason = runtime.provider()
    icon = ":material/bolt:" if provider == runtime.CUDA else ":material/memory:"
    st.markdown(f"{icon} Models run on **{reason}**.")


def glossary() -> None:
    """Every symbol in plain words."""
    words = GLOSSARY | (TEXT_GLOSSARY if reads_text() else PHOTO_GLOSSARY)
    with st.expander("The letters and words on these pages", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- {symbol}: {meaning}" for symbol, meaning in words.items()))


def top_line(view: View) -> str:
    """The most probable class, or what the model is when it has no class names."""
    names, probabilities = view.top_classes(1)
    return f"“{plain(names[0])}”, says the model, with {probabilities[0]:.0%}"


def choose_photo(page: str) -> None:
    """The gallery; a click puts the photo into view and opens a page with it."""
    chosen = pick_photo(st.session_state.get("photo"), key="gallery_grid")
    if chosen:
        set_next("photo", chosen)
        set_next("source", "gallery")
        st.switch_page(page)


def enlarge_map(view: View, grid_map: Array) -> Array:
    """A value for each patch → a smooth map on the shown picture's pixels."""
    card, scale = view.card, view.scale
    height, width = view.picture.shape[:2]
    return upsample_smooth(grid_map, height, width, scale * card.patch, scale * view.trace.stride)


def segments(view: View, method: str, layer: int, head: Heads = None, **options) -> Segments:
    """A segmentation on the shown picture's pixels; its patches are computed once."""
    found = view.measured(segment_trace, method=method, layer=layer, head=head, **options)
    return on_pixels(found, view.trace, view.prepared.height, view.prepared.width, view.scale)


def page_part(key: str, names: dict[str, str]) -> str:
    """Which part of a long page is shown, the first at first; only that one is computed. names: name → label."""
    return remembered(
        st.segmented_control, "Show", list(names), key=key, default=next(iter(names)), valid=list(names),
        required=True, format_func=names.__getitem__, label_visibility="collapsed",
    )  # fmt: skip


def layer_slider(view: RunView, label: str = "Layer ℓ") -> int:
    """The layer in view, shared by all pages and the URL; it starts at the one before the last."""
    layers = view.card.layers
    if layers == 1:
        return 1
    return remembered(
        st.slider, label, 1, layers, key="layer", default=layers - 1, valid=range(1, layers + 1),
        help="Layers count from 1, as in the papers.",
    )  # fmt: skip


def follow_layer(view: RunView, layer: int) -> None:
    """In a fragment with a lens: run the whole page again if a key in the lens chose another layer than the page's.

    Before the fragment writes to the URL: what it has sent by then is dropped.
    """
    if view.card.layers > 1 and st.session_state.get("layer", layer) != layer:
        st.rerun()


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
