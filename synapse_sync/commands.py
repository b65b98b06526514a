"""What the running daemon does when a command asks for it, and what it answers; see control.py for how they meet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol, TypeVar

from synapse_sync.auditing import put_back
from synapse_sync.config import Config
from synapse_sync.control import TURN
from synapse_sync.deep import Read, conclude
from synapse_sync.errors import ControlRefused, UsageError
from synapse_sync.feed_loop import FeedLoop, facts
from synapse_sync.ledger import Ledger
from synapse_sync.status.snapshot import moment
from synapse_sync.status.stories import find_units
from synapse_sync.steps.forget import forget_units
from synapse_sync.steps.retry import retry_all, retry_units

Result = TypeVar("Result")


class Running(Protocol):
    """What commands need to know of the daemon."""

    config: Config
    ledger: Ledger
    loops: dict[str, FeedLoop]
    since: float
    problem: str

    def changing(self) -> AbstractContextManager[None]:
        """While nobody else changes which feeds there are, or which of them rest."""

    def ending(self) -> set[str]:
        """Names of feeds that were asked to end and may still be at work."""

    def reload(self) -> dict[str, Any]:
        """Put the changed config in place."""


class Commands:
    """The daemon's answers. Each command is a method that takes the request's arguments."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._known: Mapping[str, Callable[..., dict[str, Any]]] = {
            "status": self.status,
            "pause": lambda feeds: self._rest(feeds, resting=True),
            "resume": lambda feeds: self._rest(feeds, resting=False),
            "trigger": self.trigger,
            "reload": daemon.reload,
            "retry": self.retry,
            "forget": self.forget,
            "put_back": self.put_back,
            "conclude": self.conclude,
        }

    def answer(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked. Raises SynapseSyncErrors in words for whoever asked."""
        act = self._known.get(command)
        if act is None:
            raise UsageError(f"the running synapse-sync knows no command {command}", hint="is it of another version?")
        return act(**arguments)

    def status(self) -> dict[str, Any]:
        """How the daemon is: pid, since, problem, feeds (facts of each)."""
        loops = [facts(loop) for loop in list(self._daemon.loops.values())]
        since = moment(self._daemon.since)
        return {"pid": os.getpid(), "since": since, "problem": self._daemon.problem, "feeds": loops}

    def trigger(self, feeds: list[str]) -> dict[str, Any]:
        """Run these feeds now; none named: all."""
        chosen = self._chosen(feeds)
        loops = [loop for loop in list(self._daemon.loops.values()) if loop.name in chosen]
        for loop in loops:
            loop.trigger()
        return {"feeds": chosen, "resting": [loop.name for loop in loops if loop.paused]}

    def retry(self, keys: list[str], everything: bool) -> dict[str, Any]:
        """Decide again what is held; how many units."""
        ledger = self._daemon.ledger
        if everything:
            count = retry_all(ledger, now=time.time())
        else:
            count = retry_units(ledger, [row for key in keys for row in find_units(ledger, key)], now=time.time())
        for loop in list(self._daemon.loops.values()):
            loop.soon()
        return {"count": count}

    def forget(self, keys: list[str], registered: bool) -> dict[str, Any]:
        """Forget units; how many."""
        ledger = self._daemon.ledger
        by_feed: dict[str, list[str]] = {}
        for key in keys:
            by_feed.setdefault(find_units(ledger, key)[0]["feed"], []).append(key)

        def forget(keys: Sequence[str]) -> int:
            rows = {row["id"]: row for key in keys for row in find_units(ledger, key)}
            return forget_units(ledger, list(rows.values()), registered=registered, now=time.time())

        return {"count": sum(self._in_turn(feed, partial(forget, named)) for feed, named in by_feed.items())}

    def put_back(self, units: list[list[int]]) -> dict[str, Any]:
        """Have units made again that an audit missed on the server, [id, server id] each; how many.

        Those that have changed since the audit stay as they are.
        """
        ledger = self._daemon.ledger
        by_feed: dict[str, list[list[int]]] = {}
        for unit in units:
            for row in ledger.query("audited_unit", id=unit[0]):
                by_feed.setdefault(row["feed"], []).append(unit)

        acts = {feed: partial(put_back, ledger, these, time.time) for feed, these in by_feed.items()}
        return {"count": sum(self._in_turn(feed, act) for feed, act in acts.items())}

    def conclude(self, feed: str, read: list[list[Any]]) -> dict[str, Any]:
        """Record what files of a feed are that were taken on trust (fields of deep.Read each); those that are wrong."""
        files = [Read(*one) for one in read]
        return {"wrong": self._in_turn(feed, partial(conclude, self._daemon.ledger, feed, files, time.time))}

    def _in_turn(self, feed: str, act: Callable[[], Result]) -> Result:
        """Have a feed's own thread do what its steps must not meet half-way; what it has in hand is decided before."""
        loop = self._daemon.loops.get(feed)
        if loop is not None:
            done = loop.call(act, TURN)
            loop.trigger()
            return done
        with self._daemon.changing():
            if feed in self._daemon.loops or feed in self._daemon.ending():
                raise ControlRefused(f"feed {feed} is ending, or has just begun", hint="ask again in a while")
            return act()  # a feed that is not in the config any more

    def _rest(self, feeds: list[str], *, resting: bool) -> dict[str, Any]:
        """Let feeds rest or go on; those that are to begin find it in the ledger."""
        with self._daemon.changing():
            chosen = self._chosen(feeds)
            with self._daemon.ledger.write(durable=True) as transaction:
                for name in chosen:
                    transaction.run("add_feed", name=name, now=time.time())
                    transaction.run("rest_feed", name=name, resting=resting)
            for name in chosen:
                if name in self._daemon.loops:
                    self._daemon.loops[name].rest(resting)
        return {"feeds": chosen}

    def _chosen(self, feeds: list[str]) -> list[str]:
        known = [feed.name for feed in self._daemon.config.feeds]
        if unknown := [name for name in feeds if name not in known]:
            raise UsageError(f"no feed {', '.join(unknown)} runs", hint=f"its feeds: {', '.join(known) or 'none'}")
        return feeds or known
