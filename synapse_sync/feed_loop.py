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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, TypeVar

from synapse_sync.assembly import next_run
from synapse_sync.calls import Calls
from synapse_sync.clocks import Clocks
from synapse_sync.config import Config, Feed
from synapse_sync.errors import DestinationError, LedgerError, SynapseSyncError, TokenRefused
from synapse_sync.memory import give_back
from synapse_sync.runner import Pass, tend
from synapse_sync.status.snapshot import moment
from synapse_sync.steps import STEPS, Work, wait_anew
from synapse_sync.watching import Watch, Watching

SHORTEST, LONGEST = 2.0, 300.0
"""Seconds between attempts where the server or the ledger fails: they double from one to the other."""

GAP = 1.0
"""Seconds between two runs at least, so that files that trickle in are taken together."""

STUCK = 900.0
"""Seconds without progress after which a feed that is at work is believed to be stuck."""

HUNG = 10.0
"""Seconds without progress at a folder or a file after which nobody waits for a feed that is to end: a mount whose
server is gone answers hours later, or never, and what was read is read again."""

LOCAL = frozenset({"list", *(step.name for step in STEPS if not step.network)})
"""What a feed is at when it may hang for a folder that does not answer; a restart does not change that."""

JUMP = 1.0
"""Seconds by which the clock was set, or the machine slept, from which on what waits in a feed waits anew."""

Result = TypeVar("Result")
Failure = TypeVar("Failure", bound=SynapseSyncError)
log = logging.getLogger(__name__)


@dataclass
class Trouble(Generic[Failure]):
    """What fails again and again, and when it is tried next (monotonic)."""

    error: Failure | None = None
    failures: int = 0
    until: float = 0.0
    signs: set[str] = field(default_factory=set)

    def met(self, error: Failure, now: float) -> None:
        """It failed; the next attempt comes later than the last time."""
        self.error = error
        self.signs.add(error.sign)
        self.failures += 1
        window = min(SHORTEST * 2.0 ** min(self.failures, 16), LONGEST)
        self.until = now + max(window * random.uniform(0.5, 1.0), getattr(error, "retry_after", 0.0))  # noqa: S311

    def over(self) -> None:
        """It works again."""
        self.error, self.failures, self.until = None, 0, 0.0
        self.signs.clear()


