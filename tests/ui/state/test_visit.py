"""What a visit keeps on the server: by key, up to some bytes and some hours."""

import time

import pytest

from explorer.ui.state.visit import VisitStore, is_visit_key

HOUR = 3600.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock) -> VisitStore:
    return VisitStore(max_bytes=100, max_age_s=12 * HOUR, clock=clock)


def test_only_the_visit_that_brought_it_finds_it(store):
    store.put("a", "photo", "cat.jpg", b"cat")
    store.put("a", "text", "cat.jpg", b"words")
    store.put("b", "photo", "cat.jpg", b"other")
    assert store.of("a", "photo") == {"cat.jpg": b"cat"}
    assert store.of("b", "photo") == {"cat.jpg": b"other"}
    assert store.of("c", "photo") == {}
    store.drop("a", "photo")
    assert store.of("a", "photo") == {}
    assert store.of("a", "text") == {"cat.jpg": b"words"}
    assert store.of("b", "photo") == {"cat.jpg": b"other"}


def test_what_was_used_longest_ago_leaves_when_the_bytes_are_used_up(store):
    for name in ("one", "two"):
        store.put("a", "photo", name, bytes(40))
    store.put("a", "photo", "one", bytes(40))  # used again
    store.put("b", "photo", "three", bytes(21))
    assert list(store.of("a", "photo")) == ["one"]
    assert list(store.of("b", "photo")) == ["three"]
    store.put("b", "photo", "huge", bytes(101))  # which fits nowhere
    assert store.of("b", "photo") == {}


def test_it_is_forgotten_hours_after_its_last_use(store, clock):
    store.put("a", "photo", "one", b"1")
    store.put("a", "photo", "two", b"2")
    clock.now = 11 * HOUR
    store.put("a", "photo", "one", b"1")
    clock.now = 12 * HOUR
    assert store.of("a", "photo") == {"one": b"1"}  # asking is no use
    clock.now = 23 * HOUR
    assert store.of("a", "photo") == {}


def test_it_leaves_the_memory_even_if_nobody_comes():
    store = VisitStore(100, max_age_s=0.05)
    store.put("a", "photo", "one", b"1")
    until = time.monotonic() + 5
    while store._kept and time.monotonic() < until:
        time.sleep(0.01)
    assert not store._kept


def test_the_visits_of_two_tabs_become_one(store, clock):
    store.put("late", "photo", "both", b"of the late one")
    clock.now = 1
    store.put("early", "photo", "both", b"of the early one")
    clock.now = 2
    store.put("late", "photo", "own", b"own")
    store.move("late", to="early")
    assert store.of("late", "photo") == {}
    assert list(store.of("early", "photo").items()) == [("both", b"of the early one"), ("own", b"own")]


def test_only_long_random_keys_are_keys():
    assert is_visit_key("abcdefghijklmnopqrst-_")
    assert not any(map(is_visit_key, ("", "1", "a" * 21, "a" * 23, "a" * 21 + "/", "ä" * 22, "a" * 22 + "\n")))
