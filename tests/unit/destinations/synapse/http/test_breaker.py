"""When calls to a host that fails are refused at once, and how it is tried again."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.http.breaker import FAILURES, LONGEST, Breaker
from synapse_sync.destinations.synapse.http.errors import try_later
from synapse_sync.errors import (
    Busy,
    CollectionUnusable,
    ContentMismatch,
    DestinationError,
    OutcomeUnknown,
    Rejected,
    TokenRefused,
    Unreachable,
)

DOWN = Unreachable("could not upload a.png: no connection: refused")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """With waits as long as they can be."""
    return Breaker(clock, jitter=lambda _, most: most)


def lets_through(breaker: Breaker) -> bool:
    try:
        breaker.check("upload b.png")
    except Unreachable:
        return False
    return True


def open_it(breaker: Breaker) -> None:
    for _ in range(FAILURES):
        breaker.check("upload a.png")
        breaker.failed(DOWN)


def silence() -> DestinationError:
    """A lost answer that was found to concern the whole server."""
    error = OutcomeUnknown("could not learn the outcome")
    error.scope = "destination"
    return error


def test_it_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.failed(DOWN)
        breaker.succeeded()
    assert lets_through(breaker)
    open_it(breaker)
    assert not lets_through(breaker)


def test_a_refusal_says_what_was_not_done_why_and_when_it_is_tried_again(clock: Clock, breaker: Breaker) -> None:
    open_it(breaker)
    clock.now += 0.25
    with pytest.raises(Unreachable) as refused:
        breaker.check("upload b.png")
    assert "could not upload b.png: not tried" in refused.value.message
    assert "no connection: refused" in refused.value.message
    assert refused.value.hint == "tried again by itself in 1 s"
    assert refused.value.retry_after == 0.75


def test_once_the_time_is_over_exactly_one_call_goes_through(clock: Clock, breaker: Breaker) -> None:
    open_it(breaker)
    clock.now += 1
    assert [lets_through(breaker) for _ in range(5)] == [True] + [False] * 4
    with pytest.raises(Unreachable, match="one call is trying"):
        breaker.check("upload b.png")
    breaker.succeeded()
    assert [lets_through(breaker) for _ in range(5)] == [True] * 5


def test_of_many_threads_one_goes_through(clock: Clock, breaker: Breaker) -> None:
    open_it(breaker)
    clock.now += 1
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(lets_through(breaker))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 15 + [True]


def test_the_wait_doubles_up_to_a_minute_and_begins_anew_after_a_success(clock: Clock, breaker: Breaker) -> None:
    def waits(times: int) -> list[float]:
        found = []
        for _ in range(times):
            with pytest.raises(Unreachable) as refused:
                breaker.check("look")
            found.append(refused.value.retry_after)
            clock.now += refused.value.retry_after
            assert lets_through(breaker)
            breaker.failed(DOWN)
        return found

    open_it(breaker)
    assert waits(9) == [1, 2, 4, 8, 16, 32, LONGEST, LONGEST, LONGEST]
    clock.now += LONGEST
    assert lets_through(breaker)
    breaker.succeeded()
    open_it(breaker)
    assert waits(2) == [1, 2]


@given(st.integers(1, 2000))
def test_the_wait_lies_within_its_window_however_often_it_opened(times: int) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    open_it(breaker)
    for _ in range(times):
        clock.now += LONGEST
        assert lets_through(breaker)
        breaker.failed(DOWN)


def test_what_the_server_asks_for_is_waited_for_at_least(clock: Clock, breaker: Breaker) -> None:
    for _ in range(FAILURES):
        breaker.failed(Busy("could not upload: the server answered 503", retry_after=30))
    clock.now += 29
    assert not lets_through(breaker)
    clock.now += 1
    assert lets_through(breaker)


@pytest.mark.parametrize("error", [DOWN, Busy("503"), silence()], ids=["unreachable", "busy", "silence"])
def test_these_count(breaker: Breaker, error: DestinationError) -> None:
    for _ in range(FAILURES):
        breaker.failed(error)
    assert not lets_through(breaker)


@pytest.mark.parametrize(
    "error", [Rejected("no"), TokenRefused("401"), ContentMismatch("other"), CollectionUnusable("none")]
)
def test_these_are_answers(clock: Clock, breaker: Breaker, error: DestinationError) -> None:
    for _ in range(FAILURES - 1):
        breaker.failed(DOWN)
    breaker.failed(error)
    for _ in range(FAILURES - 1):
        breaker.failed(DOWN)
    assert lets_through(breaker)
    breaker.failed(DOWN)
    assert not lets_through(breaker)
    clock.now += 1
    breaker.check("upload b.png")
    breaker.failed(error)
    assert [lets_through(breaker), lets_through(breaker)] == [True, True]


@pytest.mark.parametrize("error", [OutcomeUnknown("lost"), try_later("upload a.png", "a proxy refused it")])
def test_these_say_nothing(clock: Clock, breaker: Breaker, error: DestinationError) -> None:
    for _ in range(FAILURES - 1):
        breaker.failed(DOWN)
    for _ in range(FAILURES):
        breaker.failed(error)
    assert lets_through(breaker)
    breaker.failed(DOWN)
    clock.now += 1
    breaker.check("upload b.png")
    breaker.failed(error)
    assert [lets_through(breaker), lets_through(breaker)] == [True, False]


def test_calls_from_before_it_opened_make_it_wait_no_longer(clock: Clock, breaker: Breaker) -> None:
    open_it(breaker)
    for _ in range(50):
        breaker.failed(DOWN)
    clock.now += 1
    assert lets_through(breaker)


def test_an_answer_to_a_call_from_before_closes_it(breaker: Breaker) -> None:
    open_it(breaker)
    breaker.succeeded()
    assert [lets_through(breaker), lets_through(breaker)] == [True, True]


def test_a_call_that_never_reports_does_not_keep_it_shut(clock: Clock, breaker: Breaker) -> None:
    open_it(breaker)
    clock.now += 1
    assert lets_through(breaker)
    clock.now += 59
    assert not lets_through(breaker)
    clock.now += 1
    assert [lets_through(breaker), lets_through(breaker)] == [True, False]
