"""When each folder that sends no events is listed again: often where something changed lately, seldom elsewhere."""

from __future__ import annotations

import heapq
import random

SHORTEST = 5.0
"""Seconds between two looks at a folder at least, however often it changes."""

FRACTION = 10
"""A folder that has just changed is looked at ten times as often as one that never changes."""


class Polling:
    """Folders and when each is due, by the caller's clock. longest: seconds between looks at one that never changes."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._shortest = max(min(SHORTEST, longest), longest / FRACTION)
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
        before = self._intervals.get(folder, 0.0)
        interval = self._shortest if changed or not before else min(before * 2, self._longest)
        self._intervals[folder] = interval
        self._due[folder] = now + interval * random.uniform(0.9, 1.0)  # noqa: S311 - so that not all come at once
        heapq.heappush(self._queue, (self._due[folder], folder))

    def forget(self, folder: bytes) -> None:
        """A folder is gone, and all below it."""
        below = folder + b"/"
        for known in [known for known in self._intervals if known == folder or known.startswith(below)]:
            del self._intervals[known], self._due[known]

    def next_due(self) -> float | None:
        """When the first folder is due."""
        while self._queue and self._due.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def take(self, now: float) -> set[bytes]:
        """The folders that are due; they come again once they were listed."""
        due: set[bytes] = set()
        while (first := self.next_due()) is not None and first <= now:
            _, folder = heapq.heappop(self._queue)
            due.add(folder)
            del self._due[folder]
            self._due[folder] = float("inf")
        return due
