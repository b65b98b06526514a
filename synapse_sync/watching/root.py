"""One root that is watched: each folder by events or by polling, whichever its file system and the kernel allow."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass

from watchdog.observers.inotify_c import InotifyFD

from synapse_sync.records import Look, Looked, RootIdentity
from synapse_sync.shown import joined
from synapse_sync.sources.facts import root_identity
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.mounts import Mount, mount_of, mounted, mounts_about, tells
from synapse_sync.watching.events import Events, Limit
from synapse_sync.watching.folders import parent
from synapse_sync.watching.hints import DEBOUNCE, Hints, Taken
from synapse_sync.watching.limits import Lacking, instances_line
from synapse_sync.watching.polling import Polling
from synapse_sync.watching.quality import Quality

WHOLE = Look()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """How a root is watched: folders by events and by polling, why not all by events, and what to do about it.

    unwatched: folders that the kernel's limit leaves to polling. missed: folders in which a rescan found what events
    had not told. listed_at: when all of it was listed last (Unix).
    """

    root: str
    by_events: int
    by_polling: int
    unwatched: int
    why: str
    remedy: str
    missed: int
    listed_at: float | None


@dataclass(frozen=True)
class Terms:
    """How a feed wants its roots watched. mode: events, poll, or auto (events where the file system has them).

    poll_every, rescan_every: seconds between two looks at a folder without events, and between two at everything.
    """

    mode: str
    poll_every: float
    rescan_every: float


class Root:
    """What is to be listed of one root, and when. Times are the caller's monotonic clock.

    hint(), lost(), mounted(), check() and look_everywhere() are called from any thread, all else from the feed's own.
    """

    def __init__(
        self,
        source: LocalSource,
        inotify: InotifyFD | None,
        terms: Terms,
        lacking: Lacking,
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.source = source
        self._terms = terms
        self._lacking = lacking
        self._wake = wake
        self._clock = clock
        self._hints = Hints()
        self._hints.everything(0.0)
        self._polling = Polling(terms.poll_every)
        self._quality = Quality()
        self._events: Events | None = None
        if inotify is not None and terms.mode != "poll":
            follows = source.follows_symlinks
            self._events = Events(inotify, source.path, follow_symlinks=follows, hint=self.hint, lost=self.lost)
        self._no_instance = inotify is None and terms.mode != "poll"
        self._unsettled: Mapping[bytes, float] = {}
        self._rescan_at = 0.0
        self._began_at = self._ended_at = self._took = 0.0
        self._listed_at: float | None = None
        self._identity: RootIdentity | None = None
        self._real = source.path
        self._mounts: Sequence[Mount] = ()
        self._begun = False
        self._taken = Taken()
        self._look = WHOLE
        self._met: set[bytes] = set()
        self._grown: set[bytes] = set()
        self._unwatched = 0
        self._kinds: set[str] = set()

    def hint(self, folder: bytes, name: bytes, is_folder: bool, renewed: bool) -> None:
        """Something changed in a folder; renewed: a sub-folder came or went."""
        self._quality.heard(folder)
        if not renewed and folder in self._hints:
            return
        path = joined(folder, name) if name else folder
        if not (self.source.filters.enters(path) if is_folder or not name else self.source.keeps(folder, name)):
            return
        if self._hints.add(folder, self._clock(), path if renewed else None):
            self._wake()

    def lost(self, why: str) -> None:
        """What happened is not known, or concerns all: everything is listed, and each watch set once more.

        Not sooner than the last time has taken: where events are lost again and again, half of the time is free.
        """
        if why:
            log.info("%s: %s; all of it is listed again", self.source.root, why)
        self._quality.doubt()
        self._hints.everything(max(self._clock() + DEBOUNCE, self._ended_at + self._took))
        self._wake()

    def look_everywhere(self) -> None:
        """List everything."""
        self._hints.everything(0.0)

    def mounted(self, mounts: Sequence[Mount]) -> None:
        """What is mounted now; where it concerns this root, all is listed. The first look sees for itself."""
        if self._begun and self._see(mounts):
            self.lost("")

    def check(self) -> bool:
        """Look whether the root is the folder that it was, which no event may tell; whether it is there.

        Not where a server may keep us waiting for the answer, or what is mounted is not known yet: there the next look
        finds out.
        """
        if not self._begun or not tells(mount_of(self._real, self._mounts)):
            return True
        now, before = self._identify(), self._identity
        if now != before:
            self._identity = now
            self.lost("it is there again" if before is None else "it is another folder now, or gone")
        return now is not None

    def next_due(self) -> float:
        """When take() will have something."""
        due = [self._hints.next_due(), self._polling.next_due(), self._quality.judge_at, self._rescan_at]
        due.append(min(self._unsettled.values(), default=None))
        return min(at for at in due if at is not None)

    def take(self, now: float) -> Look | None:
        """What is to be listed now, if anything; it counts as listed unless it is put back."""
        self._judge(now)
        if now >= self._rescan_at:
            self._hints.everything(0.0)
        taken = self._hints.take(now)
        due = taken.folders | self._polling.take(now) | {folder for folder, at in self._unsettled.items() if at <= now}
        if not taken.whole and not due:
            return None
        self._taken = taken
        if taken.whole or self.source.follows_symlinks:  # which way to a folder counts is known to whole listings only
            self._identity = self._identify()
            if not self._begun:  # what other threads have seen until now is what this look begins with
                self._mounts, self._begun = mounted(), True
            return WHOLE
        return Look(frozenset(due), frozenset(folder for folder in due if folder in self._polling))

    def begin(self, look: Look) -> Callable[[bytes], bool]:
        """Such a look begins now; what the listing asks of each sub-folder that it meets: whether to list it as well.

        What is listed anew is watched from here on, before it is opened: nothing falls between the two.
        """
        self._look, self._met, self._grown = look, set(), set()
        if look.folders is not None:
            return self._is_new
        self._began_at = self._clock()
        self._unwatched, self._kinds = 0, set()
        self._real = os.path.realpath(self.source.path)
        if self._see(mounted()):
            self._quality.doubt()
        self._quality.begin()
        self._meet(b"")
        return self._meet

    def looked(self, looked: Looked) -> None:
        """What was begun has been listed."""
        now = self._clock()
        if looked.folders is None:
            self._looked_everywhere(looked, now)
            visited: Collection[bytes] = self._met
        else:
            asked = self._look.folders or frozenset()
            self._forget((self._taken.renewed - self._met) | (asked - looked.folders - looked.unreadable))
            visited = looked.folders | looked.unreadable
        changed = looked.changed | self._grown
        for folder in self._polling.folders().intersection(visited):
            new = bool(changed) if self.source.follows_symlinks else folder in changed
            self._polling.listed(folder, changed=new, now=now)
        if looked.unsure:
            self._hints.everything(max(now + DEBOUNCE, self._ended_at + self._terms.poll_every))
        if self._lacking.note(self, self._unwatched):
            log.warning("%s: %s: %s", self.source.root, *self._why())

    def settle_at(self, unsettled: Mapping[bytes, float]) -> None:
        """Folders that are to be listed again at these times, for files in them that can have settled then."""
        self._unsettled = unsettled

    def report(self) -> Report:
        """How it is watched."""
        events = self._events
        by_events = len(events) if events is not None else 0
        why, remedy = self._why()
        counts = (by_events, len(self._polling), self._unwatched)
        return Report(self.source.root, *counts, why, remedy, self._quality.missed, self._listed_at)

    def close(self) -> None:
        """Watch nothing any more."""
        self._lacking.note(self, 0)
        if self._events is not None:
            self._events.close()
            self._events = None

    def _looked_everywhere(self, looked: Looked, now: float) -> None:
        self._ended_at, self._took, self._listed_at = now, now - self._began_at, looked.at
        self._rescan_at = now + self._terms.rescan_every
        self._polling.keep(self._met)
        if self._events is not None:
            self._events.keep(self._met)
            if not self.source.follows_symlinks:  # there one folder has many paths
                hinted = self._taken.folders | self._hints.folders()
                self._quality.suspect(looked.late, self._events.watched_before, hinted, now)

    def _meet(self, folder: bytes) -> bool:
        """In a look at everything: each folder."""
        self._met.add(folder)
        self._attend(folder)
        return True

    def _is_new(self, folder: bytes) -> bool:
        """In a look at some folders: whether this is none that we knew, or lies below such a one."""
        above = parent(folder)
        known = folder in self._polling or (self._events is not None and folder in self._events)
        if known and folder not in self._taken.renewed and above not in self._met:
            return False
        self._met.add(folder)
        self._grown.add(above)
        self._attend(folder)
        return True

    def _attend(self, folder: bytes) -> None:
        """Watch a folder by events where these tell, else by polling; neither where it is gone or may not be read.

        Events then tell of it once it may be read. Setting a watch that is there already costs 5 µs and repairs one
        that is another folder's by now.
        """
        if self._events is not None and (self._terms.mode == "events" or self._tells(folder)):
            try:
                self._events.add(folder)
            except Limit:
                self._unwatched += 1
            else:
                self._polling.discard(folder)
                return
        if self._events is not None:
            self._events.discard(folder)
        if folder not in self._polling and not (folder and self.source.follows_symlinks):
            self._polling.listed(folder, changed=False, now=self._clock())

    def _tells(self, folder: bytes) -> bool:
        path = joined(self._real, folder) if folder else self._real
        if self.source.follows_symlinks:
            path = os.path.realpath(path)
        mount = mount_of(path, self._mounts)
        if mount is None or tells(mount):
            return True
        self._kinds.add(mount.kind)
        return False

    def _forget(self, gone: Set[bytes]) -> None:
        self._polling.forget(gone)
        if self._events is not None:
            self._events.forget(gone)

    def _judge(self, now: float) -> None:
        if self._quality.judge(now) and self._events is not None:
            self._events.close()
            self._events = None
            log.warning("%s: %s; it is polled from now on", self.source.root, self._why()[0])
            self._hints.everything(now)

    def _see(self, mounts: Sequence[Mount]) -> bool:
        """Keep what is mounted; whether something else concerns this root than before."""
        before, self._mounts = self._mounts, mounts
        return mounts_about(self._real, mounts) != mounts_about(self._real, before)

    def _identify(self) -> RootIdentity | None:
        try:
            return root_identity(os.stat(self.source.path))
        except OSError:
            return None

    def _why(self) -> tuple[str, str]:
        """Why not all of it is watched by events, and what to do about it; "" each where there is nothing."""
        if self._terms.mode == "poll":
            return 'watch = "poll"', ""
        if self._no_instance:
            return "the kernel grants this user no more inotify instances", instances_line()
        why = []
        if self._quality.missed:
            why.append("events did not tell of all that was new")
        if self._kinds:
            why.append(f"{', '.join(sorted(self._kinds))} does not tell of changes made elsewhere")
        if self._unwatched:
            why.append(f"the kernel's limit of watches leaves {self._unwatched:,} folders to polling")
        return "; ".join(why), self._lacking.remedy() if self._unwatched else ""
