"""The sidebar: which model looks at which photo, how finely, or which reads which text. The URL and every page share
its settings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st

from explorer import runtime
from explorer.card import ModelCard, first_stride, strides_of
from explorer.card_runs import name_and_epoch
from explorer.errors import ExplorerError
from explorer.inputs.decode import MAX_BYTES, reading_note
from explorer.inputs.gallery import gallery
from explorer.inputs.photo import FIRST_PHOTO, Photo, sample
from explorer.inputs.text import MAX_FILE_BYTES
from explorer.trace import Knobs, patch_grid
from explorer.ui.frame.menu import choose_group, entry_in_view, reads_text
from explorer.ui.state import caches
from explorer.ui.state.knobs import knobs_notice, turned_knobs
from explorer.ui.state.settings import url_setting
from explorer.zoo import FIRST_MODEL, FIRST_TEXT_MODEL

SLOW_S = 2.0
SIZES = (64, 96, 112, 128, 160, 192, 224, 288, 336, 448)
FRAMINGS = {"crop": "Centre crop, as in training", "whole": "Whole photo"}
SOURCES = {"gallery": "Gallery", "upload": "Upload", "camera": "Camera"}
TEXT_SOURCES = {"typed": "Typed", "file": "File"}
TEXT_FILE = "text_upload"
"""Session state: name and bytes of the uploaded text, kept when the page changes."""
CAMERA = "camera_picture"
"""Session state: the bytes of the photo that the camera took last, kept when the page changes."""
MAX_UPLOADS = 24
UPLOADS = "uploads"
"""Session state: the uploaded photos by name, kept when the page changes."""


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
            photo = _photo() if page.reads else None
            size, stride, framing = _resolution(card) if card and page.reads else (None, None, "crop")
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
    file = st.file_uploader(
        "A text, a table of texts, or token numbers", type=["txt", "md", "csv", "tsv", "jsonl", "npy"],
        key="text_file", max_upload_size=MAX_FILE_BYTES >> 20,
        help="Text in UTF-8, UTF-16 or Windows-1252. Of .csv, .tsv and .jsonl the page asks for column and row. A .npy "
        "holds whole numbers (1,N).",
    )  # fmt: skip
    if file is not None:
        st.session_state[TEXT_FILE] = file.name, file.getvalue()
    return source, st.session_state.get(TEXT_FILE)


def _photo() -> Photo | None:
    source = url_setting(
        st.segmented_control, "Photo", list(SOURCES), key="source", default="gallery", valid=list(SOURCES),
        required=True, format_func=SOURCES.__getitem__, width="stretch",
    )  # fmt: skip
    photo = {"gallery": _from_gallery, "upload": _from_upload, "camera": _from_camera}[source]()
    if photo is not None and (note := caches.once(photo.sha256, reading_note, photo.data)):
        st.caption(f":material/info: {note}")
    if photo is not None and photo.credit:
        st.caption(f":material/copyright: {photo.credit}")
    return photo


def _from_gallery() -> Photo:
    names = [photo.name for photo in gallery()]
    name = url_setting(
        st.selectbox, "Gallery photo", names, key="photo", default=FIRST_PHOTO, valid=names,
        format_func=lambda n: n.replace("_", " "), label_visibility="collapsed",
    )  # fmt: skip
    return sample(name)


def _from_upload() -> Photo | None:
    st.file_uploader(
        "Photos", type=["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"], accept_multiple_files=True,
        key="uploader", label_visibility="collapsed", max_upload_size=MAX_BYTES >> 20, on_change=_keep_uploads,
    )  # fmt: skip
    _keep_uploads()
    kept: dict[str, bytes] = st.session_state.get(UPLOADS, {})
    if not kept:
        st.caption("Drop one or several photos here. They stay on this machine and in this session.")
        return None
    names = list(reversed(kept))
    if st.session_state.get("upload") not in names:
        st.session_state.pop("upload", None)
    name = names[0] if len(names) == 1 else st.selectbox("Uploaded photo", names, key="upload", persist_state="session")
    return Photo(name, kept[name], hashlib.sha256(kept[name]).hexdigest())


def _keep_uploads() -> None:
    """Keep what was uploaded for as long as the session lasts, the newest first in view; the oldest leave."""
    kept: dict[str, bytes] = st.session_state.setdefault(UPLOADS, {})
    seen: set[str] = st.session_state.setdefault("uploads_seen", set())
    for file in st.session_state.get("uploader") or []:
        if file.file_id in seen:
            continue
        seen.add(file.file_id)
        data = file.getvalue()
        name = file.name if kept.get(file.name, data) == data else f"{file.name} ({len(kept) + 1})"
        kept.pop(name, None)
        kept[name] = data
        st.session_state["upload"] = name
    while len(kept) > MAX_UPLOADS:
        kept.pop(next(iter(kept)))


def _from_camera() -> Photo | None:
    shot = st.camera_input("Take a photo", label_visibility="collapsed")
    if shot is not None:
        st.session_state[CAMERA] = shot.getvalue()
    data: bytes | None = st.session_state.get(CAMERA)
    return Photo("camera", data, hashlib.sha256(data).hexdigest()) if data else None


def _resolution(card: ModelCard) -> tuple[int | None, int, str]:
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
    framing = url_setting(
        st.selectbox, "Framing", list(FRAMINGS), key="framing", default="crop", valid=list(FRAMINGS),
        format_func=FRAMINGS.__getitem__,
    )  # fmt: skip
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
