"""What others want done by a thread is done by it, once, or not at all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from synapse_sync.calls import Calls
from synapse_sync.errors import ControlRefused


def test_a_call_is_done_by_the_thread_that_takes_it() -> None:
    woken = threading.Event()
    calls = Calls(woken.set)
    with ThreadPoolExecutor(1) as others:
        result = others.submit(calls.call, threading.get_ident, 10, "busy")
        woken.wait(10)
        calls.take()
        assert result.result(10) == threading.get_ident()


def test_what_it_raises_is_raised_where_it_was_asked_for() -> None:
    woken = threading.Event()
    calls = Calls(woken.set)
    with ThreadPoolExecutor(1) as others:
        result = others.submit(calls.call, lambda: 1 // 0, 10, "busy")
        woken.wait(10)
        calls.take()
        with pytest.raises(ZeroDivisionError):
            result.result(10)


def test_a_call_that_was_given_up_is_never_done() -> None:
    done: list[int] = []
    calls = Calls(lambda: None)
    with pytest.raises(ControlRefused, match="nothing was done: it is at list"):
        calls.call(lambda: done.append(1), 0.01, "it is at list")
    calls.take()
    assert done == []
    assert calls.empty()


def test_whoever_waits_is_told_of_the_end_and_nobody_waits_afterwards() -> None:
    woken = threading.Event()
    calls = Calls(woken.set)
    with ThreadPoolExecutor(1) as others:
        result = others.submit(calls.call, lambda: 1, 10, "busy")
        woken.wait(10)
        calls.end()
        with pytest.raises(ControlRefused):
            result.result(10)
    with pytest.raises(ControlRefused):
        calls.call(lambda: 1, 10, "busy")
