"""Hours without network must not fill a disk: what repeats is counted, and the count told.

A streak is what came of one kind (the same message about the same feed) without a pause of QUIET. Of a streak the first
appearance of each text is passed on, up to DISTINCT texts of a warning; the rest is counted, and told each hour and
when it ends.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from synapse_sync.logs.entries import Entry

QUIET = 300.0
"""Seconds after which a streak has ended."""
TOLD_EVERY = 3600.0
DISTINCT = 20
"""Texts of one kind that are passed on: a thousand unreadable files are one fact; `status` has them all."""


@dataclass
class _Streak:
    began: float
    last: Entry
    texts: set[str] = field(default_factory=set)
    held: int = 0
    held_since: float = 0.0


class Repeats:
    """Takes entries, gives those that are to be written."""

    def __init__(self) -> None:
        self._streaks: dict[tuple[str, ...], _Streak] = {}

    def passed(self, entry: Entry) -> list[Entry]:
        """What is to be written now that this entry has come: counts of what has ended, and the entry if it is new."""
        due = self.due(entry.at)
        if entry.level < logging.INFO:
            return [*due, entry]  # who reads details wants all of them
        streak = self._streaks.setdefault(entry.kind, _Streak(entry.at, entry))
        streak.last = entry
        if entry.message not in streak.texts and (entry.level < logging.WARNING or len(streak.texts) < DISTINCT):
            if entry.level < logging.WARNING:
                streak.texts.clear()  # what went well is news each time, unless it is the very same again
            streak.texts.add(entry.message)
            return [*due, entry]
        if not streak.held:
            streak.held_since = entry.at
        streak.held += 1
        return due

    def due(self, now: float) -> list[Entry]:
        """Counts of the streaks that have ended or were not told for an hour."""
        told = []
        for kind, streak in list(self._streaks.items()):
            ended = abs(now - streak.last.at) >= QUIET  # or the clock was set: nobody knows how long ago it was
            if streak.held and (ended or now - streak.held_since >= TOLD_EVERY):
                told.append(_count(streak, now))
                streak.held = 0
            if ended:
                del self._streaks[kind]
        return told

    def all(self, now: float) -> list[Entry]:
        """Every count that is open, at the end."""
        told = [_count(streak, now) for streak in self._streaks.values() if streak.held]
        self._streaks.clear()
        return told


def _count(streak: _Streak, now: float) -> Entry:
    like = "the same" if len(streak.texts) == 1 else "the like"
    minutes = max(round((streak.last.at - streak.held_since) / 60), 1)
    words = f"{streak.last.message} ({streak.held:,} more of {like} in {minutes:,} min)"
    return streak.last._replace(at=now, message=words, trace=())
