"""The store of traces: bounded by bytes, one computation for each key."""

import threading
import time

from explorer.trace import Trace
from explorer.ui.caches import _TraceStore


def trace() -> Trace:
    return Trace(None, {}, (1, 1), 1)  # pyright: ignore[reportArgumentType]


def test_the_oldest_leave_when_the_bytes_are_used_up():
    store, made = _TraceStore(100), []

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
    store = _TraceStore(10)
    kept = store.get("large", 1000, trace)
    assert store.get("large", 1000, trace) is kept


def test_two_who_ask_at_once_share_one_computation():
    store, made = _TraceStore(100), []

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
    store = _TraceStore(100)

    def fail() -> Trace:
        raise ValueError("no")

    for _ in range(2):
        try:
            store.get("a", 1, fail)
        except ValueError:
            continue
        raise AssertionError("the error was swallowed")
    assert store.get("a", 1, trace)
