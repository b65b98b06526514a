"""The daemon: each feed in a thread of its own, the schedule, the door for commands, signals, and reloading.

One process holds the ledger. The main thread does next to nothing: it is woken by signals and commands, looks after the
feeds' threads every few seconds, and puts a changed config in place of the old one.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from synapse_sync import logs
from synapse_sync.assembly import open_destination, put_to_work
from synapse_sync.bulletin import Bulletin
from synapse_sync.commands import Commands
from synapse_sync.config import Config, Feed, ledger_path, load, resolve
from synapse_sync.control import Door
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import ConfigError, SynapseSyncError
from synapse_sync.feed_loop import FeedLoop, facts
from synapse_sync.ledger import Ledger
from synapse_sync.reporting import Reporter
from synapse_sync.runner import Pass
from synapse_sync.schedule import Schedule
from synapse_sync.service import Notifier
from synapse_sync.steps import Work
from synapse_sync.steps.together import Together
from synapse_sync.upkeep import Upkeep
from synapse_sync.watching import Watching

TICK = 10.0
"""Seconds between two looks at the threads and at the clock."""

DRAIN = 75.0
"""Seconds that what is under way may take to be finished or parked after a signal; the service is given 90."""

JUMP = 60.0
"""Seconds by which the wall clock may run away from the monotonic one between two looks before it has jumped."""

log = logging.getLogger(__name__)


class Daemon:
    """A config at work on a ledger. live() returns when a signal has ended it, or raises what ended it."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self.config = config
        self.ledger = ledger
        self.loops: dict[str, FeedLoop] = {}
        self.since = time.time()
        self.problem = ""
        self._news = threading.Event()
        self._requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = False
        self._anew = False
        self._reporter = Reporter(ledger)
        self._schedule = Schedule()
        self._clock = time.time() - time.monotonic()
        self._notifier = Notifier()
        self._tick = min(TICK, self._notifier.interval or TICK)
        self._bulletin = Bulletin(ledger, self._notifier)
        self._stuck: set[str] = set()

    def live(self) -> None:
        """Work until SIGTERM or SIGINT. Raises LedgerError and other errors after which nobody can go on."""
        with self._listening():
            self._schedule.daily("daily summary", self._sum_up)
            self._schedule.start()
            try:
                while not self._stopping:
                    self._anew = False
                    credentials = resolve(self.config)
                    logs.hide(credentials.token)
                    with open_destination(self.config, credentials) as destination:
                        self._serve(destination)
            finally:
                self._schedule.stop()

    def reload(self) -> dict[str, Any]:
        """Put the config file, as it is now, in place of the one at work; what changed.

        An invalid one changes nothing. Raises ConfigError and what the main thread met. Called from any thread.
        """
        future: Future[dict[str, Any]] = Future()

        def reloaded() -> None:
            try:
                future.set_result(self._reload())
            except SynapseSyncError as error:
                future.set_exception(error)

        self._ask(reloaded)
        return future.result()

    def _ask(self, act: Callable[[], None]) -> None:
        """Have the main thread do something."""
        self._requests.put(act)
        self._news.set()

    def _serve(self, destination: Destination) -> None:
        """Tend the feeds until the daemon is asked to end, or needs another destination."""
        together, watching = Together(), Watching()
        self._begin: Callable[[Feed], FeedLoop] = lambda feed: self._loop(feed, destination, together, watching)
        self._upkeep = Upkeep(lambda: self.config, self.ledger, destination, self._news.set)
        self._start(self.config.feeds)
        door = Door(self.config.source, Commands(self).answer)
        door.open()
        self._tell()
        self._notifier.ready()
        self._upkeep.begin(self._schedule)
        try:
            while not self._stopping and not self._anew:
                self._news.wait(self._tick)
                self._news.clear()
                self._take_requests()
                self._look_after()
                self._upkeep.look(self.loops.values())
        finally:
            if self._stopping:
                self._notifier.stopping()
            door.close()
            self._upkeep.stop()
            self._end(list(self.loops))
            watching.close()

    def _loop(self, feed: Feed, destination: Destination, together: Together, watching: Watching) -> FeedLoop:
        def begin(progressed: Callable[[str, int], None]) -> Work:
            def counted(name: str, amount: int) -> None:
                progressed(name, amount)
                self._bulletin.counted(name, amount)

            work = put_to_work(
                self.config, feed, self.ledger, destination, patient=True, clock=time.time, watch=counted
            )  # fmt: skip
            work.together = together
            return work

        return FeedLoop(feed, begin, watching, self.config.schedule, self._told)

    def _told(self, one: Pass) -> None:
        """A feed's run has ended."""
        self._reporter.told(one)
        self._upkeep.told(one)
        if one.work.run.changed:
            self._bulletin.changed()

    def _start(self, feeds: Sequence[Feed]) -> None:
        resting = {row["name"] for row in self.ledger.query("resting_feeds")}
        for feed in feeds:
            loop = self.loops[feed.name] = self._begin(feed)
            loop.paused = feed.name in resting
            loop.start()
            log.info("feed %s: %s", feed.name, "rests, as it was asked to" if loop.paused else "begins")

    def _end(self, names: Sequence[str]) -> None:
        """Stop these feeds; whatever takes longer than DRAIN seconds ends with the process, which loses nothing."""
        ending = [self.loops[name] for name in names]
        for loop in ending:
            loop.stop()
        deadline = time.monotonic() + DRAIN
        for loop in ending:
            while not loop.join(min(self._tick, max(deadline - time.monotonic(), 0.0))):
                self._notifier.alive()  # what is under way has until the deadline, and no longer
                if time.monotonic() >= deadline:
                    log.warning(
                        "feed %s did not end within %.0f s; the next start goes on where it was", loop.name, DRAIN
                    )
                    logging.shutdown()
                    os._exit(0 if self._stopping else 4)  # 4: the service manager starts it again
            self.loops.pop(loop.name)

    def _look_after(self) -> None:
        """A thread that has come to an end by itself ends the daemon; a clock that has jumped begins all intervals."""
        for loop in self.loops.values():
            if loop.fatal is not None:
                raise loop.fatal
        clock = time.time() - time.monotonic()
        if abs(clock - self._clock) > JUMP:
            log.warning("the clock was set by %+.0f s", clock - self._clock)
            self._schedule.begin_anew()
            for loop in self.loops.values():
                loop.trigger()
        self._clock = clock
        self._feed_watchdog()
        self._tell()
        logs.tell_repeats()

    def _feed_watchdog(self) -> None:
        """Tell the service manager that all is alive, unless a feed at work has not got on for long: it restarts us."""
        stuck = {loop.name for loop in self.loops.values() if not loop.lives(time.monotonic())}
        if not stuck:
            self._notifier.alive()
        for name in stuck - self._stuck:
            log.error("feed %s does not get on any more", name, extra={"feed": name})
        self._stuck = stuck

    def _tell(self) -> None:
        """Tell the service manager how all is."""
        troubles = [f"{name} does not get on" for name in sorted(self._stuck)]
        troubles += [self.problem] if self.problem else []
        found = [facts(loop) for loop in self.loops.values()]
        troubles += dict.fromkeys(fact["trouble"] for fact in found if fact["trouble"])
        troubles += [f"{fact['name']} rests until `synapse-sync resume`" for fact in found if fact["paused"]]
        self._bulletin.tell([feed.name for feed in self.config.feeds], troubles)

    def _sum_up(self) -> None:
        self._bulletin.daily([feed.name for feed in self.config.feeds])

    def _reload(self) -> dict[str, Any]:
        """Read the config again and put it to work; the service manager sees that and how it ended."""
        self._notifier.reloading()
        try:
            return self._put_in_place()
        finally:
            self._tell()
            self._notifier.ready()

    def _put_in_place(self) -> dict[str, Any]:
        try:
            new = _loaded_again(self.config)
        except ConfigError as error:
            self.problem = f"the changed config is not in use: {'; '.join([error.message, *error.problems])}"
            log.error("%s", self.problem)  # noqa: TRY400 - words, no traceback
            raise
        self.problem = ""
        before, self.config = self.config, new
        old, now = ({feed.name: feed for feed in config.feeds} for config in (before, new))
        gone = [name for name in old if name not in now]
        added = [name for name in now if name not in old]
        changed = [name for name in now if name in old and old[name] != now[name]]
        everything = any(getattr(before, table) != getattr(new, table) for table in ("server", "upload", "schedule"))
        if everything:
            self._anew = True
        else:
            self._end([*gone, *changed])
            for loop in self.loops.values():
                loop.post(lambda work: setattr(work, "config", new))
            self._start([now[name] for name in [*changed, *added]])
        done = {"added": added, "removed": gone, "changed": changed, "restarted": everything}
        log.info("the config was read again: %s", "; ".join(f"{what}: {names}" for what, names in done.items()))
        return done

    def _take_requests(self) -> None:
        while True:
            try:
                act = self._requests.get_nowait()
            except Empty:
                return
            act()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Hear signals: TERM and INT end in order, a second one at once; HUP reloads, USR1 tells the log how all is."""
        handlers = {
            signal.SIGTERM: self._asked_to_end,
            signal.SIGINT: self._asked_to_end,
            signal.SIGHUP: self._asked_to_reload,
            signal.SIGUSR1: self._asked_for_state,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_end(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            os._exit(128 + number)  # nothing is lost: the next start goes on from the ledger
        self._stopping = True
        self._news.set()

    def _asked_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        def reloaded() -> None:
            with suppress(ConfigError):  # said in the log and in `status`
                self._reload()

        self._ask(reloaded)

    def _asked_for_state(self, _number: int, _frame: FrameType | None) -> None:
        self._ask(lambda: self._reporter.dump(self.loops.values()))


def _loaded_again(config: Config) -> Config:
    """The config file as it is now. Raises ConfigError where it is invalid, or can't replace one that is at work."""
    new = load(config.source)
    if ledger_path(new) != ledger_path(config):
        raise ConfigError("[ledger] path is another one", hint="restart synapse-sync for it")
    return new
