"""Whatever is sent, by however many, keeps to the rate in the long run, and a new rate holds soon."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.http.throttle import BURST, Throttle

RATE = 1_000_000
PIECE = 65536


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Limit:
    """A limit that can be changed, and counts how often it is asked."""

    def __init__(self, rate: int | None) -> None:
        self.rate = rate
        self.asked = 0

    def __call__(self) -> int | None:
        self.asked += 1
        return self.rate


@given(
    st.integers(10_000, 10**9),
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_over_every_period_no_more_is_sent_than_the_rate_and_one_burst(
    rate: int, pieces: list[tuple[int, float]]
) -> None:
    clock = Clock()
    throttle = Throttle(lambda: rate, clock)
    sent = []
    for size, pause in pieces:
        clock.now += pause
        clock.now += throttle.reserve(size)
        sent.append((clock.now, size))
    for first, (begin, _) in enumerate(sent):
        total = 0
        for end, size in sent[first:]:
            total += size
            # What went at the very beginning of the period may have been waited for before it.
            allowed = rate * (end - begin + BURST) + sent[first][1]
            assert total <= allowed * (1 + 1e-6) + 1
    from_the_start = sum(size for _, size in sent)
    assert from_the_start <= rate * (clock.now - 1000.0 + BURST) * (1 + 1e-6) + 1


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 3)), min_size=1, max_size=60))
def test_who_sends_first_and_waits_afterwards_exceeds_it_by_one_piece_at_most(pieces: list[tuple[int, float]]) -> None:
    clock = Clock()
    throttle = Throttle(lambda: RATE, clock)
    total, largest = 0, 0
    for size, pause in pieces:
        clock.now += pause
        clock.now += throttle.delay()
        throttle.reserve(size)
        total, largest = total + size, max(largest, size)
        assert total <= (RATE * (clock.now - 1000.0 + BURST) + largest) * (1 + 1e-6) + 1


def test_a_busy_sender_reaches_the_rate_exactly() -> None:
    clock = Clock()
    throttle = Throttle(lambda: RATE, clock)
    sent = 0
    while clock.now < 1100.0:
        clock.now += throttle.reserve(PIECE)
        sent += PIECE
    assert sent == pytest.approx(RATE * (clock.now - 1000.0 + BURST), abs=1)


def test_many_who_reserve_at_once_wait_for_one_another() -> None:
    throttle = Throttle(lambda: RATE, Clock())
    waits = [throttle.reserve(RATE // 4) for _ in range(5)]
    assert waits == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_asking_takes_nothing() -> None:
    clock = Clock()
    throttle = Throttle(lambda: RATE, clock)
    throttle.reserve(RATE)
    assert [throttle.delay(), throttle.delay()] == [0.75, 0.75]
    clock.now += 0.5
    assert throttle.delay() == 0.25
    clock.now += 10
    assert throttle.delay() == 0.0


def test_a_rest_saves_up_one_burst_and_no_more() -> None:
    clock = Clock()
    throttle = Throttle(lambda: RATE, clock)
    clock.now += 3600
    assert throttle.reserve(int(RATE * BURST)) == 0.0
    assert throttle.reserve(RATE) == pytest.approx(1.0)


def test_without_a_limit_nobody_waits() -> None:
    throttle = Throttle(lambda: None, Clock())
    assert [throttle.reserve(10**12), throttle.delay()] == [0.0, 0.0]


def test_the_limit_is_asked_at_most_once_a_second() -> None:
    clock, limit = Clock(), Limit(RATE)
    throttle = Throttle(limit, clock)
    for _ in range(100):
        clock.now += 0.125
        throttle.reserve(1)
        throttle.delay()
    assert limit.asked == 1 + 12


def test_a_debt_is_paid_at_the_new_rate() -> None:
    clock, limit = Clock(), Limit(RATE)
    throttle = Throttle(limit, clock)
    throttle.reserve(10 * RATE)  # 9.75 s
    limit.rate = 2 * RATE
    clock.now += 1  # at the old rate: 8.75 s are left of it
    assert throttle.delay() == pytest.approx(4.375)
    limit.rate = RATE // 10
    clock.now += 1
    assert throttle.delay() == pytest.approx(67.5)


def test_what_is_saved_up_shrinks_with_the_rate() -> None:
    clock, limit = Clock(), Limit(RATE)
    throttle = Throttle(limit, clock)
    limit.rate = RATE // 10
    clock.now += 1
    assert throttle.reserve(RATE // 40) == 0.0
    assert throttle.reserve(RATE // 10) == pytest.approx(1.0)


def test_a_debt_is_forgiven_once_there_is_no_limit_and_a_new_limit_begins_with_nothing_saved() -> None:
    clock, limit = Clock(), Limit(RATE)
    throttle = Throttle(limit, clock)
    throttle.reserve(100 * RATE)
    limit.rate = None
    clock.now += 1
    assert throttle.delay() == 0.0
    throttle.reserve(100 * RATE)
    limit.rate = RATE
    clock.now += 1
    assert throttle.reserve(RATE) == pytest.approx(1.0)


def test_threads_take_together_what_they_would_take_one_after_the_other() -> None:
    clock = Clock()
    throttle = Throttle(lambda: RATE, clock)

    def take() -> None:
        for _ in range(1000):
            throttle.reserve(1000)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert throttle.delay() == pytest.approx(8.0 - BURST)
