"""One root that is watched: each folder by events or by polling, whichever its file system and the kernel allow."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from watchdog.observers.inotify_c import InotifyFD

from synapse_sync.records import Look, Looked
from synapse_sync.shown import joined
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.mounts import Mount, mount_of, mounts_about, tells
from synapse_sync.watching.events import Events, Limit
from synapse_sync.watching.limits import sysctl_line
from synapse_sync.watching.polling import Polling

DEBOUNCE = 1.0
"""Seconds from the first hint to the look: what happens together is looked at together."""

WHOLE = Look()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """How a root is watched: folders by events and by polling, why not all by events, and what to do about it.

    missed: folders in which a rescan found what events had not told.
    """

    root: str
    by_events: int
    by_polling: int
    why: str
    remedy: str
    missed: int


class Root:
    """What is to be listed of one root, and when. Times are the caller's monotonic clock.

    mode: events, poll, or auto (events where the file system has them). hint() and lost() are called from any thread,
    all else from the feed's own.
    """

    def __init__(
        self,
        source: LocalSource,
        inotify: InotifyFD | None,
        *,
        mode: str,
        poll_every: float,
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.source = source
        self._inotify = inotify
        self._mode = mode
        self._poll_every = poll_every
        self._wake = wake
        self._clock = clock
        self._lock = threading.Lock()
        self._mounts: list[Mount] = []
        self._hinted: set[bytes] = set()
        self._renewed: set[bytes] = set()
        self._first_hint: float | None = None
        self._whole = self._anew = True
        self._unsettled: Mapping[bytes, float] = {}
        self._taken = WHOLE
        self._hinted_before: set[bytes] = set()
        self._met: set[bytes] = set()
        self._unwatched = self._missed = 0
        self._why = "" if inotify is not None else "the kernel grants no more inotify instances"
        self._sure = False  # whether all events since the last whole look have been told
        self._events: Events | None = None
        self._polling = Polling(poll_every)

    def mounted(self, mounts: Sequence[Mount]) -> None:
        """What is mounted now; where it concerns this root, all is listed and watched anew. From any thread."""
        here = mounts_about(self.source.path, mounts)
        with self._lock:
            known, self._mounts = self._mounts, here
        if here != known:
            self.lost("")

    def hint(self, folder: bytes, name: bytes, renewed: bool) -> None:
        """Something changed in a folder; renewed: a sub-folder came or went."""
        path = joined(folder, name)
        if renewed:
            if not self.source.filters.enters(path):
                return
        elif name and not self.source.keeps(folder, name):
            return
        with self._lock:
            self._hinted.add(folder)
            if renewed:
                self._renewed.add(path)
            first = self._first_hint is None
            if first:
                self._first_hint = self._clock()
        if first:
            self._wake()

    def lost(self, why: str) -> None:
        """What happened is not known: everything is to be listed and watched anew."""
        if why:
            log.info("%s: %s; all of it is listed again", self.source.root, why)
        with self._lock:
            self._whole = self._anew = True
        self._wake()

    def look_everywhere(self) -> None:
        """List everything."""
        with self._lock:
            self._whole = True

    def put_back(self) -> None:
        """What was taken could not be listed."""
        self._unsettled = {}
        with self._lock:
            self._whole = self._anew = True

    def next_due(self) -> float | None:
        """When take() will have something."""
        with self._lock:
            if self._whole:
                return 0.0
            hint = None if self._first_hint is None else self._first_hint + DEBOUNCE
        due = (hint, self._polling.next_due(), min(self._unsettled.values(), default=None))
        return min((at for at in due if at is not None), default=None)

    def take(self, now: float) -> Look | None:
        """What is to be listed now, if anything; it counts as listed unless it is put back."""
        with self._lock:
            whole, anew = self._whole, self._anew
            hinted: set[bytes] = set()
            renewed: set[bytes] = set()
            if whole or (self._first_hint is not None and now >= self._first_hint + DEBOUNCE):
                hinted, renewed, self._first_hint = self._hinted, self._renewed, None
                self._hinted, self._renewed = set(), set()
            self._whole = self._anew = False
        if anew:
            self._begin_anew()
        for folder in renewed:
            self._forget(folder)
        due = hinted | self._polling.take(now) | {folder for folder, at in self._unsettled.items() if at <= now}
        if not whole and not due:
            return None
        if whole or self.source.follows_symlinks:  # which of two ways leads to a folder is known to whole listings only
            self._sure &= not anew
            self._hinted_before, self._met, self._taken = hinted, {b""}, WHOLE
        else:
            self._taken = Look(frozenset(due))
        return self._taken

    def descends(self, folder: bytes) -> bool:
        """Whether a sub-folder that a listing met is listed too; it is watched from here on, before it is opened."""
        known = folder in self._polling or (self._events is not None and folder in self._events)
        if not known:
            self._attend(folder)
        if self._taken != WHOLE:
            return not known
        self._met.add(folder)
        return True

    def looked(self, looked: Looked) -> None:
        """What was taken has been listed."""
        now = self._clock()
        if looked.folders is None:
            for folder in self._polling.folders() - self._met:
                self._polling.forget(folder)
            self._judge(looked)
        else:
            for folder in (self._taken.folders or frozenset()) - looked.folders:
                self._forget(folder)
        for folder in self._polling.folders() & (self._met if looked.folders is None else looked.folders):
            self._polling.listed(folder, changed=folder in looked.changed, now=now)
        self._met = set()

    def settle_at(self, unsettled: Mapping[bytes, float]) -> None:
        """Folders that are to be listed again at these times, for files in them that can have settled then."""
        self._unsettled = unsettled

    def report(self) -> Report:
        """How it is watched."""
        by_events = len(self._events) if self._events is not None else 0
        remedy = sysctl_line(self._unwatched) if self._unwatched else ""
        return Report(self.source.root, by_events, len(self._polling), self._why, remedy, self._missed)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _begin_anew(self) -> None:
        before, self._polling, self._unwatched = self._events, Polling(self._poll_every), 0
        self._events = None
        if self._inotify is not None and self._mode != "poll" and not self._missed:
            path, follows = self.source.path, self.source.follows_symlinks
            self._events = Events(self._inotify, path, follow_symlinks=follows, hint=self.hint, lost=self.lost)
            self._why = ""
        self._attend(b"")
        if before is not None:
            before.close()

    def _attend(self, folder: bytes) -> None:
        if self._events is not None and (self._mode == "events" or self._tells(folder)):
            try:
                self._events.add(folder)
            except Limit:
                if not self._unwatched:
                    self._why = "the kernel's limit of watches is reached"
                    log.warning(
                        "%s: %s; what can't be watched is listed every %.0f s: %s",
                        self.source.root, self._why, self._poll_every, sysctl_line(1),
                    )  # fmt: skip
                self._unwatched += 1
            else:
                return
        self._polling.listed(folder, changed=False, now=self._clock())

    def _tells(self, folder: bytes) -> bool:
        mount = mount_of(joined(self.source.path, folder) if folder else self.source.path, self._mounts)
        if tells(mount):
            return True
        if mount is not None:
            self._why = f"{mount.kind} does not tell of changes made elsewhere"
        return False

    def _forget(self, folder: bytes) -> None:
        self._polling.forget(folder)
        if self._events is not None:
            self._events.forget(folder)

    def _judge(self, looked: Looked) -> None:
        """A whole look shows whether events had told of all that is new; where not, the root is polled from now on."""
        with self._lock:
            hinted = self._hinted | self._hinted_before
        missed = {folder for folder in looked.late - hinted if self._events is not None and folder in self._events}
        if missed and self._sure:
            self._missed += len(missed)
            self._why = "events did not tell of all that was new"
            log.warning("%s: %s; it is listed every %.0f s", self.source.root, self._why, self._poll_every)
            self.lost("")
        self._sure = True
