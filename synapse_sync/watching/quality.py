"""Whether events tell of all that happens: what a rescan finds in a watched folder, and no event has told.

A file counts that came to be after its folder was watched, and of which nothing was heard for PATIENCE seconds after
the rescan had found it: long enough for an event that was on its way, also where this process stood still.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

PATIENCE = 10.0
"""Seconds for which the event of something that a rescan has found may still come."""


class Quality:
    """What events have missed of one root. missed: folders in all; judge_at: when judge() is to be called, if ever."""

    def __init__(self) -> None:
        self.missed = 0
        self.judge_at: float | None = None
        self._lock = threading.Lock()
        self._suspects: set[bytes] = set()
        self._complete = False  # whether no event was lost since the last rescan began
        self._was_complete = False

    def heard(self, folder: bytes) -> None:
        """There was an event in a folder."""
        if self._suspects:
            with self._lock:
                self._suspects.discard(folder)

    def doubt(self) -> None:
        """Events were lost, and that is known: what the next rescan finds says nothing."""
        with self._lock:
            self._complete = False
            self._suspects.clear()

    def begin(self) -> None:
        """A rescan begins."""
        with self._lock:
            self._was_complete, self._complete = self._complete, True

    def suspect(
        self,
        late: Mapping[bytes, float],
        watched_before: Callable[[bytes, float], bytes | None],
        hinted: Collection[bytes],
        now: float,
    ) -> None:
        """A rescan has ended: late are folders with files that nobody knew, and when these came (Unix seconds).

        watched_before(folder, at): the nearest folder, this one or above it, that was watched then. hinted: folders of
        which something was heard before they were listed.
        """
        found = {watched_before(folder, at) for folder, at in late.items()} - {None}
        with self._lock:
            if self._was_complete and self._complete:
                self._suspects = {folder for folder in found if folder is not None and folder not in hinted}
            else:
                self._suspects = set()
            self.judge_at = now + PATIENCE if self._suspects else None

    def judge(self, now: float) -> int:
        """How many folders events have missed, once that is sure; 0 for none."""
        if self.judge_at is None or now < self.judge_at:
            return 0
        with self._lock:
            self.judge_at = None
            missed = len(self._suspects)
            self._suspects = set()
        self.missed += missed
        return missed
