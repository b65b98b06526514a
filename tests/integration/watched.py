"""A feed whose folders are really watched, looked at as its thread would, without the waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from synapse_sync.assembly import next_run, open_destination, put_to_work
from synapse_sync.config import load, resolve
from synapse_sync.ledger import open_for_writing
from synapse_sync.records import Look
from synapse_sync.steps import Work, scan, settle
from synapse_sync.watching import Watch, Watching

from .conftest import Installation, until

LATER = 2.0  # seconds that a hint has become old: tests don't wait for it


class Watched:
    """A feed whose folders are watched; look() does what its thread would do now."""

    def __init__(self, site: Installation, work: Work, watching: Watching) -> None:
        self.site = site
        self.work = work
        self.news = 0
        self.watch: Watch = watching.follow(work.feed, work.sources, self._wake, 3600.0)
        work.descends = self.watch.begin
        self.looks: list[Look] = []

    def _wake(self) -> None:
        self.news += 1

    def look(self, ahead: float = LATER) -> list[Look]:
        """List what is due `ahead` seconds from now; what that was."""
        self.work = next_run(self.work)
        looks = self.watch.take(time.monotonic() + ahead)
        try:
            scan(self.work, looks)
            settle(self.work)
        finally:
            self.watch.after_run(self.work)
        return list(looks.values())

    def settled(self) -> bool:
        """Whether the ledger has exactly the files that the disk has, after looking at what is due."""
        self.looks += self.look()
        return self.known() == self.there()

    def known(self) -> set[bytes]:
        rows = self.work.ledger.query("list_files", feed=self.work.id, state=None, limit=10**9)
        return {
            bytes(row["dir"]) + b"/" * bool(row["dir"]) + bytes(row["name"]) for row in rows if row["state"] != "gone"
        }

    def there(self) -> set[bytes]:
        root = os.fsencode(self.site.share)
        found = (os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
        return {path[len(root) + 1 :] for path in found}

    def follows(self) -> None:
        """The ledger comes to have what the disk has, and by looks at single folders alone."""
        self.looks = []
        until(self.settled, "the ledger has what the disk has")
        assert all(look.folders is not None for look in self.looks), "everything was listed"

    @property
    def report(self) -> str:
        (report,) = self.watch.report()
        return f"{report.by_events} by events, {report.by_polling} by polling"


@contextmanager
def watching(site: Installation) -> Iterator[Callable[..., Watched]]:
    """Within it, watched(feed, extra) puts the site's feed to work with these lines in its config, and watches it."""
    site.configure()
    config = load(Path(site.config))
    events = Watching()
    with open_destination(config, resolve(config)) as destination, open_for_writing(site.ledger, create=True) as ledger:

        def watched(feed: str = "", extra: str = "") -> Watched:
            site.configure(feed=feed, extra=extra)
            config = load(Path(site.config))
            work = put_to_work(config, config.feeds[0], ledger, destination, patient=True, clock=time.time)
            one = Watched(site, work, events)
            assert set(one.look()) == {Look()}, "a start lists everything"
            assert one.known() == one.there()
            return one

        yield watched
        events.close()
