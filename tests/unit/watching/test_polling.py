"""Folders without events: looked at often where something changes, seldom elsewhere, never forgotten."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.watching.polling import FRACTION, Polling


def test_a_folder_that_never_changes_is_looked_at_ever_more_seldom_up_to_the_limit() -> None:
    polling, now, pauses = Polling(300.0), 0.0, []
    polling.listed(b"a", changed=False, now=now)
    for _ in range(8):
        due = polling.next_due()
        assert due is not None
        pauses.append(due - now)
        now = due
        assert polling.take(now) == {b"a"}
        polling.listed(b"a", changed=False, now=now)

    assert pauses[0] <= 300.0 / FRACTION
    assert all(later >= before for before, later in pairwise(pauses[:4]))
    assert 270.0 <= pauses[-1] <= 300.0


def test_a_folder_that_changed_is_looked_at_often_again() -> None:
    polling = Polling(300.0)
    for now in (0.0, 300.0, 900.0, 1800.0):
        polling.listed(b"a", changed=False, now=now)
    polling.listed(b"a", changed=True, now=2000.0)

    due = polling.next_due()
    assert due is not None
    assert due <= 2000.0 + 300.0 / FRACTION


def test_what_was_taken_comes_again_only_once_it_was_listed() -> None:
    polling = Polling(10.0)
    polling.listed(b"a", changed=False, now=0.0)

    assert polling.take(100.0) == {b"a"}
    assert polling.next_due() is None
    polling.listed(b"a", changed=False, now=100.0)
    assert polling.next_due() is not None


def test_a_folder_that_is_gone_takes_what_is_below_with_it() -> None:
    polling = Polling(10.0)
    for folder in (b"a", b"a/b", b"a/b/c", b"ab"):
        polling.listed(folder, changed=False, now=0.0)
    polling.forget({b"a"})

    assert polling.folders() == {b"ab"}
    assert polling.take(100.0) == {b"ab"}


@given(st.lists(st.tuples(st.sampled_from([b"", b"a", b"b", b"a/c"]), st.booleans(), st.floats(0.1, 50)), min_size=1))
def test_no_folder_waits_longer_than_the_limit(steps: list[tuple[bytes, bool, float]]) -> None:
    polling, now, listed = Polling(60.0), 0.0, {}
    for folder, changed, pause in steps:
        now += pause
        polling.listed(folder, changed=changed, now=now)
        listed[folder] = now
        for due in polling.take(now):
            polling.listed(due, changed=False, now=now)
            listed[due] = now

    assert all(at + 60.0 > now for at in listed.values())
