"""What events have said of one root: which folders to list soon, or everything. In memory only; for several threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

DEBOUNCE = 1.0
"""Seconds from the first hint to the look: what happens together is looked at together, a move at both of its ends."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The hints of one look: whole (everything), or folders; renewed: sub-folders that came, went or were replaced."""

    whole: bool = False
    folders: set[bytes] = field(default_factory=set)
    renewed: set[bytes] = field(default_factory=set)


class Hints:
    """The hints that were not taken yet. Times are the caller's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: set[bytes] = set()
        self._renewed: set[bytes] = set()
        self._first: float | None = None
        self._whole_at: float | None = None

    def __contains__(self, folder: bytes) -> bool:
        return folder in self._folders

    def folders(self) -> set[bytes]:
        """All that were not taken yet."""
        with self._lock:
            return set(self._folders)

    def add(self, folder: bytes, now: float, renewed: bytes | None = None) -> bool:
        """Something changed in a folder; whether this is the first hint since they were taken."""
        with self._lock:
            first = self._first is None
            if first:
                self._first = now
            self._folders.add(folder)
            if renewed is not None:
                self._renewed.add(renewed)
        return first

    def everything(self, at: float) -> None:
        """All is to be listed, at this time or sooner."""
        with self._lock:
            self._whole_at = at if self._whole_at is None else min(self._whole_at, at)

    def next_due(self) -> float | None:
        """When take() will have something."""
        with self._lock:
            return self._due()

    def take(self, now: float) -> Taken:
        """What is due, and with it all that came later: the two ends of a move are never looked at apart."""
        with self._lock:
            due = self._due()
            if due is None or due > now:
                return Taken()
            whole = self._whole_at is not None and self._whole_at <= now
            taken = Taken(whole, self._folders, self._renewed)
            self._folders, self._renewed, self._first = set(), set(), None
            if whole:
                self._whole_at = None
            return taken

    def _due(self) -> float | None:
        hint = None if self._first is None else self._first + DEBOUNCE
        if hint is None or self._whole_at is None:
            return self._whole_at if hint is None else hint
        return min(hint, self._whole_at)
