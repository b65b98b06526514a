"""What the server tells of its storages, remembered for the life of the process and asked for anew when it is time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from synapse_sync.destinations.base import Destination
from synapse_sync.errors import Busy, DestinationError, SourceUnavailable, StorageUnusable, TokenRefused, Unreachable
from synapse_sync.records import StorageSession

MAX_AGE = 3600.0
"""Seconds after which a storage is asked for again: somebody may have changed it."""

MARGIN = 60.0
"""Seconds before its end, at most a tenth of its life, at which a session is asked for anew."""

AGAIN = 1.0
"""Seconds between two attempts where nothing is known and one is patient."""

PAUSE = 30.0
"""Seconds between two attempts while one that is known serves."""


@dataclass
class _Known:
    session: StorageSession
    asked_at: float
    failed_at: float = 0.0

    def is_due(self, now: float) -> bool:
        ends = self.session.ends
        soon = ends is not None and now >= ends - min(MARGIN, (ends - self.asked_at) / 10)
        return soon or now - self.asked_at >= MAX_AGE

    def serves(self, now: float) -> bool:
        return self.session.ends is None or now < self.session.ends


class Storages:
    """The storages of one destination; for several threads.

    hide: called with each secret before it is used; unhide: with each that was replaced. patience: seconds from now on
    for which a server that can't be asked for the first time is asked again, unless `stop` is set meanwhile.
    """

    def __init__(
        self,
        destination: Destination,
        hide: Callable[[str], None] = lambda _secret: None,
        unhide: Callable[[str], None] = lambda _secret: None,
        clock: Callable[[], float] = time.time,
        patience: float = 0.0,
        stop: threading.Event | None = None,
    ) -> None:
        self._destination = destination
        self._hide, self._unhide = hide, unhide
        self._clock = clock
        self._patient_until = time.monotonic() + patience
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._known: dict[int, _Known] = {}

    def session(self, number: int, *, doubted: bool = False) -> StorageSession:
        """How to read from a storage, asked for where it isn't known, is old or ends soon, or is doubted.

        While the server can't be asked, what it told last serves as long as it lasts. Raises SourceUnavailable, with
        the exit code of what failed.
        """
        known, now = self._known.get(number), self._clock()
        serves = known is not None and known.serves(now)
        if known is not None and serves:
            asks = doubted or known.is_due(now)
            if not asks or now - known.failed_at < PAUSE or self._lock.locked():
                return known.session  # whoever asks already holds nobody else up
        with self._lock:
            if self._known.get(number) is not known:
                return self._known[number].session  # asked for while this one waited
            try:
                session = self._ask(number) if known is not None else self._ask_patiently(number)
            except DestinationError as error:
                if known is None or not serves or isinstance(error, StorageUnusable):
                    raise unavailable(error) from error
                known.failed_at = now
                return known.session
            if known is not None:
                known.session.secrets.give_to(self._unhide)
            session.secrets.give_to(self._hide)
            self._known[number] = _Known(session, now)
            return session

    def _ask_patiently(self, number: int) -> StorageSession:
        while True:
            try:
                return self._ask(number)
            except (Unreachable, Busy) as error:
                pause = max(error.retry_after, AGAIN)
                if time.monotonic() + pause > self._patient_until or self._stop.wait(pause):
                    raise

    def _ask(self, number: int) -> StorageSession:
        try:
            return self._destination.storage(number)
        except TokenRefused:
            if not self._destination.renew():
                raise
            return self._destination.storage(number)


def unavailable(error: DestinationError) -> SourceUnavailable:
    """A storage that can't be had is a source that can't be listed."""
    why = SourceUnavailable(error.message, hint=error.hint)
    why.exit_code = error.exit_code
    return why
