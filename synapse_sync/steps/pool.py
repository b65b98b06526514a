"""Threads for the slow part of a step, whose items stay under way while other steps go on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class InFlight(Generic[Item, Result]):
    """Items that threads work on while their step does other things; used from one thread."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._items: dict[Future[Result], Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> list[Item]:
        """What is under way or waits for a thread."""
        return list(self._items.values())

    def begin(self, item: Item, act: Callable[[Item], Result]) -> None:
        """Hand an item to the next free thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        self._items[self._pool.submit(act, item)] = item

    def finished(self, patience: float = 0.0) -> list[tuple[Item, Result]]:
        """Items that came to an end, with their results, after `patience` seconds or as soon as all have."""
        done, _ = wait(self._items, timeout=patience)
        return [(self._items.pop(future), future.result()) for future in done]

    def stop(self) -> list[tuple[Item, Result]]:
        """Drop what has not begun, wait for the rest, end the threads; the results of what had begun."""
        if self._pool is None:
            return []
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None
        ended = [(item, future.result()) for future, item in self._items.items() if not future.cancelled()]
        self._items.clear()
        return ended
