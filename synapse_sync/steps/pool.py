"""Threads for the slow part of a step, whose items stay under way while other steps go on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Serve = Callable[[SimpleQueue[Item | None], Callable[[Item, Result], None], threading.Event], None]


class InFlight(Generic[Item, Result]):
    """Items that threads work on while their step does other things; used from one thread.

    An item either gets a thread of its own for a time (begin), or is handed to the one thread that serves many items
    side by side (hand_over).
    """

    def __init__(self, threads: int, name: str) -> None:
        self.threads = threads
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._server: threading.Thread | None = None
        self._handed: SimpleQueue[Item | None] = SimpleQueue()
        self._items: dict[int, Item] = {}
        self._ended: deque[tuple[Item, Result]] = deque()
        self._news = threading.Event()
        self._woken = False
        self._stopping = threading.Event()
        self._fault: BaseException | None = None

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> list[Item]:
        """What is under way or waits for a thread."""
        return list(self._items.values())

    def begin(self, item: Item, act: Callable[[Item], Result]) -> None:
        """Hand an item to the next free thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=self._name)
        self._items[id(item)] = item
        self._pool.submit(self._guarded, lambda: self._end(item, act(item)))

    def hand_over(self, item: Item, serve: Serve[Item, Result]) -> None:
        """Hand an item to the thread that runs serve(items, done, stopping) until it takes a None.

        The first call starts it. Once stopping is set it may drop items.
        """
        self._items[id(item)] = item
        self._handed.put(item)
        if self._server is None:
            serving = (lambda: serve(self._handed, self._end, self._stopping),)
            self._server = threading.Thread(target=self._guarded, args=serving, name=f"{self._name}-small", daemon=True)
            self._server.start()

    def finished(self, patience: float = 0.0) -> list[tuple[Item, Result]]:
        """Items that came to an end, with their results, after `patience` seconds, or as soon as all have or wake() is
        called.
        """
        self._news.clear()
        if patience and not (self._woken or self._all_ended()) and self._fault is None:
            self._news.wait(patience)
        self._woken = False
        return self._taken()

    def wake(self) -> None:
        """End the patience of finished(), now or the next time. May be called from any thread."""
        self._woken = True
        self._news.set()

    def stop(self) -> list[tuple[Item, Result]]:
        """Drop what has not begun, wait for the rest, end the threads; the results of what had begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._server is not None:
            self._stopping.set()
            while _dropped(self._handed):
                pass
            self._handed.put(None)
            self._server.join()
            self._server = None
            self._stopping.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None
        ended = self._taken()
        self._items.clear()
        return ended

    def _taken(self) -> list[tuple[Item, Result]]:
        if self._fault is not None:
            raise self._fault
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        for item, _ in ended:
            del self._items[id(item)]
        return ended

    def _end(self, item: Item, result: Result) -> None:
        """An item's end, told by its thread."""
        self._ended.append((item, result))
        if self._all_ended():
            self._news.set()

    def _all_ended(self) -> bool:
        return 0 < len(self._items) <= len(self._ended)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Run what belongs to a thread; what is thrown there is raised where results are asked for."""
        try:
            act()
        except BaseException as fault:  # noqa: BLE001 - raised again by _taken()
            self._fault = fault
            self._news.set()


def _dropped(items: SimpleQueue[Item | None]) -> bool:
    try:
        items.get_nowait()
    except Empty:
        return False
    return True
