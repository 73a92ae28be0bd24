"""The store of traces: bounded by bytes, one computation for each key."""

import dataclasses
import gc
import threading
import time
import weakref
from functools import partial

import onnx
import streamlit as st

from explorer import zoo
from explorer.card import METADATA_KEY
from explorer.trace import Trace
from explorer.ui.state import caches
from explorer.ui.state.caches import _Store


def trace() -> Trace:
    return Trace(None, {}, (1, 1), 1)  # pyright: ignore[reportArgumentType]


def test_the_oldest_leave_when_the_bytes_are_used_up():
    store, made = _Store(100), []

    def get(key: str, size: int) -> Trace:
        return store.get(key, size, lambda: made.append(key) or trace())

    first = get("a", 40)
    assert get("a", 40) is first
    get("b", 40)
    get("a", 40)  # used again: b is now the oldest
    get("c", 40)
    assert made == ["a", "b", "c"]
    assert get("a", 40) is first
    get("b", 40)
    assert made == ["a", "b", "c", "b"]


def test_one_that_is_larger_than_the_store_is_kept_alone():
    store = _Store(10)
    kept = store.get("large", 1000, trace)
    assert store.get("large", 1000, trace) is kept


def test_two_who_ask_at_once_share_one_computation():
    store, made = _Store(100), []

    def compute() -> Trace:
        made.append(1)
        time.sleep(0.05)
        return trace()

    answers: list[Trace] = []
    threads = [threading.Thread(target=lambda: answers.append(store.get("a", 1, compute))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({id(answer) for answer in answers}) == 1


def test_a_failed_computation_is_tried_again():
    store = _Store(100)

    def fail() -> Trace:
        raise ValueError("no")

    for _ in range(2):
        try:
            store.get("a", 1, fail)
        except ValueError:
            continue
        raise AssertionError("the error was swallowed")
    assert store.get("a", 1, trace)


def test_what_a_view_needs_at_once_stays_up_to_the_hard_limit():
    store, made = _Store(100, in_use=3, hard_limit=300), []

    def get(key: str, size: int) -> Trace:
        return store.get(key, size, lambda: made.append(key) or trace())

    for key in "abc":
        get(key, 90)  # 270: over 100, but three are in use
    for key in "abc":
        get(key, 90)
    assert made == ["a", "b", "c"]
    get("d", 90)  # a fourth: the oldest leaves
    get("a", 90)
    assert made == ["a", "b", "c", "d", "a"]
    get("e", 250)  # 90 + 90 + 250 is over the hard limit
    get("d", 90)
    assert made[-2:] == ["e", "d"]


def test_what_is_ready_is_told_without_computing():
    store = _Store(100)
    assert store.ready("a") is None
    kept = store.get("a", 1, trace)
    assert store.ready("a") is kept


def scaled(value: float, layer: int, factor: float) -> float:
    return value * layer * factor


def test_options_that_are_bound_are_part_of_the_key():
    key = "test of bound options"
    for factor in (2.0, 3.0):
        assert caches.once(key, partial(scaled, factor=factor), 1.0, layer=5) == 5 * factor
        assert caches.ready(key, partial(scaled, factor=factor), layer=5) == 5 * factor
        assert caches.ready(key, scaled, layer=5, factor=factor) == 5 * factor
    assert caches.ready(key, partial(scaled, factor=4.0), layer=5) is None


def test_sessions_of_models_that_are_compared_in_turn_are_released(cards, tmp_path, monkeypatch):
    """Twice as many models as may be open, one after the other: no more than that many sessions stay alive."""
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    st.cache_resource.clear()
    sessions = []
    for i in range(2 * caches.MAX_OPEN_MODELS):
        model = onnx.load(cards["crate"].path)
        entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
        entry.value = dataclasses.replace(cards["crate"], provenance={"epoch": i}).to_metadata()
        card = zoo.install(model.SerializeToString(), f"e{i}", tmp_path)
        sessions.append(weakref.ref(caches.open_model(card).session))
    gc.collect()
    assert sum(one() is not None for one in sessions) == caches.MAX_OPEN_MODELS
    st.cache_resource.clear()
    gc.collect()
    assert all(one() is None for one in sessions)
