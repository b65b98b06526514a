"""What the daemon does by the clock beside its feeds: backups, audits, keeping the ledger small, and the ping.

Each chore reads first and writes only where there is something to write: nothing here wakes a disk that sleeps but an
audit, which reads, and a copy of a ledger that has changed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from synapse_sync.auditing import scheduled_audit
from synapse_sync.config import Config
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import SynapseSyncError, TokenRefused
from synapse_sync.feed_loop import STUCK, FeedLoop
from synapse_sync.health import Limits, Vitals, limits_of, verdict
from synapse_sync.ledger import Ledger
from synapse_sync.ledger.backups import back_up, backups_of, changed_since
from synapse_sync.ping import Ping
from synapse_sync.runner import Pass
from synapse_sync.schedule import Schedule
from synapse_sync.status.words import audited_in_words, many
from synapse_sync.steps import Work
from synapse_sync.steps.retention import DAY, sum_up
from synapse_sync.steps.work import Ended

ENDING = 10.0
"""Seconds that a chore may take to end when the daemon does."""

log = logging.getLogger(__name__)


class Upkeep:
    """The chores of one ledger; begin() and stop() once each, look() from the daemon's own thread.

    wake: called where look() has something to tell of before long.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        ledger: Ledger,
        destination: Destination,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._destination = destination
        self._wake = wake
        self._stop = threading.Event()
        self._busy = threading.Lock()
        self._failed: set[str] = set()
        self._listings: dict[str, tuple[float, int]] = {}
        schedule = config().schedule
        self._every = schedule.run_every
        self._look_at = 0.0
        self._ping = Ping(schedule.ping_url, schedule.run_every) if schedule.ping_url else None

    def begin(self, schedule: Schedule) -> None:
        """Have the schedule call each chore, counted from when it was done last."""
        config = self._config()
        audits = [row["at"] for row in self._ledger.query("last_audit")]
        for seconds, name, act, last in (
            (config.schedule.backup_every, "backup", self.back_up, self._last_copy(time.time())),
            (config.schedule.audit_every, "audit", self.audit, max(audits, default=None)),
            (DAY, "tidying", self.tidy, None),
        ):
            schedule.every(seconds, name, self._chore(name, act), last=last)

    def stop(self) -> bool:
        """End the chore that is under way, if there is one, and begin no more; False where it does not end."""
        self._stop.set()
        if self._ping is not None:
            self._ping.stop()
        ended = self._busy.acquire(timeout=ENDING)
        if ended:
            self._busy.release()
        return ended

    def told(self, one: Pass) -> None:
        """A run of a feed has ended. Called from the feed's thread."""
        if (began := _listed_in_full(one.work)) is not None:
            self._listings[one.work.feed.name] = began, one.work.run.counts["unreadable_folders"]
        if self._ping is not None:
            self._look_at = 0.0
            self._wake()

    def look(self, loops: Iterable[FeedLoop]) -> None:
        """Tell the ping how the feeds are: after each run, and while a long one goes on."""
        now = time.monotonic()
        if self._ping is None or now < self._look_at:
            return
        self._look_at = now + self._every
        self._ping.tell(verdict([self._vitals(loop) for loop in loops], sorted(self._failed)))

    def back_up(self) -> None:
        """Copy the ledger, if it has changed since the last copy."""
        now = time.time()
        last = self._last_copy(now)
        if last is not None and not changed_since(self._ledger.path, last):
            return
        copy = back_up(self._ledger.path, now, stop=self._stop.is_set)
        if copy is not None:
            log.info("the ledger was copied to %s in %.1f s", copy, time.time() - now)

    def audit(self) -> None:
        """Hold the ledger against the server; repairs nothing."""

        def between() -> None:
            if self._stop.is_set():
                raise Ended

        for found in scheduled_audit(self._config(), self._ledger, self._destination, time.time, between):
            told = log.info if found.well else log.warning
            told("audit of data collection %s: %s", found.collection, audited_in_words(found.counts))

    def tidy(self) -> None:
        """Sum up what is older than `keep_history`, and fold the WAL."""
        keep = self._config().ledger.keep_history
        if keep:
            changes, runs = sum_up(self._ledger, keep=keep, now=time.time(), stop=self._stop)
            if changes or runs:
                log.info("%s and %s were summed up", many(changes, "old change"), many(runs, "old run"))
        self._ledger.fold()

    def _last_copy(self, now: float) -> float | None:
        """When the ledger was copied last (Unix), by a clock that was not ahead of `now`; None where it never was."""
        copies = backups_of(self._ledger.path, until=now)
        return max((copy.at.timestamp() for copy in copies if not copy.version), default=None)

    def _chore(self, name: str, act: Callable[[], None]) -> Callable[[], None]:
        def done() -> None:
            with self._busy:
                if self._stop.is_set():
                    return
                try:
                    act()
                    self._failed.discard(name)
                except Ended:
                    return
                except SynapseSyncError as error:
                    if name != "audit":  # that the server can't be reached is told by the feeds
                        self._failed.add(name)
                    log.error("the %s failed: %s", name, error)  # noqa: TRY400 - words, no traceback

        return done

    def _vitals(self, loop: FeedLoop) -> tuple[Vitals, Limits]:
        limits = limits_of(self._config(), loop.feed)
        now = time.time()
        counts = self._ledger.query(
            "vital_counts", name=loop.name, units_before=now - limits.unit, files_before=now - limits.file
        )
        known = dict(counts[0]) if counts else {"paused": ""}
        began = _listed_in_full(loop.work) if loop.work is not None else None
        listed, unlisted = self._listings.get(loop.name, (None, 0)) if began is None else (began, 0)
        busy, alive = bool(loop.doing), time.monotonic() - loop.progressed_at < STUCK
        vitals = Vitals(
            loop.name,
            resting=loop.paused,
            working=busy and alive,
            stuck=busy and not alive,
            listed=None if listed is None else now - listed,
            unlisted=unlisted,
            refused=isinstance(loop.server.error, TokenRefused),
            offline=loop.server.error is not None,
            failing=loop.ledger.error is not None,
            **{**known, "paused": bool(known["paused"])},
        )
        return vitals, limits


def _listed_in_full(work: Work) -> float | None:
    """When the listing of everything began that this run completed; None where there was none."""
    whole = {looked.asset: looked.at for looked in work.looked if looked.folders is None}
    return min(whole.values(), default=0.0) if whole.keys() == work.sources.keys() else None
