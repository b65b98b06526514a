"""A circuit breaker for one host: a server that is down is asked by one call now and then, not by every worker.

Enters: how calls ended. Leaves: Unreachable at once, while the host is given time.

    closed     calls go through; FAILURES in a row open it
    open       for U(0, 1 s) at first, twice the window each time, LONGEST at most (full jitter: protocol §7); at least
               what a Retry-After asked for
    half-open  one call goes through and decides; the others are refused until it has

Why not pybreaker or circuitbreaker: both know one fixed waiting time; the former runs every call under one lock, the
latter lets any number through when half open.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable

from synapse_sync.errors import Busy, DestinationError, OutcomeUnknown, TokenRefused, Unreachable

FAILURES = 5
"""In a row: with 16 calls side by side a restart of the server opens it, a single lost connection does not."""

LONGEST = 60.0
"""Seconds: a server that is back is noticed within a minute."""

_FIRST = 1.0
_PROBE = 60.0  # seconds after which the one call counts as lost: it may have ended for a reason of its own, unreported


class Breaker:
    """Counts the failures of one host. Used from any thread; each call is check(), then succeeded() or failed().

    clock: seconds that never go back. jitter: a number between two others.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._clock, self._jitter = clock, jitter
        self._lock = threading.Lock()
        self._failures = 0
        self._times_opened = 0
        self._last = ""
        self._open_until: float | None = None  # None: closed
        self._probe_ends: float | None = None  # None: no call has been let through since it opened

    def check(self, doing: str) -> None:
        """Raise Unreachable while the host is given time; `doing` completes "could not …" in it."""
        with self._lock:
            if self._open_until is None:
                return
            now = self._clock()
            again_at = max(self._open_until, self._probe_ends or 0.0)
            if now >= again_at:
                self._probe_ends = now + _PROBE
                return
            if self._probe_ends is None:
                hint, wait = f"tried again by itself in {math.ceil(again_at - now)} s", again_at - now
            else:
                hint, wait = "one call is trying whether it is back; tried again by itself", 0.0
            raise Unreachable(
                f"could not {doing}: not tried, as the server failed {self._failures} times in a row: {self._last}",
                hint=hint,
                retry_after=wait,
            )

    def succeeded(self) -> None:
        """The server answered as it should; one answer, even to a call of before, shows that it is there."""
        with self._lock:
            self._failures = self._times_opened = 0
            self._open_until = self._probe_ends = None

    def failed(self, error: DestinationError) -> None:
        """A call failed with this; never called with what check() raised.

        What concerns the destination counts, but for a refused token: like all that the server itself says no to, that
        is an answer. A lost answer or a proxy's refusal says nothing, and another call may try.
        """
        if error.scope == "destination" and not isinstance(error, TokenRefused):
            self._count(error)
        elif isinstance(error, (OutcomeUnknown, Busy)):
            with self._lock:
                self._probe_ends = None
        else:
            self.succeeded()

    def _count(self, error: DestinationError) -> None:
        with self._lock:
            if self._open_until is not None and self._probe_ends is None:
                return  # a call from before it opened
            self._failures += 1
            self._last = error.message
            if self._open_until is None and self._failures < FAILURES:
                return
            window = min(_FIRST * 2.0 ** min(self._times_opened, 10), LONGEST)
            self._open_until = self._clock() + max(self._jitter(0.0, window), error.retry_after)
            self._probe_ends = None
            self._times_opened += 1
