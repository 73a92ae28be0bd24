"""What the app keeps between reruns and users: open models, traces and measured results, all bounded.

Every key names all that changes the answer: the model's digest, the input's digest, the knobs, the provider.
Cached values are shared and never changed.
"""

from __future__ import annotations

import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import runtime, zoo
from explorer.errors import ExplorerError
from explorer.trace import Array, Knobs, LayerWeights, ModelCard, Prepared, Trace

MAX_OPEN_MODELS = 8
MAX_TRACE_BYTES = 1_500_000_000
MAX_RESULTS = 512


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Once a server: import what the first segmentation needs, beside the first page (two seconds on two cores).

    pandas comes first and at once: scikit-learn imports it, and Plotly reads a half-imported pandas in another thread.
    """
    importlib.import_module("pandas")
    modules = ("sklearn.decomposition", "sklearn.cluster", "scipy.sparse.linalg", "scipy.ndimage", "scipy.linalg")
    threading.Thread(target=lambda: [importlib.import_module(name) for name in modules], daemon=True).start()


def cards() -> list[ModelCard]:
    """The zoo as it is now; files that did not change are not read again."""
    return zoo.list_models()


def _same(path: Path, sha256: str) -> ModelCard:
    """The card of a file that must still be the one that was chosen."""
    if not path.is_file() or (card := zoo.read_card(path)).sha256 != sha256:
        raise ExplorerError(f"{path.stem} was replaced or removed while it was in use: load the page again.")
    return card


@st.cache_resource(max_entries=MAX_OPEN_MODELS, show_spinner=False)
def _open(sha256: str, provider: str, control: bool, path: Path) -> runtime.Model:
    del provider  # part of the key
    card = _same(path, sha256)
    return runtime.open_model(card, zoo.draw_control(card) if control else None)


def open_model(card: ModelCard, control: bool = False) -> runtime.Model:
    """The one session of a model, or of its random-init control, for all users."""
    return _open(card.sha256, runtime.provider()[0], control, card.path)


@st.cache_resource(max_entries=MAX_OPEN_MODELS, show_spinner=False)
def _weights(sha256: str, control: bool, path: Path) -> tuple[LayerWeights, ...]:
    card = _same(path, sha256)
    arrays: dict[str, Array] | None = zoo.draw_control(card) if control else None
    return zoo.layer_weights(card, arrays)


def layer_weights(card: ModelCard, control: bool = False) -> tuple[LayerWeights, ...]:
    """The measured weights of every layer of a model or of its control."""
    return _weights(card.sha256, control, card.path)


class _TraceStore:
    """The traces used last, up to a number of bytes; one computation for each key, whoever asks."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[Trace, int]] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: str, size_bytes: int, compute: Callable[[], Trace]) -> Trace:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
            try:
                trace = compute()
            except BaseException:
                with self._lock:
                    self._locks.pop(key, None)
                raise
            with self._lock:
                self._kept[key] = (trace, size_bytes)
                while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self._max_bytes:
                    dropped, _ = self._kept.popitem(last=False)
                    self._locks.pop(dropped, None)
            return trace


@st.cache_resource
def _traces() -> _TraceStore:
    return _TraceStore(MAX_TRACE_BYTES)


def trace_key(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool = False) -> str:
    """Everything that a trace depends on, as one string."""
    return "|".join([card.sha256, str(control), prepared.digest, knobs.digest(), runtime.provider()[0]])


def trace(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool = False) -> Trace:
    """The trace of a run, computed once while it stays in memory. Raises ExplorerError as runtime.run does."""
    stride = runtime.check_knobs(card, knobs)
    cost = runtime.check_cost(card, len(prepared.data), prepared.height, prepared.width, stride)
    key = trace_key(card, prepared, knobs, control)
    return _traces().get(key, cost.memory_bytes, lambda: runtime.run(open_model(card, control), prepared, None, knobs))


@st.cache_resource(max_entries=MAX_RESULTS, show_spinner=False)
def _result(key: str, _compute: Callable[[], Any]) -> Any:
    del key
    return _compute()


def once(key: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """function(*arguments, **options), computed once for each key and set of options.

    key stands for the arguments (a trace's key); options are small values, named in the cache's key as they are.
    """
    name = f"{key}|{function.__module__}.{function.__qualname__}|{sorted(options.items())!r}"
    return _result(name, lambda: function(*arguments, **options))