@dataclass
class FeedLoop:
    """A feed at work until stop(). begin(progressed) makes its Work; told is called with each run that ended.

    paused: a person has asked it to rest. after: loops of this feed that were asked to end and may still be at work:
    this one begins when they are not. due_at: when it looks at its feed again (monotonic), unless something happens
    before. folder: what keeps it from listing; when that is tried again is the watch's to say. Attributes that have no
    underscore may be read from any thread.
    """

    feed: Feed
    begin: Callable[[Callable[[str, int], None]], Work]
    watching: Watching
    config: Callable[[], Config]
    told: Callable[[Pass], None]
    after: Sequence[FeedLoop] = ()
    paused: bool = False
    progressed_at: float = field(default_factory=time.monotonic)
    server: Trouble[DestinationError] = field(default_factory=Trouble)
    folder: Trouble[SynapseSyncError] = field(default_factory=Trouble)
    ledger: Trouble[SynapseSyncError] = field(default_factory=Trouble)
    fatal: SynapseSyncError | None = None

    def __post_init__(self) -> None:
        self.work: Work | None = None
        self.watch: Watch | None = None
        self.due_at = 0.0
        self._lists = False
        self._stop = threading.Event()
        self._news = threading.Event()
        self._calls = Calls(self._news.set)
        self._clocks = Clocks()
        self._run_at = 0.0
        self._attempt_at: float | None = None
        self._thread = threading.Thread(target=self._live, name=f"feed-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin; everything is listed first."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end: what is under way is finished or parked, and recorded."""
        self._stop.set()
        self._end_run()

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
        """Rest: what is under way is finished or parked, as stop() does it. Or go on."""
        self.paused = resting
        if resting:
            self._end_run()
        else:
            self.trigger()

    def call(self, act: Callable[[], Result], timeout: float) -> Result:
        """Have act() done by this feed's thread, between two pieces of work.

        Raises what it raises, and ControlRefused where it was not begun in `timeout` seconds: then it never is.
        """
        busy = f"feed {self.name} is at: {self.doing}" if self.doing else f"feed {self.name} has not begun"
        return self._calls.call(act, timeout, busy)

    def gets_on(self, now: float) -> bool:
        """Whether it waits or has got on of late."""
        return not self.doing or now - self.progressed_at < STUCK

    def lives(self, now: float) -> bool:
        """Whether the thread is there, and gets on wherever it could be helped."""
        return self._thread.is_alive() and (self.doing in LOCAL or self.gets_on(now))

    def hangs(self, now: float) -> bool:
        """Whether a folder or file keeps it from ending, perhaps for ever."""
        return self.doing in LOCAL and now - self.progressed_at >= HUNG

    @property
    def name(self) -> str:
        """The feed's name."""
        return self.feed.name

    @property
    def alive(self) -> bool:
        """Whether its thread is there."""
        return self._thread.is_alive()

    @property
    def doing(self) -> str:
        """The step that is at work, "list", or "" while it waits."""
        return (self.work.doing if self.work is not None else "") or ("list" if self._lists else "")

    def _next_due(self) -> float:
        due = [] if self.watch is None else [self.watch.next_due()]
        if self.folder.error is None:  # else nothing is done before it is there
            due.append(self._run_at)
        if self._attempt_at is not None and self.folder.error is None:
            due.append(max(self._attempt_at, self.server.until))
        if self.server.error is not None and self.folder.error is None:
            due.append(self.server.until)
        return max(min(due), self.ledger.until)

    def _live(self) -> None:
        try:
            if self._alone():
                self._tend()
        except BaseException as fault:
            self.fatal = _unexpected(fault)
            log.exception("feed %s ends: %s", self.name, self.fatal, extra={"feed": self.name})
        finally:
            self._calls.end()
            if self.watch is not None:
                self.watching.unfollow(self.watch)

    def _alone(self) -> bool:
        """Wait until no other thread is at this feed; False where it was asked to end before."""
        for before in self.after:
            while not before.join(GAP):
                if self._stop.is_set():
                    return False
        self.after = ()
        return True

    def _tend(self) -> None:
        while not self._stop.is_set():
            self._calls.take()
            now = time.monotonic()
            self.due_at = self._next_due()
            if not self.paused and now >= self.due_at:
                self._run_guarded(now)
                self._stop.wait(GAP)
                continue
            self._news.clear()
            if self._calls.empty() and not self._stop.is_set():
                self._news.wait(None if self.paused else max(self._next_due() - time.monotonic(), 0.0))

    def _run_guarded(self, now: float) -> None:
        try:
            self._run(now)
            self.ledger.over()
        except LedgerError as error:
            if error.retry != "later":
                self.fatal = error
                self._stop.set()
            self.ledger.met(error, time.monotonic())
            log.error("%s", error, extra={"feed": self.name, "error_class": type(error).__name__})  # noqa: TRY400 - words
        except Exception as fault:
            wrapped = _unexpected(fault)
            self.ledger.met(wrapped, time.monotonic())
            log.exception("feed %s: %s", self.name, wrapped, extra={"feed": self.name})
        finally:
            self._lists = False
            if self.work is not None:
                self.work.doing = ""

    def _run(self, now: float) -> None:
        self._progressed()
        self._lists = True  # the folders are looked at from here on
        work, watch = self._working()
        work = self.work = next_run(replace(work, config=self.config(), stop=threading.Event()))
        if self.paused or self._stop.is_set():
            work.stop.set()  # asked for while the event was made
        passed = self._clocks.look()
        if abs(passed.set) > JUMP or passed.slept > JUMP:
            wait_anew(work)
        if isinstance(self.server.error, TokenRefused) and work.destination.renew():
            self.server.over()
        offline = self.server.error if now < self.server.until else None
        known = self.server.signs | self.folder.signs
        looks = watch.take(now)
        if not looks and self.folder.error is not None:
            return
        try:
            one = tend(work, looks, offline=offline, known=known)
        finally:
            watch.after_run(work)
            self._lists = False
        ended = time.monotonic()
        self._run_at = ended + work.config.schedule.run_every
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
        if looks or work.run.changed:
            work.ledger.rest()
            give_back()

    def _next_attempt(self, work: Work, ended: float) -> float | None:
        """When something that failed is due again (monotonic)."""
        now = work.clock()
        due = work.ledger.query("next_attempt", feed=work.id, now=now, limit=1 << 40)[0]["due"]
        return None if due is None else ended + due - now

    def _working(self) -> tuple[Work, Watch]:
        if self.work is not None and self.watch is not None and not self.work.is_astray():
            return self.work, self.watch
        work = self.begin(self._progressed)
        work.between = self._calls.take
        work.progressed = self._progressed
        watch = self.watch
        if watch is None or not work.is_astray():  # else it knows when such a root is tried again
            if watch is not None:
                self.watching.unfollow(watch)
            every = self.config().schedule.rescan_every
            watch = self.watching.follow(self.feed, work.sources, self._news.set, every)
        work.descends = watch.begin
        self.work, self.watch = work, watch
        return work, watch

    def _end_run(self) -> None:
        """Have the run that is under way, if there is one, end in order."""
        if self.work is not None:
            self.work.stop.set()
        self._news.set()

    def _progressed(self, _name: str = "", _amount: int = 0) -> None:
        self.progressed_at = time.monotonic()


def _unexpected(fault: BaseException) -> SynapseSyncError:
    error = SynapseSyncError(f"unexpected {type(fault).__name__}: {fault}", hint="a fault of synapse-sync")
    error.exit_code = 4
    return error


def facts(loop: FeedLoop) -> dict[str, Any]:
    """What the loop knows of itself, as plain data: name, doing, paused, next_look (in seconds), trouble, watched."""
    watch = loop.watch
    reports = [] if watch is None else watch.report()
    return {
        "name": loop.name,
        "doing": loop.doing,
        "paused": loop.paused,
        "next_look": None if loop.paused else round(max(loop.due_at - time.monotonic(), 0.0), 1),
        "trouble": _trouble(loop),
        "watched": [{**asdict(report), "listed_at": moment(report.listed_at)} for report in reports],
    }


def _trouble(loop: FeedLoop) -> str:
    now = time.monotonic()
    if loop.after:
        return "begins with its new settings once it has ended what it is at with the old ones; a restart does not wait"
    if not loop.gets_on(now):
        return f"has been at {loop.doing} for {(now - loop.progressed_at) / 60:.0f} min and does not get on"
    errors = (each.error for each in (loop.ledger, loop.folder, loop.server))
    return str(next((error for error in errors if error is not None), ""))
