"""What one session of a shared app may use, by a clock of the test's own."""

from types import SimpleNamespace

import pytest

from explorer.errors import ExplorerError
from explorer.ui.frame import brought
from explorer.ui.state import sharing
from explorer.ui.state.sharing import SHARED_VARIABLE, Quota, Use, shared

QUOTA = Quota(10, "seconds of computing", 600)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(sharing.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("value", "said"), [("1", True), ("yes", True), ("0", False), ("", False), (None, False)])
def test_shared_mode_is_a_variable(monkeypatch, value: str | None, said: bool):
    monkeypatch.delenv(SHARED_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(SHARED_VARIABLE, value)
    assert shared() is said


def test_what_is_used_up_comes_back_when_its_time_is_over(clock):
    use = Use(QUOTA, limit=True)
    use.spend(4)
    clock[0] += 300
    use.spend(5)
    use.check()
    with pytest.raises(ExplorerError, match=r"10 seconds of computing in 10 minutes; yours have 1 left: go on in 5"):
        use.spend(2)
    clock[0] += 301  # the first four are forgotten
    use.spend(5)
    with pytest.raises(ExplorerError, match="have 0 left"):
        use.check()


def test_what_was_computed_already_may_pass_the_limit_once(clock):
    use = Use(QUOTA, limit=True)
    use.add(25)
    with pytest.raises(ExplorerError, match="have 0 left"):
        use.check()
    clock[0] += 601
    use.check()


def test_a_thing_larger_than_the_quota_says_so(clock):
    with pytest.raises(ExplorerError, match="bring less"):
        Use(QUOTA, limit=True).spend(11)


def test_an_app_of_ones_own_counts_nothing(clock):
    use = Use(QUOTA, limit=False)
    use.spend(1e9)
    use.check()


def test_what_a_session_computes_is_counted_once(clock, monkeypatch):
    use, ticks = Use(QUOTA, limit=True), iter([0.0, 7.0])
    monkeypatch.setenv(SHARED_VARIABLE, "1")
    monkeypatch.setattr(sharing, "get_script_run_ctx", lambda **_: object())
    monkeypatch.setattr(sharing, "used", lambda quota: use)
    monkeypatch.setattr(sharing.time, "perf_counter", lambda: next(ticks))
    assert sharing.charged(lambda: sharing.charged(lambda: 3)) == 3  # one within another: a clock is read twice
    with pytest.raises(ExplorerError, match="have 3 left"):
        use.check(4)


def test_an_upload_that_the_quota_does_not_hold_is_refused_once(clock, monkeypatch):
    state, use = {}, Use(QUOTA, limit=True)
    monkeypatch.setattr(brought, "st", SimpleNamespace(session_state=state))
    monkeypatch.setattr(brought, "used", lambda quota: use)
    small, large = SimpleNamespace(file_id="a", size=4e6), SimpleNamespace(file_id="b", size=7e6)
    assert [brought.taken(one) for one in (small, small, large)] == [True, False, False]  # pyright: ignore[reportArgumentType]
    assert "yours have 6 left" in str(state[brought.REFUSED])
