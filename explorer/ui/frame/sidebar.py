"""The sidebar: which model looks at which photo, how finely, or which reads which text. The URL and every page share
its settings."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from explorer import runtime
from explorer.card import ModelCard, first_stride, strides_of
from explorer.card_runs import name_and_epoch
from explorer.errors import ExplorerError
from explorer.inputs.photo import Photo
from explorer.inputs.text import MAX_FILE_BYTES
from explorer.trace import Knobs, patch_grid
from explorer.ui.frame.brought import box_key, promise, say_kept, say_refused, taken
from explorer.ui.frame.framing import choose_framing
from explorer.ui.frame.menu import choose_group, entry_in_view, reads_text
from explorer.ui.frame.photo_source import choose_photo
from explorer.ui.state import caches, visit
from explorer.ui.state.knobs import knobs_notice, turned_knobs
from explorer.ui.state.settings import url_setting
from explorer.zoo import FIRST_MODEL, FIRST_TEXT_MODEL

SLOW_S = 2.0
SIZES = (64, 96, 112, 128, 160, 192, 224, 288, 336, 448)
TEXT_SOURCES = {"typed": "Typed", "file": "File"}
TEXT_FILE = "text_upload"
"""Session state: name and bytes of the uploaded text, kept when the page changes."""


@dataclass(frozen=True)
class Choice:
    """What the sidebar says; size None = as trained, stride in pixels. knobs: what is turned, without the stride."""

    card: ModelCard | None
    photo: Photo | None
    size: int | None
    stride: int | None
    framing: str
    knobs: Knobs


@dataclass(frozen=True)
class TextChoice:
    """What the sidebar says on a page of text. source: where the text comes from, one of TEXT_SOURCES; file: the name
    and the bytes of an upload, None where there is none yet."""

    card: ModelCard | None
    source: str
    file: tuple[str, bytes] | None
    knobs: Knobs


def draw_sidebar() -> None:
    """Draw the sidebar and keep its choice for the page."""
    with st.sidebar:
        page = entry_in_view()
        of_text = reads_text() and bool(page.group)
        choose_group()
        card = _model("text" if of_text else "image")
        knobs = turned_knobs(card) if card else Knobs()
        if card:
            knobs_notice(card, knobs)
        if of_text:
            text = _text() if page.reads else ("typed", None)
            st.session_state["text_choice"] = TextChoice(card, *text, knobs)
        else:
            photo = choose_photo() if page.reads else None
            size, stride, framing = _resolution(card, photo) if card and page.reads else (None, None, "crop")
            st.session_state["choice"] = Choice(card, photo, size, stride, framing, knobs)
        st.session_state["sidebar_drawn"] = True
        used, reason = runtime.provider()
        if runtime.leaves_gpu_unused():
            st.caption(f":material/warning: Runs on the {reason}.")
        else:
            st.caption("Runs on the GPU" if used == runtime.CUDA else "Runs on the CPU", help=reason)


def choice() -> Choice:
    """What the sidebar was set to in this rerun."""
    return st.session_state["choice"]


def text_choice() -> TextChoice:
    """What the sidebar was set to in this rerun, on a page of text."""
    return st.session_state["text_choice"]


def model_in_view() -> ModelCard | None:
    """The model that the sidebar was set to in this rerun, of pictures or of text."""
    return (text_choice() if reads_text() else choice()).card


def was_drawn() -> bool:
    """Whether streamlit_app.py has drawn the sidebar in this run; to be asked once a run."""
    return st.session_state.pop("sidebar_drawn", False)


def _model(modality: str) -> ModelCard | None:
    """The models of pictures and those of text are two settings, so that a change of page brings each back."""
    cards = {card.name: card for card in caches.cards(modality)}
    key, preferred = {"image": ("model", FIRST_MODEL), "text": ("lm", FIRST_TEXT_MODEL)}[modality]
    if not cards:
        what = "model of pictures" if modality == "image" else "language model"
        st.info(f"The zoo has no {what}: import a checkpoint on the Models page.")
        return None
    names = list(cards)
    first = names.index(preferred) if preferred in names else 0
    name = url_setting(
        st.selectbox, "Model", names, key=key, default=names[first], valid=names,
        format_func=lambda one: name_and_epoch(cards[one]),
        help="The models of the zoo; the Models page says where each comes from and imports others.",
    )  # fmt: skip
    card = cards[name]
    licence = card.provenance.get("licence")
    st.caption(f"{card.summary}; {licence}" if licence else card.summary)
    return card


def _text() -> tuple[str, tuple[str, bytes] | None]:
    """Where the text comes from, and what was uploaded."""
    source = url_setting(
        st.segmented_control, "Text", list(TEXT_SOURCES), key="text_from", default="typed", valid=list(TEXT_SOURCES),
        required=True, format_func=TEXT_SOURCES.__getitem__, width="stretch",
    )  # fmt: skip
    if source == "typed":
        return source, None
    key = box_key("text_file")
    file = st.file_uploader(
        "A text, a table of texts, or token numbers", type=["txt", "md", "csv", "tsv", "jsonl", "npy"],
        key=key, max_upload_size=MAX_FILE_BYTES >> 20,
        help="Text in UTF-8, UTF-16 or Windows-1252. Of .csv, .tsv and .jsonl the page asks for column and row. A .npy "
        "holds whole numbers (1,N).",
    )  # fmt: skip
    if TEXT_FILE not in st.session_state:
        st.session_state[TEXT_FILE] = next(reversed(visit.kept(TEXT_FILE).items()), None)
    if file is not None and taken(file):
        st.session_state[TEXT_FILE] = file.name, file.getvalue()
    say_refused()
    if brought := st.session_state[TEXT_FILE]:
        say_kept(TEXT_FILE, *brought)
    else:
        st.caption(promise())
    return source, brought


def _resolution(card: ModelCard, photo: Photo | None) -> tuple[int | None, int, str]:
    """(size, stride, framing); a finer stride gives finer maps from the same weights."""
    trained = card.preprocessing.crop
    sizes = [0, *(size for size in SIZES if size % card.patch == 0 and size != trained)]
    strides = strides_of(card)
    left, right = st.columns(2)
    size = url_setting(
        left.selectbox, "Size (pixels)", sizes, key="size", default=0, valid=sizes,
        format_func=lambda s: str(s or trained),
        help=f"Side of the square that the model sees; {trained} is as trained.",
    )  # fmt: skip
    stride = url_setting(
        right.selectbox, "Stride (pixels)", strides, key="stride", default=first_stride(card), valid=strides,
        help=f"Pixels between neighbouring patches of {card.patch}×{card.patch}; {card.patch} is as trained. Below, "
        "they overlap: finer maps from the same weights, at a higher cost.",
    )  # fmt: skip
    framing = choose_framing(card, photo, size or trained)
    side = size or trained
    rows, cols = patch_grid(side, side, card.patch, stride)
    seconds = runtime.estimate(card, 1, side, side, stride).seconds(runtime.provider()[0])
    about = f", about {seconds:.0f} s a run" if seconds >= SLOW_S else ""
    whole = " or more" if framing == "whole" else ""
    st.caption(f"{rows} × {cols} = {rows * cols:,} patches{whole}{about}")
    return size or None, stride, framing


def language_card() -> ModelCard:
    """The sidebar's language model."""
    card = text_choice().card
    if card is None:
        raise ExplorerError("The zoo has no language model: import a checkpoint on the Models page.")
    return card
