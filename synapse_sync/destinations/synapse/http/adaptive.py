"""How many requests may be under way at once, found out by measuring: more while that helps, fewer when some are lost.

Enters: how each request ended. Leaves: `limit`. Requests are looked at in windows (Bounds says how many and how long at
least), in whole rounds of `limit` requests: they come back in bunches, and part of a bunch says nothing about speed.
The first round after each change of the limit is left out, as it began under the old one.

    losses above 2 %            × 0.7; back to the best known limit if that was below the one with losses
    goodput grew with it        by half as much at least: this limit is the best known; on with twice as many, after the
                                first step in vain with + 10 %
    it did not                  back to the best known limit; the next step up 20 windows later, after the first at once

Why no fixed number: at 40 ms to the server 16 requests at once come to 400 files/s at most, and 96 were measured to
reach 1,080; a server near by is busy with few; and 10 → 40 raised the losses at a proxy from 0.17 % to 0.60 %
(protocol §7).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Bounds(NamedTuple):
    """How far a limit may go, from where, and how much it looks at before it changes.

    first_seconds: of a window until the first step in vain.
    """

    start: int
    least: int
    most: int
    requests: int
    seconds: float
    first_seconds: float


SMALL = Bounds(start=32, least=4, most=192, requests=30, seconds=0.25, first_seconds=0.03)
"""Small files. 32 is near the 10 of production clients (protocol §7). 2,200 files/s were measured with 96 at 40 ms,
4,000 with 192, and no more with 384: then the processor is busy. A first window is one round there, as 2,000 files take
but a second."""

LARGE = Bounds(start=8, least=2, most=32, requests=8, seconds=1.0, first_seconds=1.0)
"""Larger bodies, of some 100 KB to 100 MB: few fill a line, and each keeps a thread busy."""

_LOSSES, _LOSS_SHARE = 2, 0.02  # more than thrice the share that is usual with 40 at once: 0.6 % (protocol §7)
_FEWER, _FASTER, _STEP = 0.7, 1.0, 0.1
_GAIN = 0.5  # the share of a step that goodput must grow by; all of it where nothing but the number of requests limits
_REST = 20  # windows from one step in vain to the next step
_NOT_FULL = 0.1  # share of requests that were not held back by the limit, from which on a window says nothing about it
_REQUEST = 9_000  # bytes that a request counts for beside its own: the usual file (protocol §7); else size alone counts


class AdaptiveLimit:
    """`limit`: how many requests may be under way now, within the bounds. For one thread at a time.

    clock: seconds that never go back.
    """

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = bounds.start
        self._bounds = bounds
        self._clock = clock
        self._best: tuple[int, float] | None = None  # a limit without losses, and its bytes per second
        self._fast = True  # until the first step in vain
        self._rest = 0
        self._left_out = bounds.start  # requests that are yet to be left out
        self._begin(clock())

    def ended(self, size: int, ok: bool, full: bool = True) -> None:
        """A request with `size` bytes ended; not `ok`: a broken connection, a time-out, a busy server or proxy.

        full: whether the limit kept others waiting when it ended. While it does not, nothing is learned from speed.
        """
        now = self._clock()
        if self._left_out:
            self._left_out -= 1
            self._began = now
            return
        self._count += 1
        self._lost += not ok
        self._not_full += not full
        self._bytes += (size + _REQUEST) * ok
        seconds = self._bounds.first_seconds if self._fast else self._bounds.seconds
        if self._count % self.limit or self._count < self._bounds.requests or now - self._began < seconds:
            return
        if self._lost >= _LOSSES and self._lost > _LOSS_SHARE * self._count:
            self._retreat()
        elif self._not_full <= _NOT_FULL * self._count:
            self._judge(self._bytes / (now - self._began))
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._began = now
        self._count = self._lost = self._not_full = self._bytes = 0

    def _retreat(self) -> None:
        """Too many are lost."""
        lossy, fewer = self.limit, max(self._bounds.least, int(self.limit * _FEWER))
        if self._best and not fewer < self._best[0] < lossy:
            self._best = None
        self._fast = False
        self._change(fewer)

    def _judge(self, goodput: float) -> None:
        """Nothing was lost, at this many bytes per second; choose the next limit."""
        best, before = self._best or (self.limit, 0.0)
        if self.limit < best:  # where losses began above it
            self._rest = _REST
            self._change(best)
        elif goodput <= before * (1 + _GAIN * (self.limit / best - 1)) and self.limit > best:
            self._fast, self._rest = False, 1 if self._fast else _REST
            self._change(best)
        else:
            self._best = (self.limit, goodput)
            if self.limit > best or self._rest <= 1:
                self._change(min(self._bounds.most, self.limit + self._step()))
            else:
                self._rest -= 1

    def _step(self) -> int:
        return int(self.limit * _FASTER) if self._fast else max(2, int(self.limit * _STEP))

    def _change(self, limit: int) -> None:
        if limit != self.limit:
            self._left_out, self.limit = self.limit, limit
