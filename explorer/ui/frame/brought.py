"""Files that a visitor brought: counted where the app is shared, kept past a reload, and forgotten on request."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer.errors import ExplorerError
from explorer.ui.components.visit_cookie import hold_visit
from explorer.ui.frame.widgets import show_problem
from explorer.ui.state import visit
from explorer.ui.state.sharing import UPLOADS, used

ROUND = "upload_round"
"""Session state: how often something was forgotten; each time the boxes for files are new, empty ones."""
SEEN, REFUSED = "uploads_seen", "upload_refused"
"""Session state: the files that were taken or refused, and the problem with the last that was refused."""


def box_key(name: str) -> str:
    """The key of a box for files."""
    return f"{name}{st.session_state.get(ROUND) or ''}"


def taken(file: UploadedFile) -> bool:
    """Whether an uploaded file is a new one, which the session's quota holds. Works in callbacks, too."""
    seen: set[str] = st.session_state.setdefault(SEEN, set())
    if file.file_id in seen:
        return False
    seen.add(file.file_id)
    try:
        used(UPLOADS).spend(file.size / 1e6)
    except ExplorerError as problem:
        st.session_state[REFUSED] = problem
        return False
    return True


def say_refused() -> None:
    """The problem with the last file that was refused, once."""
    if problem := st.session_state.pop(REFUSED, None):
        show_problem(problem)


def say_kept(kind: str, name: str, data: bytes, several: bool = False) -> None:
    """Keep what is in view, and say where and for how long. several: whether there are others of its kind."""
    visit.keep(kind, name, data)
    st.caption(f":material/history: {promise(kept=hold_visit())}")
    label = "Forget them all" if several else "Forget it"
    st.button(label, on_click=_forget, args=(kind,), icon=":material/delete:", key=f"forget_{kind}")


def promise(kept: bool = True) -> str:
    """What becomes of a file, in a line."""
    if not kept:
        return "Kept for this session alone: this browser takes no cookie. A link does not carry it."
    return (
        f"Kept in this server's memory for {visit.KEPT_HOURS} hours after its last use, or until it restarts or needs "
        "the room: a reload in this browser finds it, a link does not carry it."
    )


def _forget(kind: str) -> None:
    visit.forget(kind)
    st.session_state.pop(kind, None)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
