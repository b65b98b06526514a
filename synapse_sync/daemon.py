"""The daemon: each feed in a thread of its own, the schedule, the door for commands, signals, and reloading.

One process holds the ledger. The main thread does next to nothing: it is woken by signals and commands, looks after the
feeds' threads every few seconds, and puts a changed config in place of the old one. It waits for no feed but when all
are to end: a folder that does not answer may hold a thread for ever.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from synapse_sync import logs
from synapse_sync.assembly import open_destination, open_spool, put_to_work
from synapse_sync.bulletin import Bulletin
from synapse_sync.clocks import Clocks
from synapse_sync.commands import Commands
from synapse_sync.config import Config, Credentials, Feed, ledger_path, load, resolve
from synapse_sync.control import Door
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import ConfigError, ControlRefused, LedgerError, SynapseSyncError
from synapse_sync.feed_loop import FeedLoop, facts
from synapse_sync.inbox import Inbox
from synapse_sync.ledger import Ledger
from synapse_sync.reporting import Reporter
from synapse_sync.runner import Pass
from synapse_sync.schedule import Schedule
from synapse_sync.service import Notifier
from synapse_sync.sources.spool import Spool
from synapse_sync.steps import Work
from synapse_sync.steps.together import Together
from synapse_sync.storages import Storages
from synapse_sync.upkeep import Upkeep
from synapse_sync.watching import Watching

TICK = 10.0
"""Seconds between two looks at the threads and at the clock."""

DRAIN = 75.0
"""Seconds that what is under way may take to be finished or parked after a signal; the service is given 90."""

BREATH = 0.2
"""Seconds between two looks at what is ending."""

PATIENCE = 90.0
"""Seconds after which a command for the main thread is told that its turn comes later."""

ANEW = ("server", "upload", "schedule")
"""Tables of the config whose change has all feeds begin anew."""

JUMP = 60.0
"""Seconds by which the wall clock was set, or for which the machine slept, from which on it is told."""

log = logging.getLogger(__name__)


class Daemon:
    """A config at work on a ledger. live() returns when a signal has ended it, or raises what ended it."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self.config = config
        self.ledger = ledger
        self.loops: dict[str, FeedLoop] = {}
        self.since = time.time()
        self.problem = ""
        self._ended: list[FeedLoop] = []
        self._inbox = Inbox()
        self._changing = threading.RLock()
        self._credentials: Credentials | None = None
        self._stopping = False
        self._anew = False
        self._together = Together()
        self._reporter = Reporter(ledger)
        self._schedule = Schedule()
        self._clocks = Clocks()
        self._notifier = Notifier()
        self._tick = min(TICK, self._notifier.interval or TICK)
        self._bulletin = Bulletin(ledger, self._notifier)
        self._door = Door(config.source, Commands(self).answer)
        self._stuck: set[str] = set()
        self._planned = False
        self._chore_hangs = False

    def live(self) -> None:
        """Work until SIGTERM or SIGINT. Raises LedgerError and other errors after which nobody can go on."""
        with self._listening():
            self._schedule.start()
            try:
                while not self._stopping:
                    self._anew = False
                    credentials = self._credentials or resolve(self.config)
                    with (
                        open_destination(self.config, credentials, logs.hide) as destination,
                        open_spool(self.config) as spool,
                    ):
                        self._serve(destination, spool)
            finally:
                self._door.close()
                self._schedule.stop()
                self._leave()

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

        self._inbox.put(reloaded)
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            raise ControlRefused("the config is read again later", hint="look at `synapse-sync status`") from None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While nobody else changes which feeds there are, or which of them rest. From any thread."""
        with self._changing:
            yield

    def ending(self) -> set[str]:
        """Names of feeds that were asked to end and may still be at work. Called from any thread."""
        return {loop.name for loop in list(self._ended) if loop.alive}

    def _serve(self, destination: Destination, spool: Spool) -> None:
        """Tend the feeds until the daemon is asked to end, or needs another destination."""
        watching, storages = Watching(), Storages(destination, logs.hide, logs.unhide)
        self._begin: Callable[[Feed], FeedLoop] = lambda feed: self._loop(feed, destination, watching, spool, storages)
        self._upkeep = Upkeep(lambda: self.config, self.ledger, destination, self._wake)
        self._planned = False
        with self.changing():
            self._start(self.config.feeds, self._resting())
        self._door.look()
        self._tell()
        self._notifier.ready()
        try:
            while self._goes_on():
                self._inbox.take(self._tick, self._goes_on)
                if self._goes_on():
                    self._look_after()
        finally:
            if self._stopping:
                self._notifier.stopping()
            with self.changing():
                self._end(list(self.loops))
            self._chore_hangs = not self._upkeep.stop()
            self._wait_for_the_end()
            watching.close()

    def _goes_on(self) -> bool:
        """Whether the feeds at work are to stay."""
        return not self._stopping and not self._anew

    def _plan(self) -> None:
        """Put all chores on the schedule, counted from when each was done last."""
        self._upkeep.begin(self._schedule)
        self._schedule.daily("daily summary", self._sum_up)
        self._planned = True

    def _wake(self) -> None:
        """Have the main thread look after all now."""
        self._inbox.wake()

    def _loop(
        self, feed: Feed, destination: Destination, watching: Watching, spool: Spool, storages: Storages
    ) -> FeedLoop:
        def begin(progressed: Callable[[str, int], None]) -> Work:
            def counted(name: str, amount: int) -> None:
                progressed(name, amount)
                self._bulletin.counted(name, amount)

            work = put_to_work(
                self.config, feed, self.ledger, destination,
                patient=True, clock=time.time, watch=counted, spool=spool, storages=storages,
            )  # fmt: skip
            work.together = self._together
            return work

        after = [loop for loop in self._ended if loop.name == feed.name and loop.alive]
        return FeedLoop(feed, begin, watching, lambda: self.config, self._told, after)

    def _told(self, one: Pass) -> None:
        """A feed's run has ended."""
        self._reporter.told(one)
        self._upkeep.told(one)
        if one.work.run.changed:
            self._bulletin.changed()

    def _resting(self) -> set[str]:
        return {row["name"] for row in self.ledger.query("resting_feeds")}

    def _start(self, feeds: Iterable[Feed], resting: set[str]) -> None:
        for feed in feeds:
            loop = self._begin(feed)
            loop.paused = feed.name in resting
            self.loops[feed.name] = loop
            loop.start()
            log.info("feed %s: %s", feed.name, "rests, as it was asked to" if loop.paused else "begins")

    def _end(self, names: Iterable[str]) -> None:
        """Ask these feeds to end."""
        for name in names:
            loop = self.loops.pop(name)
            loop.stop()
            self._ended.append(loop)

    def _wait_for_the_end(self) -> None:
        """Give what is on its way its time; who hangs at a folder or file is not waited for."""
        deadline = time.monotonic() + DRAIN
        while left := self._not_ended():
            now = time.monotonic()
            if now >= deadline or all(loop.hangs(now) for loop in left):
                return
            left[0].join(BREATH)
            self._notifier.alive()  # it has until the deadline, and no longer

    def _not_ended(self) -> list[FeedLoop]:
        self._ended = [loop for loop in self._ended if loop.alive]
        return self._ended

    def _leave(self) -> None:
        """End the process here and now where a thread is left that can't be ended; that loses nothing."""
        left = [f"{loop.name} (at {loop.doing})" for loop in self._not_ended()]
        if self._chore_hangs:
            left.append("upkeep, which reads or asks something that does not answer")
        if left:
            log.warning("not waited for any longer: %s; the next start goes on where it was", ", ".join(left))
            logging.shutdown()
            os._exit(0 if self._stopping else 4)

    def _look_after(self) -> None:
        """A thread that has come to an end by itself ends the daemon."""
        for loop in self.loops.values():
            if loop.fatal is not None:
                raise loop.fatal
        self._not_ended()
        self._look_at_clocks()
        self._feed_watchdog()
        self._door.look()
        self._tell()
        with _or_later():
            if not self._planned:
                self._plan()
            self._upkeep.look(self.loops.values())
        logs.tell_repeats()

    def _look_at_clocks(self) -> None:
        """What was awaited by a clock that was set, or while the machine slept, is planned anew."""
        passed = self._clocks.look()
        if abs(passed.set) > JUMP:
            log.warning("the clock was set by %+.0f s", passed.set)
        if passed.slept > JUMP:
            log.info("the machine slept for %.0f s", passed.slept)
        if abs(passed.set) > JUMP or passed.slept > JUMP:
            self._planned = False
            for loop in self.loops.values():
                loop.trigger()

    def _feed_watchdog(self) -> None:
        """Tell the service manager that all is alive, unless a feed at work has not got on for long: it restarts us."""
        now = time.monotonic()
        if all(loop.lives(now) for loop in self.loops.values()):
            self._notifier.alive()
        stuck = {loop.name: loop.doing for loop in self.loops.values() if not loop.gets_on(now)}
        for name in stuck.keys() - self._stuck:
            log.error("feed %s does not get on any more: it is at %s", name, stuck[name], extra={"feed": name})
        self._stuck = set(stuck)

    def _tell(self) -> None:
        """Tell the service manager how all is."""
        troubles = [self.problem] if self.problem else []
        found = [facts(loop) for loop in self.loops.values()]
        troubles += dict.fromkeys(fact["trouble"] for fact in found if fact["trouble"])
        troubles += [f"{fact['name']} rests until `synapse-sync resume`" for fact in found if fact["paused"]]
        with _or_later():
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
            new, credentials = _loaded_again(self.config)
        except SynapseSyncError as error:
            problems = error.problems if isinstance(error, ConfigError) else ()
            self.problem = f"the changed config is not in use: {'; '.join([error.message, *problems])}"
            log.error("%s", self.problem)  # noqa: TRY400 - words, no traceback
            raise
        with self.changing():
            done = self._exchange(new, credentials)
        log.info("the config was read again: %s", "; ".join(f"{what}: {names}" for what, names in done.items()))
        return done

    def _exchange(self, new: Config, credentials: Credentials | None) -> dict[str, Any]:
        """Another config in place of the one at work. credentials: where all feeds begin anew for it."""
        resting = self._resting()  # whatever fails fails before anything is changed
        self.problem = ""
        before, self.config = self.config, new
        if before.log != new.log:
            logs.configure(new.log)
        old, now = ({feed.name: feed for feed in config.feeds} for config in (before, new))
        gone = [name for name in old if name not in now]
        added = [name for name in now if name not in old]
        changed = [name for name in now if name in old and old[name] != now[name]]
        self._anew = credentials is not None
        self._credentials = credentials or self._credentials
        if not self._anew:
            self._end([*gone, *changed])
            self._start([now[name] for name in [*changed, *added]], resting)
        return {"added": added, "removed": gone, "changed": changed, "restarted": self._anew}

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
            with self._inbox.hearing_signals():
                yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_end(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            os._exit(128 + number)  # nothing is lost: the next start goes on from the ledger
        self._stopping = True
        self._wake()

    def _asked_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        def reloaded() -> None:
            with suppress(SynapseSyncError):  # said in the log and in `status`
                self._reload()

        self._inbox.put(reloaded)

    def _asked_for_state(self, _number: int, _frame: FrameType | None) -> None:
        self._inbox.put(lambda: self._reporter.dump(self.loops.values()))


@contextmanager
def _or_later() -> Iterator[None]:
    """What the ledger does not tell now is asked again later; whether one can go on without it is for the feeds."""
    try:
        yield
    except LedgerError as error:
        log.warning("%s", error, extra={"error_class": type(error).__name__})


def _loaded_again(config: Config) -> tuple[Config, Credentials | None]:
    """The config file as it is now; and where it takes another destination, the credentials for it.

    Raises ConfigError where it is invalid, or can't replace one that is at work, and CredentialsError.
    """
    new = load(config.source)
    if ledger_path(new) != ledger_path(config):
        raise ConfigError("[ledger] path is another one", hint="restart synapse-sync for it")
    if all(getattr(new, table) == getattr(config, table) for table in ANEW):
        return new, None
    credentials = resolve(new)
    with open_destination(new, credentials):
        pass  # its certificates can be read
    return new, credentials
