"""What of a feed is to be listed, and when; and what the feeds of one process share for it."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import cast

from watchdog.observers.inotify_c import InotifyFD

from synapse_sync.config import Feed
from synapse_sync.records import Look
from synapse_sync.sources.base import Source
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.mounts import MOUNTINFO, mounted
from synapse_sync.steps import Work
from synapse_sync.watching.root import Report, Root

MARGIN = 0.05
"""Seconds after a file can have settled that it is looked at: two clocks are compared."""

MOST = 60.0
"""Seconds until the next look at a file that could have settled and did not: some program still has it open."""

log = logging.getLogger(__name__)


class Watch:
    """One feed's roots. All but look_everywhere() is called from the feed's thread; times are monotonic."""

    def __init__(self, roots: Mapping[str, Root], rescan_every: float) -> None:
        self._roots = roots
        self._rescan_every = rescan_every
        self._rescan_at = 0.0

    def take(self, now: float) -> dict[str, Look]:
        """What is to be listed now, by asset; it counts as listed unless it is put back."""
        if now >= self._rescan_at:
            self.look_everywhere()
        return {asset: look for asset, root in self._roots.items() if (look := root.take(now)) is not None}

    def put_back(self, assets: set[str]) -> None:
        """Of these assets nothing could be listed."""
        for asset in assets:
            self._roots[asset].put_back()

    def next_due(self) -> float:
        """When take() will have something."""
        due = [at for root in self._roots.values() if (at := root.next_due()) is not None]
        return min([*due, self._rescan_at])

    def look_everywhere(self) -> None:
        """List everything. From any thread."""
        for root in self._roots.values():
            root.look_everywhere()

    def descends(self, asset: str) -> Callable[[bytes], bool]:
        """What Source.listing asks before it enters a folder."""
        return self._roots[asset].descends

    def after_run(self, work: Work) -> None:
        """A run has ended: what it listed, and where files wait for a second look."""
        for looked in work.looked:
            self._roots[looked.asset].looked(looked)
        if {looked.asset for looked in work.looked if looked.folders is None} == set(self._roots):
            self._rescan_at = time.monotonic() + self._rescan_every
        unsettled: dict[str, dict[bytes, float]] = defaultdict(dict)
        now = time.monotonic()
        offset = now - work.clock() + work.feed.settle + MARGIN
        again = now + min(max(work.feed.settle, 1.0), MOST)
        for row in work.ledger.query("unsettled_folders", feed=work.id):
            due = row["latest"] + offset
            unsettled[row["asset"]][bytes(row["dir"])] = due if due > now else again
        for asset, root in self._roots.items():
            root.settle_at(unsettled[asset])

    def report(self) -> list[Report]:
        """How each root is watched."""
        return [root.report() for root in self._roots.values()]

    def mounted(self) -> None:
        """The table of mounts has changed. From any thread."""
        mounts = mounted()
        for root in self._roots.values():
            root.mounted(mounts)

    def close(self) -> None:
        """Watch nothing any more."""
        for root in self._roots.values():
            root.close()


class Watching:
    """The events of this process, and its view of what is mounted; used until close()."""

    def __init__(self) -> None:
        logging.getLogger("watchdog").setLevel(logging.ERROR)  # Events.on_queue_overflow tells it
        self._watches: list[Watch] = []
        self._inotify: InotifyFD | None = None
        try:
            self._inotify = InotifyFD()
            self._inotify.start()
        except OSError as error:
            log.warning("no events can be had (%s): all folders are polled", error)
        self._closing, self._close = os.pipe()
        threading.Thread(target=self._follow_mounts, name="mounts", daemon=True).start()

    def follow(self, feed: Feed, sources: Mapping[str, Source], wake: Callable[[], None], rescan_every: float) -> Watch:
        """Watch a feed; wake() is called, from other threads, when something is due sooner than was thought."""
        roots = {
            asset: Root(
                cast("LocalSource", source),
                self._inotify,
                mode=feed.watch,
                poll_every=feed.poll_every,
                wake=wake,
                clock=time.monotonic,
            )
            for asset, source in sources.items()
        }
        watch = Watch(roots, rescan_every)
        watch.mounted()
        self._watches.append(watch)
        return watch

    def unfollow(self, watch: Watch) -> None:
        """Watch a feed no more."""
        self._watches.remove(watch)
        watch.close()

    def close(self) -> None:
        """Watch nothing any more."""
        for watch in list(self._watches):
            self.unfollow(watch)
        if self._inotify is not None:
            self._inotify.stop()
        os.write(self._close, b".")

    def _follow_mounts(self) -> None:
        """Wait, without waking up for it, until the table of mounts changes (proc(5): POLLPRI)."""
        with contextlib.suppress(OSError), open(MOUNTINFO, "rb") as table:
            poll = select.poll()
            poll.register(table, select.POLLPRI)
            poll.register(self._closing, select.POLLIN)
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if self._closing in ready:
                    break
                for watch in list(self._watches):
                    watch.mounted()
        os.close(self._closing)
        os.close(self._close)
