"""Where the photo comes from: the gallery, an upload or the camera; what was brought is kept past a reload."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import streamlit as st

from explorer.inputs.decode import MAX_BYTES, reading_note
from explorer.inputs.formats import TYPES
from explorer.inputs.gallery import gallery
from explorer.inputs.photo import FIRST_PHOTO, Photo, sample
from explorer.ui.frame.brought import box_key, promise, say_kept, say_refused, taken
from explorer.ui.state import caches, visit
from explorer.ui.state.settings import url_setting

SOURCES = {"gallery": "Gallery", "upload": "Upload", "camera": "Camera"}
MAX_UPLOADS = 24
UPLOADS = "uploads"
"""Session state: the uploaded photos by name, kept when the page changes. A visit keeps them under the same word."""
CAMERA = "camera_picture"
"""The same of the photo that the camera took last."""
BY_LINK = "brought_by_link"
"""Session state: whether the first address of this session asked for an upload or a shot of the camera."""


def choose_photo() -> Photo | None:
    """The photo of the sidebar; None where there is none yet."""
    st.session_state.setdefault(BY_LINK, st.query_params.get("source") in ("upload", "camera"))
    source = url_setting(
        st.segmented_control, "Photo", list(SOURCES), key="source", default="gallery", valid=list(SOURCES),
        required=True, format_func=SOURCES.__getitem__, width="stretch",
    )  # fmt: skip
    if source == "gallery":
        st.session_state[BY_LINK] = False
    photo = {"gallery": _from_gallery, "upload": _from_upload, "camera": _from_camera}[source]()
    if photo is not None and (note := caches.once(photo.sha256, reading_note, photo.data)):
        st.caption(f":material/info: {note}")
    if photo is not None and photo.credit:
        st.caption(f":material/copyright: {photo.credit}")
    return photo


def uploads() -> dict[str, bytes]:
    """The uploaded photos by name, the newest at the end; those that this browser brought before a reload included."""
    if UPLOADS not in st.session_state:
        st.session_state[UPLOADS] = visit.kept(UPLOADS)
    return st.session_state[UPLOADS]


def _from_gallery() -> Photo:
    names = [photo.name for photo in gallery()]
    name = url_setting(
        st.selectbox, "Gallery photo", names, key="photo", default=FIRST_PHOTO, valid=names,
        format_func=lambda n: n.replace("_", " "), label_visibility="collapsed",
    )  # fmt: skip
    return sample(name)


def _from_upload() -> Photo | None:
    key = box_key("uploader")
    st.file_uploader(
        "Photos", type=list(TYPES), accept_multiple_files=True, key=key, label_visibility="collapsed",
        max_upload_size=MAX_BYTES >> 20, on_change=_keep_uploads, args=(key,),
    )  # fmt: skip
    _keep_uploads(key)
    say_refused()
    kept = uploads()
    if not kept:
        return _instead("photo that was uploaded", "Drop one or several photos here.")
    names = list(reversed(kept))
    if st.session_state.get("upload") not in names:
        st.session_state.pop("upload", None)
    name = names[0] if len(names) == 1 else st.selectbox("Uploaded photo", names, key="upload", persist_state="session")
    say_kept(UPLOADS, name, kept[name], several=len(kept) > 1)
    return _brought(name, kept[name])


def _keep_uploads(key: str) -> None:
    """Keep what was uploaded for as long as the session lasts, the newest first in view; the oldest leave."""
    kept = uploads()
    for file in st.session_state.get(key) or []:
        if not taken(file):
            continue
        data = file.getvalue()
        name = file.name if kept.get(file.name, data) == data else f"{file.name} ({len(kept) + 1})"
        kept.pop(name, None)
        kept[name] = data
        visit.keep(UPLOADS, name, data)
        st.session_state["upload"] = name
    while len(kept) > MAX_UPLOADS or (len(kept) > 1 and sum(map(len, kept.values())) > visit.MAX_KEPT_BYTES):
        kept.pop(next(iter(kept)))


def _from_camera() -> Photo | None:
    if CAMERA not in st.session_state:
        st.session_state[CAMERA] = visit.kept(CAMERA).get("camera")
    shot = st.camera_input("Take a photo", label_visibility="collapsed")
    if shot is not None:
        st.session_state[CAMERA] = shot.getvalue()
    data: bytes | None = st.session_state[CAMERA]
    if not data:
        return _instead("photo that was taken with a camera", "Take a photo.")
    say_kept(CAMERA, "camera", data)
    return _brought("camera", data)


def _brought(name: str, data: bytes) -> Photo:
    st.session_state[BY_LINK] = False
    return Photo(name, data, hashlib.sha256(data).hexdigest())


def _instead(what: str, invitation: str) -> Photo | None:
    """What is shown where nothing was brought: of a link the first photo of the gallery, else nothing."""
    if not st.session_state[BY_LINK]:
        st.caption(f"{invitation} {promise()}")
        return None
    photo = sample(FIRST_PHOTO)
    st.caption(f"{invitation} {promise()}")
    notice = (
        f"This address was made with a {what}. A link does not carry it, and this server has none of this browser: "
        f"**{photo.name}** of the gallery is shown instead. Upload the photo in the sidebar, or choose another."
    )
    return replace(photo, notice=notice)
