"""What the app keeps between reruns and users: open models, traces and measured results, all bounded.

Every key names all that changes the answer: the model's digest, the input's digest, the knobs, the provider.
Cached values are shared and never changed.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.measures.patches import Guide, guide_of
from explorer.processors import limit_linear_algebra
from explorer.trace import Array, Knobs, LayerWeights, Prepared, Readout, Trace
from explorer.ui.state.sharing import charged

MAX_OPEN_MODELS = 12
"""A film of eight checkpoints with its control, and some more."""
MAX_TRACE_BYTES = 300_000_000
LARGEST_TRACE_BYTES = 1_500_000_000
"""A view needs up to four traces at once (trained and control, turned and not): that many may stay up to this size."""
TRACES_IN_USE = 4
MAX_RESULTS = 320
MAX_GUIDES = 8
"""Photos that masks can follow the edges of without working them out anew: about 6 MB each."""
DRAWN_S = 2.0
"""Seconds that a browser is given to draw the first page: imports would hold its last messages back."""
AHEAD = "ahead"
"""Session state: what this session asked to be computed ahead."""


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Once a server, when the first page is drawn: import what other pages need, so that they need not wait."""

    def prepare() -> None:
        for name in ("pandas", "sklearn.cluster", "scipy.sparse.linalg", "scipy.ndimage", "scipy.linalg"):
            importlib.import_module(name)
        limit_linear_algebra()  # here, too, as `streamlit run` goes past launch.py

    timer = threading.Timer(DRAWN_S, prepare)
    timer.daemon = True
    timer.start()


def cards(modality: str | None = None) -> list[ModelCard]:
    """The zoo as it is now, or the models that read this; files that did not change are not read again."""
    return [card for card in zoo.list_models() if modality in (None, card.modality)]


def _same(path: Path, sha256: str) -> ModelCard:
    """The card of a file that must still be the one that was chosen."""
    if not path.is_file() or (card := zoo.read_card(path)).sha256 != sha256:
        raise ExplorerError(f"{path.stem} was replaced or removed while it was in use: load the page again.")
    return card


@st.cache_resource(max_entries=MAX_OPEN_MODELS, show_spinner=False)
def _open(sha256: str, provider: str, control: bool, code_gain: bool, path: Path) -> runtime.Model:
    del provider  # part of the key
    card = _same(path, sha256)
    return runtime.open_model(card, zoo.draw_control(card) if control else None, code_gain)


def open_model(card: ModelCard, control: bool = False, code_gain: bool = False) -> runtime.Model:
    """The one session of a model, or of its random-init control, for all users. code_gain: of one whose codes can be
    multiplied."""
    return _open(card.sha256, runtime.provider()[0], control, code_gain, card.path)


@st.cache_resource(max_entries=MAX_OPEN_MODELS, show_spinner=False)
def _weights(sha256: str, control: bool, path: Path) -> tuple[LayerWeights, ...]:
    card = _same(path, sha256)
    arrays: dict[str, Array] | None = zoo.draw_control(card) if control else None
    return zoo.layer_weights(card, arrays)


def layer_weights(card: ModelCard, control: bool = False) -> tuple[LayerWeights, ...]:
    """The measured weights of every layer of a model or of its control."""
    return _weights(card.sha256, control, card.path)


@st.cache_resource(max_entries=MAX_OPEN_MODELS, show_spinner=False)
def _readout(sha256: str, control: bool, path: Path) -> Readout:
    card = _same(path, sha256)
    return zoo.load_readout(card, zoo.draw_control(card) if control else None)


def readout(card: ModelCard, control: bool = False) -> Readout:
    """How a language model, or its control, reads the next token."""
    return _readout(card.sha256, control, card.path)


@st.cache_resource(max_entries=2 * MAX_OPEN_MODELS, show_spinner=False)
def _atoms(sha256: str, layer: int, path: Path) -> Array:
    return zoo.load_atoms(_same(path, sha256), layer)


def atoms(card: ModelCard, layer: int) -> Array:
    """What each code of a layer writes into the tokens (zoo.load_atoms)."""
    return _atoms(card.sha256, layer, card.path)


