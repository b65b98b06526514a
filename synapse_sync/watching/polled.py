"""A remote root: nothing tells of its changes, and it is listed as a whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from synapse_sync.records import Look, Looked
from synapse_sync.sources.base import Source
from synapse_sync.sources.mounts import Mount
from synapse_sync.watching.polling import Polling
from synapse_sync.watching.root import Report, Terms

WHOLE = Look()
ALL = b""  # what Polling knows it by


class PolledRoot:
    """When a remote root is listed: often after a change, at least every poll_every. Times are as Root has them."""

    def __init__(self, source: Source, terms: Terms, clock: Callable[[], float]) -> None:
        self.source = source
        self._clock = clock
        self._polling = Polling(terms.poll_every)
        self._asked = threading.Event()
        self._asked.set()
        self._settles_at: float | None = None
        self._listed_at: float | None = None

    def look_everywhere(self) -> None:
        """List it as soon as can be. From any thread."""
        self._asked.set()

    def mounted(self, mounts: Sequence[Mount]) -> None:
        """Nothing to it."""

    def check(self) -> bool:
        """Whether it is there: the next listing finds out."""
        return True

    def next_due(self) -> float:
        """When take() will have something."""
        due = [0.0 if self._asked.is_set() else None, self._polling.next_due(), self._settles_at]
        return min((at for at in due if at is not None), default=0.0)

    def take(self, now: float) -> Look | None:
        """Everything, if it is due."""
        if now < self.next_due():
            return None
        self._asked.clear()
        self._polling.take(now)
        self._settles_at = None
        return WHOLE

    def begin(self, look: Look) -> Callable[[bytes], bool]:
        """It is listed now; there are no folders that could be left out."""
        return lambda _folder: bool(look)

    def looked(self, looked: Looked) -> None:
        """It has been listed."""
        self._listed_at = looked.at
        self._polling.listed(ALL, changed=bool(looked.changed), now=self._clock())

    def settle_at(self, unsettled: Mapping[bytes, float]) -> None:
        """Files wait for another listing: it comes when the last of them can have settled, if it does not come before.

        All of it must be listed for that, so those that came first wait for those that come with them.
        """
        self._settles_at = max(unsettled.values(), default=None)

    def report(self) -> Report:
        """How it is watched."""
        return Report(self.source.root, 0, 1, 0, "nothing tells of changes in it", "", 0, self._listed_at)

    def close(self) -> None:
        """Nothing to it."""
