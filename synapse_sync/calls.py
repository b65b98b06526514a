"""What other threads want done by a thread that has work of its own: it takes these calls between two pieces of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from synapse_sync.errors import ControlRefused

Result = TypeVar("Result")


class Calls:
    """Calls for one thread, which calls take() now and then, and end() when it takes no more."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._ended = False

    def call(self, act: Callable[[], Result], timeout: float, busy: str) -> Result:
        """Have act() done by that thread; what it returns or raises.

        Raises ControlRefused, with what the thread is `busy` at, where it was not begun in `timeout` seconds: then it
        never is.
        """
        future: Future[Result] = Future()
        with self._lock:
            if not self._ended:
                self._waiting.append((future, act))
        self._wake()
        try:
            return future.result(0.0 if self._ended else timeout)
        except TimeoutError:
            if future.cancel():
                raise ControlRefused(f"nothing was done: {busy}", hint="try again when it has got on") from None
            return future.result()

    def take(self) -> None:
        """Do what was asked for."""
        while self._waiting:
            future, act = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(act())
            except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
                future.set_exception(error)

    def empty(self) -> bool:
        """Whether nothing was asked for."""
        return not self._waiting

    def end(self) -> None:
        """Take no more; whoever waits is told."""
        with self._lock:
            self._ended = True
        gone = ControlRefused("nothing was done: the feed has ended meanwhile", hint="look at `synapse-sync status`")
        while self._waiting:
            future, _ = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                future.set_exception(gone)
