"""The clocks of the machine held against each other: whether the wall clock was set, and how long the machine slept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


def _since_boot() -> float:
    """Seconds that nobody sets and that go on while the machine sleeps (clock_gettime(2): CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Passed(NamedTuple):
    """Seconds since the last look: set, by how much the wall clock was put forward or back; slept, by the machine."""

    set: float
    slept: float


class Clocks:
    """Looked at now and then, from one thread."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        awake: Callable[[], float] = time.monotonic,
        since_boot: Callable[[], float] = _since_boot,
    ) -> None:
        self._wall, self._awake, self._since_boot = wall, awake, since_boot
        self._offsets = self._read()

    def look(self) -> Passed:
        """What has happened since the last look."""
        before, self._offsets = self._offsets, self._read()
        return Passed(self._offsets[0] - before[0], self._offsets[1] - before[1])

    def _read(self) -> tuple[float, float]:
        since_boot = self._since_boot()
        return self._wall() - since_boot, since_boot - self._awake()
