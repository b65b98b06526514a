"""A request whose answer is awaited while other steps go on: asked by a thread, concluded where it was begun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Awaited:
    """One request at a time; used from one thread. told: called, by another thread, when the answer is there."""

    def __init__(self, name: str, told: Callable[[], None]) -> None:
        self._name, self._told = name, told
        self._answer: Future[Any] | None = None
        self._conclude: Callable[[Callable[[], Any]], int] = lambda _: 0

    @property
    def under_way(self) -> bool:
        """Whether a request was begun and not concluded."""
        return self._answer is not None

    def begin(self, ask: Callable[[], Answer], conclude: Callable[[Callable[[], Answer]], int]) -> None:
        """Have it asked; `conclude` gets what gives the answer, or raises what `ask` raised, and says what moved on.

        `ask` runs in a thread that nobody waits for where the process is ended at once.
        """
        self._answer, self._conclude = Future(), conclude
        thread = threading.Thread(target=self._ask, args=(ask, self._answer), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system grants no more threads: then nothing else goes on meanwhile
            self._ask(ask, self._answer)

    def conclude(self, *, wait: bool = False) -> int:
        """Conclude the request if its answer is there, else 0; wait: once it is. Raises what concluding raises."""
        if self._answer is None or not (wait or self._answer.done()):
            return 0
        try:
            return self._conclude(self._answer.result)
        finally:
            self._answer = None

    def abandon(self) -> None:
        """Leave the request to itself: the process ends at once."""
        self._answer = None

    def _ask(self, ask: Callable[[], Any], answer: Future[Any]) -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised where the answer is asked for
            answer.set_exception(error)
        self._told()
