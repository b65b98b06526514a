"""One feed of the daemon, in a thread of its own: it waits until something is due, runs, and waits again.

Nothing that matters is kept here: what is to be listed is in memory because a start lists everything, and all else is
in the ledger. An error never ends the thread: it tries again, later each time. Time is monotonic, so that a clock that
jumps delays nothing.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from synapse_sync.assembly import next_run
from synapse_sync.config import Feed, Schedule
from synapse_sync.errors import DestinationError, LedgerError, SynapseSyncError, TokenRefused
from synapse_sync.memory import give_back
from synapse_sync.runner import Pass, tend
from synapse_sync.status.snapshot import moment
from synapse_sync.steps import Work
from synapse_sync.watching import Watch, Watching

SHORTEST, LONGEST = 2.0, 300.0
"""Seconds between attempts where the server or the ledger fails: they double from one to the other."""

FOLDER = 30.0
"""Seconds between two looks for a folder that is not there, at most: looking costs next to nothing."""

GAP = 1.0
"""Seconds between two runs at least, so that files that trickle in are taken together."""

STUCK = 900.0
"""Seconds without progress after which a feed that is at work is believed to be stuck: nothing takes that long, but for
a folder that does not answer, for which there is nothing to be done here."""

Result = TypeVar("Result")
Failure = TypeVar("Failure", bound=SynapseSyncError)
log = logging.getLogger(__name__)


@dataclass
class Trouble(Generic[Failure]):
    """What fails again and again, and when it is tried next (monotonic); longest: seconds between two attempts."""

    longest: float = LONGEST
    error: Failure | None = None
    failures: int = 0
    until: float = 0.0

    def met(self, error: Failure, now: float) -> None:
        """It failed; the next attempt comes later than the last time."""
        self.error = error
        self.failures += 1
        window = min(SHORTEST * 2.0 ** min(self.failures, 16), self.longest)
        self.until = now + max(window * random.uniform(0.5, 1.0), getattr(error, "retry_after", 0.0))  # noqa: S311

    def over(self) -> None:
        """It works again."""
        self.error, self.failures, self.until = None, 0, 0.0


@dataclass
class FeedLoop:
    """A feed at work until stop(). begin(progressed) makes its Work; told is called with each run that ended.

    paused: a person has asked it to rest.
    """

    feed: Feed
    begin: Callable[[Callable[[str, int], None]], Work]
    watching: Watching
    schedule: Schedule
    told: Callable[[Pass], None]
    paused: bool = False
    progressed_at: float = field(default_factory=time.monotonic)
    server: Trouble[DestinationError] = field(default_factory=Trouble)
    folder: Trouble[SynapseSyncError] = field(default_factory=lambda: Trouble(FOLDER))
    ledger: Trouble[SynapseSyncError] = field(default_factory=Trouble)
    fatal: LedgerError | None = None

    def __post_init__(self) -> None:
        self.work: Work | None = None
        self.watch: Watch | None = None
        self.runs = 0
        self._stop = threading.Event()
        self._news = threading.Event()
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._run_at = 0.0
        self._attempt_at: float | None = None
        self._thread = threading.Thread(target=self._live, name=f"feed-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin; everything is listed first."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end: what is under way is finished or parked, and recorded."""
        self._stop.set()
        self._news.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end; False where it goes on after `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def trigger(self) -> None:
        """Run now, and list everything first."""
        self._run_at = 0.0
        if self.watch is not None:
            self.watch.look_everywhere()
        for trouble in (self.server, self.folder, self.ledger):
            trouble.until = 0.0
        self._news.set()

    def soon(self) -> None:
        """Run as soon as can be: something may be ready."""
        self._run_at = 0.0
        self._news.set()

    def rest(self, resting: bool) -> None:
        """Begin no more runs, or go on."""
        self.paused = resting
        self.trigger()

    def post(self, act: Callable[[Work], None]) -> None:
        """Have act(work) done by this feed's thread before its next run."""
        self._calls.put(lambda: act(self._working()[0]))
        self._news.set()

    def call(self, act: Callable[[Work], Result], timeout: float) -> Result:
        """Have act(work) done by this feed's thread, between two pieces of work.

        Raises what it raises, and TimeoutError after `timeout` seconds; then it is done later all the same.
        """
        future: Future[Result] = Future()

        def acted() -> None:
            try:
                future.set_result(act(self._working()[0]))
            except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                future.set_exception(error)

        self._calls.put(acted)
        self._news.set()
        return future.result(timeout)

    def lives(self, now: float) -> bool:
        """Whether the thread is there and, where it is at work, gets on with it."""
        return self._thread.is_alive() and (self.doing in ("", "list") or now - self.progressed_at < STUCK)

    @property
    def name(self) -> str:
        """The feed's name."""
        return self.feed.name

    @property
    def doing(self) -> str:
        """The step that is at work, "list", or "" while it waits."""
        return self.work.doing if self.work is not None else ""

    def next_due(self) -> float:
        """When it will look at its feed again (monotonic), unless something happens before."""
        due = [] if self.watch is None else [self.watch.next_due()]
        if self.folder.error is None:  # else nothing is done before it is there
            due.append(self._run_at)
        if self._attempt_at is not None and self.folder.error is None:
            due.append(max(self._attempt_at, self.server.until))
        return max(min(due), self.ledger.until)

    def _live(self) -> None:
        try:
            self._tend()
        finally:
            if self.watch is not None:
                self.watching.unfollow(self.watch)

    def _tend(self) -> None:
        while not self._stop.is_set():
            self._take_calls()
            now = time.monotonic()
            if not self.paused and now >= self.next_due():
                self._run_guarded(now)
                self._stop.wait(GAP)
                continue
            self._news.clear()
            if self._calls.empty() and not self._stop.is_set():
                self._news.wait(None if self.paused else max(self.next_due() - time.monotonic(), 0.0))

    def _run_guarded(self, now: float) -> None:
        try:
            self._run(now)
            self.ledger.over()
        except LedgerError as error:
            if error.retry != "later":
                self.fatal = error
                self._stop.set()
            self.ledger.met(error, now)
            log.error("%s", error, extra={"feed": self.name, "error_class": type(error).__name__})  # noqa: TRY400 - words
        except Exception as fault:
            wrapped = SynapseSyncError(f"unexpected {type(fault).__name__}: {fault}", hint="a fault of synapse-sync")
            self.ledger.met(wrapped, now)
            log.exception("feed %s: %s", self.name, wrapped, extra={"feed": self.name})
        finally:
            if self.work is not None:
                self.work.doing = ""

    def _run(self, now: float) -> None:
        work, watch = self._working()
        work = self.work = next_run(work)
        if isinstance(self.server.error, TokenRefused) and work.destination.renew():
            self.server.over()
        offline = self.server.error if now < self.server.until else None
        known = [str(trouble.error) for trouble in (self.server, self.folder) if trouble.error is not None]
        looks = watch.take(now)
        if not looks and self.folder.error is not None:
            return
        try:
            one = tend(work, looks, offline=offline, known=known)
        finally:
            watch.after_run(work)
        ended = time.monotonic()
        self._run_at = ended + self.schedule.run_every
        if one.stopped is not None and len(work.looked) < len(looks):
            self.folder.met(one.stopped, ended)
        elif looks:
            self.folder.over()
        if one.offline is None:
            self.server.over()
        elif one.offline is not offline:
            self.server.met(one.offline, ended)
        self._attempt_at = self._next_attempt(work, ended)
        self.told(one)
        if work.run.changed:
            work.ledger.rest()
            give_back()

    def _next_attempt(self, work: Work, ended: float) -> float | None:
        """When something that failed is due again (monotonic)."""
        now = work.clock()
        due = work.ledger.query("next_attempt", feed=work.id, now=now, limit=1 << 40)[0]["due"]
        return None if due is None else ended + due - now

    def _working(self) -> tuple[Work, Watch]:
        if self.work is None or self.watch is None:
            work = self.begin(self._progressed)
            work.stop = self._stop
            work.between = self._between
            self.watch = self.watching.follow(self.feed, work.sources, self._news.set, self.schedule.rescan_every)
            work.descends = self.watch.begin
            self.work = work
        return self.work, self.watch

    def _between(self) -> None:
        self._progressed()
        self._take_calls()

    def _progressed(self, _name: str = "", _amount: int = 0) -> None:
        self.progressed_at = time.monotonic()

    def _take_calls(self) -> None:
        while True:
            try:
                act = self._calls.get_nowait()
            except Empty:
                return
            act()


def facts(loop: FeedLoop) -> dict[str, Any]:
    """What the loop knows of itself, as plain data: name, doing, paused, next_look (in seconds), trouble, watched."""
    reports = [] if loop.watch is None else loop.watch.report()
    watched = [{**asdict(report), "listed_at": moment(report.listed_at)} for report in reports]
    trouble = next((each.error for each in (loop.ledger, loop.folder, loop.server) if each.error is not None), None)
    return {
        "name": loop.name,
        "doing": loop.doing,
        "paused": loop.paused,
        "next_look": None if loop.paused else round(max(loop.next_due() - time.monotonic(), 0.0), 1),
        "trouble": "" if trouble is None else str(trouble),
        "watched": watched,
    }
