"""How fast bytes may leave: a bucket that fills at the limit's rate, shared by threads and by an event loop.

Enters: sizes of what is about to be sent. Leaves: seconds to wait before it may go. Whoever sends
after the wait that reserve() names keeps, over any period, to rate × time + BURST × rate; whoever sends first and waits
for delay() to be 0 before the next piece exceeds that by one piece. Sizes should be pieces (calls.PIECE), not files: a
wait does not become shorter when the limit rises meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

BURST = 0.25
"""Seconds of the rate that may go at once after a rest: short, as others share the line, and still a piece of 64 KiB at
300 KB/s."""

_LOOK_EVERY = 1.0  # seconds between looks at the limit; a timetable changes by the minute


class Throttle:
    """A token bucket that may go into debt.

    limit: bytes per second now, None for no limit; it must be quick, and is asked at most once a second.
    clock: seconds that never go back.
    """

    def __init__(self, limit: Callable[[], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._counted_at = self._looked_at = clock()
        self._rate = limit()
        self._tokens = BURST * (self._rate or 0)  # bytes; a debt where negative

    def reserve(self, size: int) -> float:
        """Take `size` bytes; the seconds to wait before they may be sent. Bytes that are never sent stay taken."""
        with self._lock:
            self._count()
            if self._rate is not None:
                self._tokens -= size
            return self._debt()

    def paced(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, each handed out when it may be sent."""
        for piece in pieces:
            if wait := self.reserve(len(piece)):
                time.sleep(wait)
            yield piece

    def delay(self) -> float:
        """Seconds until all that was taken is paid for, with nothing taken."""
        with self._lock:
            self._count()
            return self._debt()

    def _count(self) -> None:
        """Add what came in since the last look, at the rate that held; then look whether it still does."""
        now = self._clock()
        if self._rate is not None:
            self._tokens = min(self._tokens + self._rate * (now - self._counted_at), BURST * self._rate)
        self._counted_at = now
        if now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        before, self._rate = self._rate, self._limit()
        if before is None or self._rate is None:
            self._tokens = 0.0  # a debt is forgiven once there is no limit; what went without one saved nothing up
        else:
            self._tokens = min(self._tokens, BURST * self._rate)

    def _debt(self) -> float:
        return max(-self._tokens, 0.0) / self._rate if self._rate is not None else 0.0
