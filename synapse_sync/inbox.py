"""What the main thread is asked to do, by other threads and by signals, and how it is woken for it.

Python runs a signal's handler in the main thread, but the system may hand the signal to any thread: a main thread that
waits for a lock then goes on waiting (up to 10 s were measured). So it waits for a pipe, into which Python writes at
every signal.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue


class Inbox:
    """Requests in the order in which they came. put() may be called from any thread, and by handlers of signals.

    Its pipe stays open as long as the process lives: threads and signals may still use it.
    """

    def __init__(self) -> None:
        self._requests: SimpleQueue[Callable[[], None]] = SimpleQueue()  # unlike an Event, signals may put into it
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @contextmanager
    def hearing_signals(self) -> Iterator[None]:
        """While take() is woken by every signal that has a handler. In the main thread."""
        before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)

    def put(self, request: Callable[[], None]) -> None:
        """Have this done."""
        self._requests.put(request)
        self.wake()

    def wake(self) -> None:
        """Have take() come to an end."""
        with suppress(BlockingIOError):  # it is full of such
            os.write(self._wake, b"\0")

    def take(self, patience: float, goes_on: Callable[[], bool]) -> None:
        """Do what is asked for, as long as it goes on; wait for it, or for being woken, at most so many seconds."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if poll.poll(patience * 1000):
            os.read(self._woken, 65536)
        with suppress(Empty):
            while goes_on():
                self._requests.get_nowait()()
