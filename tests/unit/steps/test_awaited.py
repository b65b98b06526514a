"""A request whose answer is awaited while its owner does other things."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from synapse_sync.steps.awaited import Awaited

PATIENCE = 10.0


def length(answer: Callable[[], str]) -> int:
    return len(answer())


def refuse() -> str:
    raise ConnectionError("lost")


def test_it_is_concluded_once_the_answer_is_there() -> None:
    told, may_answer = threading.Event(), threading.Event()
    awaited = Awaited("test", told.set)
    assert awaited.conclude() == 0
    awaited.begin(lambda: "four" if may_answer.wait(PATIENCE) else "", length)
    assert awaited.under_way
    assert awaited.conclude() == 0
    assert awaited.under_way
    may_answer.set()
    assert told.wait(PATIENCE)
    assert awaited.conclude() == 4
    assert not awaited.under_way


def test_what_went_wrong_is_raised_where_it_is_concluded() -> None:
    awaited = Awaited("test", lambda: None)
    awaited.begin(refuse, length)
    with pytest.raises(ConnectionError):
        awaited.conclude(wait=True)
    assert not awaited.under_way


def test_what_is_abandoned_is_never_concluded() -> None:
    may_answer = threading.Event()
    awaited = Awaited("test", lambda: None)
    awaited.begin(lambda: str(may_answer.wait(PATIENCE)), length)
    awaited.abandon()
    assert awaited.conclude(wait=True) == 0
    may_answer.set()
