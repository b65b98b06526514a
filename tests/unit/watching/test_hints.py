"""What events have said and nobody has looked at yet: nothing is forgotten, nothing waits longer than it should."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.watching.hints import DEBOUNCE, Hints, Taken

folders = st.sampled_from([b"", b"a", b"a/b", b"c"])


def test_what_happens_together_is_looked_at_together() -> None:
    hints = Hints()

    assert hints.add(b"a", 10.0)
    assert not hints.add(b"b", 10.9, b"b/new")
    assert hints.next_due() == 10.0 + DEBOUNCE
    assert hints.take(10.5) == Taken()
    assert hints.take(11.0) == Taken(folders={b"a", b"b"}, renewed={b"b/new"})
    assert hints.next_due() is None


def test_the_far_end_of_a_move_does_not_wait_for_its_own_time() -> None:
    hints = Hints()
    hints.add(b"from", 10.0)
    hints.add(b"to", 10.0 + DEBOUNCE)

    assert hints.take(10.0 + DEBOUNCE).folders == {b"from", b"to"}


def test_a_look_at_everything_takes_all_hints_with_it_even_young_ones() -> None:
    hints = Hints()
    hints.everything(5.0)
    hints.add(b"a", 4.9)

    assert hints.take(5.0) == Taken(whole=True, folders={b"a"})
    assert hints.next_due() is None


def test_the_sooner_of_two_looks_at_everything_counts_for_both() -> None:
    hints = Hints()
    hints.everything(5.0)
    hints.everything(9.0)

    assert hints.next_due() == 5.0
    assert hints.take(5.0).whole
    assert hints.next_due() is None


@given(st.lists(st.one_of(st.tuples(st.just("add"), folders), st.tuples(st.just("take"), st.just(b"")))))
def test_each_hint_is_taken_once_and_in_time(steps: list[tuple[str, bytes]]) -> None:
    hints, now, waiting = Hints(), 0.0, dict[bytes, float]()
    for what, folder in steps:
        now += 0.3
        if what == "add":
            hints.add(folder, now)
            waiting.setdefault(folder, now)
        else:
            for taken in hints.take(now).folders:
                del waiting[taken]
            assert all(now - at < DEBOUNCE for at in waiting.values())
    assert hints.folders() == waiting.keys()
