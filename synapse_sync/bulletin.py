"""What the service manager is told of all feeds while the daemon lives, and the log's line of each day.

The state of all feeds is read from the ledger only after a run that changed it, and so that it takes no more than a
fiftieth of the time: in a ledger of a million files it takes a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

from synapse_sync.ledger import Ledger
from synapse_sync.logs import daily_summary, status_line
from synapse_sync.service import Notifier
from synapse_sync.status.snapshot import snapshot

SHARE = 50
"""Times that a look at the ledger took, until the next one."""

log = logging.getLogger(__name__)


class Bulletin:
    """Keeps the line that says how all is. counted() and changed() may be called from any thread."""

    def __init__(self, ledger: Ledger, notifier: Notifier) -> None:
        self._ledger = ledger
        self._notifier = notifier
        self._lock = threading.Lock()
        self._sent = 0
        self._told_at = time.monotonic()
        self._last = ledger.query("last_registration")[0]["at"]
        self._changed = True
        self._known: dict[str, Any] = {"feeds": []}
        self._look_at = 0.0
        self._yesterday: dict[str, Any] | None = None

    def counted(self, name: str, amount: int) -> None:
        """Something was counted for a feed's run."""
        with self._lock:
            if name == "sent_bytes":
                self._sent += amount
            elif name in ("registered", "reused"):
                self._last = time.time()

    def changed(self) -> None:
        """A run has moved something in the ledger."""
        with self._lock:
            self._changed = True

    def tell(self, feeds: Collection[str], troubles: Sequence[str]) -> None:
        """Tell the service manager how the configured feeds are; troubles: what the ledger does not know, in words."""
        now = time.monotonic()
        with self._lock:
            sent, self._sent, last = self._sent, 0, self._last
            look = self._changed and now >= self._look_at
            self._changed = self._changed and not look
        if look:
            self._known = snapshot(self._ledger, feeds)
            self._look_at = time.monotonic() + SHARE * (time.monotonic() - now)
        rate = sent / max(now - self._told_at, 1.0)
        self._told_at = now
        line = status_line(self._known, bytes_per_second=rate, last_registration=last, troubles=troubles)
        self._notifier.status(line)

    def daily(self, feeds: Collection[str]) -> None:
        """Write the day's line to the log."""
        now = snapshot(self._ledger, feeds)
        log.info("%s", daily_summary(now, self._yesterday))
        self._yesterday = now
