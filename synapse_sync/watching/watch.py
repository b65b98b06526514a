"""What of a feed is to be listed, and when; and what the feeds of one process share for it."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from watchdog.observers.inotify_c import InotifyFD

from synapse_sync.config import Feed
from synapse_sync.records import Look
from synapse_sync.sources.base import Source
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.mounts import MOUNTINFO, Mount, mounted
from synapse_sync.steps import Work
from synapse_sync.watching.limits import Lacking, instances_line
from synapse_sync.watching.polled import PolledRoot
from synapse_sync.watching.root import Report, Root, Terms

MARGIN = 0.05
"""Seconds after a file can have settled that it is looked at: two clocks are compared."""

MOST = 60.0
"""Seconds until the next look at a file that could have settled and did not: some program still has it open."""

SHORTEST, LONGEST = 4.0, 30.0
"""Seconds until a root that could not be listed is tried again: they double from one to the other."""

CHECK, CHECK_MISSING = 10.0, 5.0
"""Seconds between two looks whether each root is the folder that it was, and whether one that is missing is back."""

CLOSING = 2.0
"""Seconds that the thread may take to end: it may be looking at a folder on a mount that does not answer."""

log = logging.getLogger(__name__)


class Watch:
    """One feed's roots. All but look_everywhere() is called from the feed's thread; times are monotonic."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._roots: dict[str, Root | PolledRoot] = {}
        self._taken: set[str] = set()
        self._failures = 0
        self._retry_at = 0.0

    def add(self, asset: str, root: Root | PolledRoot) -> None:
        """One more root; before anything else."""
        self._roots[asset] = root

    def take(self, now: float) -> dict[str, Look]:
        """What is to be listed now, by asset. after_run() puts back what was not."""
        looks = {}
        if now >= self._retry_at:
            looks = {asset: look for asset, root in self._roots.items() if (look := root.take(now)) is not None}
        self._taken = set(looks)
        return looks

    def next_due(self) -> float:
        """When take() will have something."""
        return max(min(root.next_due() for root in self._roots.values()), self._retry_at)

    def look_everywhere(self) -> None:
        """List everything. From any thread."""
        for root in self._roots.values():
            root.look_everywhere()
        self._retry_at = 0.0

    def urgent(self) -> None:
        """What could not be listed may be there now. From any thread."""
        self._retry_at = 0.0
        self._wake()

    def begin(self, asset: str, look: Look) -> Callable[[bytes], bool]:
        """An asset is listed now, to this extent; what Source.listing asks before it enters a folder."""
        return self._roots[asset].begin(look)

    def after_run(self, work: Work) -> None:
        """A run has ended: what it listed, what it could not, and where files wait for a second look."""
        for looked in work.looked:
            self._roots[looked.asset].looked(looked)
        self._put_back(self._taken - {looked.asset for looked in work.looked})
        unsettled: dict[str, dict[bytes, float]] = defaultdict(dict)
        now = time.monotonic()
        offset = now - work.clock() + MARGIN
        again = now + min(max(work.feed.settle, 1.0), MOST)
        for row in work.ledger.query("unsettled_folders", feed=work.id):
            due = row["latest"] + work.settle(row["asset"]) + offset
            unsettled[row["asset"]][bytes(row["dir"])] = due if due > now else again
        for asset, root in self._roots.items():
            root.settle_at(unsettled[asset])

    def _put_back(self, assets: set[str]) -> None:
        """A feed of which a root can't be listed waits as a whole, longer each time."""
        for asset in assets:
            self._roots[asset].look_everywhere()
        if assets:
            window = min(SHORTEST * 2.0**self._failures, LONGEST)
            self._failures += 1
            self._retry_at = time.monotonic() + window * random.uniform(0.5, 1.0)  # noqa: S311 - not all at once
        elif self._taken:
            self._failures, self._retry_at = 0, 0.0
        self._taken = set()

    def report(self) -> list[Report]:
        """How each root is watched."""
        return [root.report() for root in self._roots.values()]

    def mounted(self, mounts: Sequence[Mount]) -> None:
        """The table of mounts has changed. From any thread."""
        for root in self._roots.values():
            root.mounted(mounts)

    def check(self) -> bool:
        """Look for roots that were replaced; whether all are there. From any thread."""
        there = [root.check() for root in self._roots.values()]
        return all(there)

    def close(self) -> None:
        """Watch nothing any more."""
        for root in self._roots.values():
            root.close()


class Watching:
    """The events of this process, and its view of what is mounted; used until close()."""

    def __init__(self) -> None:
        logging.getLogger("watchdog").setLevel(logging.ERROR)  # Events.on_queue_overflow tells it
        self._watches: list[Watch] = []
        self._lacking = Lacking()
        self._inotify: InotifyFD | None = None
        try:
            self._inotify = InotifyFD()
            self._inotify.start()
        except OSError as error:
            log.warning("no events can be had (%s), so all folders are polled: %s", error, instances_line())
        self._closing, self._close = os.pipe()
        self._thread = threading.Thread(target=self._tend, name="watching", daemon=True)
        self._thread.start()

    def follow(self, feed: Feed, sources: Mapping[str, Source], wake: Callable[[], None], rescan_every: float) -> Watch:
        """Watch a feed; wake() is called, from other threads, when something is due sooner than was thought."""
        terms = Terms(feed.watch, feed.poll_every, rescan_every)
        watch = Watch(wake)
        for asset, source in sources.items():
            if isinstance(source, LocalSource):
                root: Root | PolledRoot = Root(
                    source, self._inotify, terms, self._lacking, watch.urgent, time.monotonic
                )
            else:
                root = PolledRoot(source, terms, time.monotonic)
            watch.add(asset, root)
        self._watches.append(watch)
        return watch

    def unfollow(self, watch: Watch) -> None:
        """Watch a feed no more."""
        with contextlib.suppress(ValueError):  # a feed that hung may end long after close()
            self._watches.remove(watch)
        watch.close()

    def close(self) -> None:
        """Watch nothing any more."""
        for watch in list(self._watches):
            self.unfollow(watch)
        os.write(self._close, b".")
        self._thread.join(CLOSING)
        if not self._thread.is_alive():  # else a folder does not answer
            os.close(self._closing)
            os.close(self._close)
        if self._inotify is not None:
            self._inotify.stop()

    def _tend(self) -> None:
        """Hear of each change of the table of mounts (proc(5): POLLPRI), and look after the roots now and then."""
        poll = select.poll()
        poll.register(self._closing, select.POLLIN)
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                poll.register(stack.enter_context(open(MOUNTINFO, "rb")), select.POLLPRI)
            there = [True]
            while True:
                pause = CHECK if all(there) else CHECK_MISSING
                ready = {descriptor for descriptor, _ in poll.poll(pause * 1000)}
                if self._closing in ready:
                    return
                watches = list(self._watches)
                if ready:
                    mounts = mounted()
                    for watch in watches:
                        watch.mounted(mounts)
                there = [watch.check() for watch in watches]
