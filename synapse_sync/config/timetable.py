"""A limit that follows the clock on the wall: which one holds at a moment. bandwidth.py reads it from text. Pure.

Limits are bytes per second, None is no limit. Days and hours are local time, whatever the zone does to its clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

WHOLE_DAY = (0, 24 * 60)


class Window(NamedTuple):
    """Some days and hours with one limit. Over midnight, hours belong to the day on which they began."""

    days: tuple[int, int] | None
    """From and to, both included, Monday is 0; None is every day."""
    hours: tuple[int, int]
    """From and to, in minutes of the day, the last not included; over midnight where the second is the lower one."""
    limit: int | None

    def holds(self, day: int, minute: int) -> bool:
        """Whether this is the window's time."""
        begin, end = self.hours
        if begin < end:
            return begin <= minute < end and self._on(day)
        return (minute >= begin and self._on(day)) or (minute < end and self._on(day - 1))

    def _on(self, day: int) -> bool:
        return self.days is None or (day - self.days[0]) % 7 <= (self.days[1] - self.days[0]) % 7


@dataclass(frozen=True)
class Timetable:
    """A limit for every moment: that of the first window that holds, or `otherwise`."""

    windows: tuple[Window, ...]
    otherwise: int | None

    def at(self, moment: datetime) -> int | None:
        """Most bytes per second at this local time; None is no limit."""
        day, minute = moment.weekday(), moment.hour * 60 + moment.minute
        return next((each.limit for each in self.windows if each.holds(day, minute)), self.otherwise)