class _Store:
    """What was used last, up to a total size; one computation for each key, whoever asks.

    Unlike st.cache_resource it can be asked what is ready, and works in any thread.
    """

    def __init__(self, max_size: float, in_use: int = 1, hard_limit: float = float("inf")) -> None:
        """in_use: the values used last that stay above max_size, as long as they stay within hard_limit."""
        self._max_size, self._in_use, self._hard_limit = max_size, in_use, hard_limit
        self._kept: OrderedDict[str, tuple[Any, float]] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def ready(self, key: str) -> Any:
        """The value if it is here, else None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        return None

    def get(self, key: str, size: float, compute: Callable[[], Any]) -> Any:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
            try:
                value = charged(compute)
            except BaseException:
                with self._lock:
                    self._locks.pop(key, None)
                raise
            with self._lock:
                self._kept[key] = (value, size)
                while self._too_much():
                    dropped, _ = self._kept.popitem(last=False)
                    self._locks.pop(dropped, None)
            return value

    def _too_much(self) -> bool:
        total, count = sum(size for _, size in self._kept.values()), len(self._kept)
        return (count > self._in_use and total > self._max_size) or (count > 1 and total > self._hard_limit)


@st.cache_resource
def _traces() -> _Store:
    return _Store(MAX_TRACE_BYTES, TRACES_IN_USE, LARGEST_TRACE_BYTES)


def trace_key(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool = False) -> str:
    """Everything that a trace depends on, as one string."""
    return "|".join([card.sha256, str(control), prepared.digest, knobs.digest(), runtime.provider()[0]])


def trace(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool = False) -> Trace:
    """The trace of a run, computed once while it stays in memory. Raises ExplorerError as runtime.run does."""
    cost = runtime.check_run(card, prepared, knobs)
    key = trace_key(card, prepared, knobs, control)

    def compute() -> Trace:
        model = open_model(card, control, code_gain=knobs.code_gain is not None)
        return runtime.run(model, prepared, None, knobs)

    return _traces().get(key, cost.memory_bytes, compute)


def guide(digest: str, picture: Array, patch: int) -> Guide:
    """What the guided filter needs of a shown picture (measures.patches.guide_of). digest: of what the picture was made
    from; patch: in its pixels."""
    return _guides().get(f"{digest}|{picture.shape}|{patch}", 1, lambda: guide_of(picture, patch))


@st.cache_resource
def _guides() -> _Store:
    return _Store(MAX_GUIDES)


def gathered(key: str, size_bytes: int, compute: Callable[[], Trace]) -> Trace:
    """A trace that was put together from several runs, kept beside the others; compute may show its progress."""
    return _traces().get(key, size_bytes, compute)


@st.cache_resource
def _results() -> _Store:
    return _Store(MAX_RESULTS)


def _result_key(key: str, function: Callable[..., Any], options: dict[str, Any]) -> str:
    if isinstance(function, partial):  # what is bound is an option like the others
        return _result_key(key, function.func, function.keywords | options)
    return f"{key}|{function.__module__}.{function.__qualname__}|{sorted(options.items())!r}"


def once(key: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """function(*arguments, **options), computed once for each key and set of options.

    key stands for the arguments (a trace's key); options are small values, named in the cache's key as they are. A
    functools.partial that binds options by name is the function with these options.
    """
    return _results().get(_result_key(key, function, options), 1, lambda: function(*arguments, **options))


def ready(key: str, function: Callable[..., Any], **options: Any) -> Any:
    """What once would return, if it has been computed; else None."""
    return _results().ready(_result_key(key, function, options))


@st.cache_resource
def _aside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="ahead", initializer=_yield_to_others)


def _yield_to_others() -> None:
    """Let pages go first: on Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def ahead(tasks: Iterable[Callable[[], Any]]) -> None:
    """Do this session's tasks one after another, beside the pages; those of its last call that wait are dropped."""
    for future in st.session_state.get(AHEAD, []):
        future.cancel()
    st.session_state[AHEAD] = [_aside().submit(task) for task in tasks]
