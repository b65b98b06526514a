"""When each folder that sends no events is listed again: often where something changed lately, seldom elsewhere."""

from __future__ import annotations

import heapq
import math
import random
import threading
from collections.abc import Collection, Iterable

from synapse_sync.watching.folders import within

SHORTEST = 5.0
"""Seconds between two looks at a folder at least, however often it changes."""

FRACTION = 10
"""A folder that has just changed is looked at ten times as often as one that never changes."""

TOGETHER = 0.2
"""What is due within this part of the shortest interval is looked at together: the disk is woken once for many."""


class Polling:
    """Folders and when each is due, by the caller's clock. longest: seconds between looks at one that never changes.

    For several threads: whoever asks for the state of a feed asks when it looks again.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._shortest = max(min(SHORTEST, longest), longest / FRACTION)
        self._lock = threading.RLock()
        self._intervals: dict[bytes, float] = {}
        self._due: dict[bytes, float] = {}
        self._queue: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._intervals)

    def __contains__(self, folder: bytes) -> bool:
        return folder in self._intervals

    def folders(self) -> set[bytes]:
        """All that are polled."""
        return set(self._intervals)

    def listed(self, folder: bytes, *, changed: bool, now: float) -> None:
        """A folder was listed, for the first time or again."""
        with self._lock:
            before = self._intervals.get(folder, 0.0)
            interval = self._shortest if changed or not before else min(before * 2, self._longest)
            self._intervals[folder] = interval
            self._due[folder] = now + interval * random.uniform(0.9, 1.0)  # noqa: S311 - so that not all come at once
            heapq.heappush(self._queue, (self._due[folder], folder))
            if len(self._queue) > 2 * len(self._due) + 1000:  # whole listings leave what is superseded in it
                self._queue = [(at, known) for known, at in self._due.items() if at < math.inf]
                heapq.heapify(self._queue)

    def discard(self, folder: bytes) -> None:
        """Poll this folder no more."""
        if folder in self._intervals:
            self._drop([folder])

    def keep(self, folders: Collection[bytes]) -> None:
        """Poll no others any more."""
        self._drop(folder for folder in self.folders() if folder not in folders)

    def forget(self, tops: Collection[bytes]) -> None:
        """These folders are gone, and all below them."""
        if tops:
            self._drop(folder for folder in self.folders() if within(folder, tops))

    def next_due(self) -> float | None:
        """When the first folder is due."""
        with self._lock:
            while self._queue and self._due.get(self._queue[0][1]) != self._queue[0][0]:
                heapq.heappop(self._queue)
            return self._queue[0][0] if self._queue else None

    def take(self, now: float) -> set[bytes]:
        """The folders that are due, with those that are soon; they come again once they were listed."""
        with self._lock:
            due: set[bytes] = set()
            first = self.next_due()
            if first is None or first > now:
                return due
            until = now + self._shortest * TOGETHER
            while first is not None and first <= until:
                _, folder = heapq.heappop(self._queue)
                due.add(folder)
                self._due[folder] = math.inf
                first = self.next_due()
            return due

    def _drop(self, folders: Iterable[bytes]) -> None:
        with self._lock:
            for folder in list(folders):
                del self._intervals[folder], self._due[folder]
