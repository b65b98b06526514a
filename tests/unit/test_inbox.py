"""The main thread is woken by what it is asked to do, and by signals whichever thread they are handed to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from synapse_sync.inbox import Inbox

LONG = 60.0


@pytest.fixture
def late() -> Iterator[threading.Event]:
    """Set where somebody has waited for half of LONG."""
    event = threading.Event()
    timer = threading.Timer(LONG / 2, event.set)
    timer.start()
    yield event
    timer.cancel()


def test_requests_are_done_in_order_and_by_whoever_takes_them() -> None:
    inbox, done = Inbox(), []
    for number in range(3):
        inbox.put(lambda number=number: done.append((number, threading.current_thread())))  # type: ignore[misc]
    inbox.take(LONG, lambda: True)
    assert done == [(number, threading.main_thread()) for number in range(3)]


def test_what_comes_after_the_end_is_left() -> None:
    inbox, done = Inbox(), []
    inbox.put(lambda: done.append(1))
    inbox.put(lambda: done.append(2))
    inbox.take(LONG, lambda: not done)
    assert done == [1]


def test_another_thread_ends_the_wait(late: threading.Event) -> None:
    inbox, done = Inbox(), []
    threading.Timer(0.05, lambda: inbox.put(lambda: done.append(1))).start()
    inbox.take(LONG, lambda: True)
    assert done == [1]
    assert not late.is_set()


def test_a_signal_ends_the_wait_though_another_thread_gets_it(late: threading.Event) -> None:
    inbox, heard = Inbox(), []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGUSR1, hear)
    try:
        with inbox.hearing_signals():
            threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)).start()
            inbox.take(LONG, lambda: True)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]
    assert not late.is_set()


def test_more_wakes_than_the_pipe_holds_are_no_trouble() -> None:
    inbox, done = Inbox(), []
    for _ in range(70_000):
        inbox.wake()
    inbox.put(lambda: done.append(1))
    inbox.take(LONG, lambda: True)
    assert done == [1]
