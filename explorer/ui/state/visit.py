"""What a visitor brought, kept in the server's memory past a reload of the page: bytes by kind and name.

The browser holds a random key in a session cookie (ui/components/visit_cookie.py), the server what lies under it. The
key stands in no address, so a link that is passed on carries nothing. Where a browser takes no cookie, what was brought
can be found for as long as the session lasts.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import streamlit as st

COOKIE = "crate_visit"
VISIT = "visit"
"""Session state: the key of this visit."""
KEPT_HOURS = 12
MAX_KEPT_BYTES = 256 << 20
"""Of all visitors together; what was used longest ago leaves first."""


class VisitStore:
    """Bytes of many visits: each (visit, kind, name) is kept until it was not used for max_age_s, or until the newer
    ones need its room."""

    def __init__(self, max_bytes: int, max_age_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes, self._max_age_s, self._clock = max_bytes, max_age_s, clock
        self._kept: OrderedDict[tuple[str, str, str], tuple[bytes, float]] = OrderedDict()  # used last: at the end
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def put(self, visit: str, kind: str, name: str, data: bytes) -> None:
        """Keep it, or say that it is used again."""
        with self._lock:
            self._kept[visit, kind, name] = data, self._clock()
            self._kept.move_to_end((visit, kind, name))
            self._tidy()

    def of(self, visit: str, kind: str) -> dict[str, bytes]:
        """What a visit has of a kind by name, used last at the end; asking for it is no use."""
        with self._lock:
            self._tidy()
            return {key[2]: data for key, (data, _) in self._kept.items() if key[:2] == (visit, kind)}

    def drop(self, visit: str, kind: str) -> None:
        """Forget what a visit has of a kind."""
        with self._lock:
            for key in [key for key in self._kept if key[:2] == (visit, kind)]:
                del self._kept[key]

    def move(self, visit: str, to: str) -> None:
        """Put what a visit has under another one, which keeps what it has of the same kind and name."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == visit]:
                self._kept.setdefault((to, *key[1:]), self._kept.pop(key))
            self._kept = OrderedDict(sorted(self._kept.items(), key=lambda item: item[1][1]))

    def _tidy(self) -> None:
        """Drop what is too old or too much, and come back for the rest even if nobody asks."""
        total = sum(len(data) for data, _ in self._kept.values())
        while self._kept:
            data, used = next(iter(self._kept.values()))
            age = self._clock() - used
            if age < self._max_age_s and total <= self._max_bytes:
                if self._timer is None:
                    self._timer = threading.Timer(self._max_age_s - age, self._come_back)
                    self._timer.daemon = True
                    self._timer.start()
                return
            self._kept.popitem(last=False)
            total -= len(data)

    def _come_back(self) -> None:
        with self._lock:
            self._timer = None
            self._tidy()


@st.cache_resource
def _visits() -> VisitStore:
    return VisitStore(MAX_KEPT_BYTES, KEPT_HOURS * 3600)


def visit_key() -> str:
    """The key of this visit: the browser's, or a new one for it to hold."""
    if VISIT not in st.session_state:
        held = st.context.cookies.get(COOKIE, "")
        st.session_state[VISIT] = held if is_visit_key(held) else secrets.token_urlsafe(16)
    return st.session_state[VISIT]


def is_visit_key(text: object) -> bool:
    """Whether it looks like a key of 128 random bits; only who knows one finds what lies under it."""
    return isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]{22}", text) is not None


def adopt_key(held: str) -> None:
    """Go on under the key that the browser has held since another of its tabs got it."""
    _visits().move(visit_key(), held)
    st.session_state[VISIT] = held


def keep(kind: str, name: str, data: bytes) -> None:
    """Keep bytes of this visit, or say that they are used again."""
    _visits().put(visit_key(), kind, name, data)


def kept(kind: str) -> dict[str, bytes]:
    """What this visit has of a kind by name, used last at the end."""
    return _visits().of(visit_key(), kind)


def forget(kind: str) -> None:
    """Forget what this visit has of a kind."""
    _visits().drop(visit_key(), kind)
