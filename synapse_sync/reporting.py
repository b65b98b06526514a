"""What the daemon says in its log: what each run did, what is wrong and what is well again, each once."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping

from synapse_sync.feed_loop import FeedLoop, facts
from synapse_sync.ledger import Ledger
from synapse_sync.runner import Pass
from synapse_sync.status.snapshot import attention
from synapse_sync.status.words import RUN_WORDS, run_in_words

log = logging.getLogger(__name__)


class Reporter:
    """The log's author; used from the feeds' threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._problems: dict[str, set[str]] = {}
        self._waiting: dict[str, set[tuple[str, str]]] = {}

    def told(self, one: Pass) -> None:
        """A run has ended: say what it did and what is new about it."""
        work = one.work
        name = work.feed.name
        counts = {kind: amount for kind, amount in work.run.counts.items() if kind in RUN_WORDS and amount}
        if counts:
            log.info("%s: %s", name, run_in_words(counts), extra={"feed": name})
        problems = {problem.sign: problem for problem in work.run.problems}
        with self._lock:
            before = self._problems.get(name, set())
            self._problems[name] = set(problems)
        for sign in problems.keys() - before:
            problem = problems[sign]
            log.warning("%s: %s", name, problem, extra={"feed": name, "error_class": type(problem).__name__})
        if before and not problems:
            log.info("%s: all is well again", name, extra={"feed": name})
        if work.run.changed or problems.keys() - before:
            self._tell_attention(work.id, name)

    def _tell_attention(self, feed: int, name: str) -> None:
        waiting = {(item["what"], item["reason"]): item for item in attention(self._ledger, feed)}
        with self._lock:
            new = waiting.keys() - self._waiting.get(name, set())
            self._waiting[name] = set(waiting)
        for key in sorted(new):
            item = waiting[key]
            words, place = attention_in_words(item)
            log.warning("%s", f"{name}: {words}", extra={"feed": name, **place})

    def dump(self, loops: Iterable[FeedLoop]) -> None:
        """Say how each feed is, in detail."""
        for loop in loops:
            log.info("state: %s", json.dumps(facts(loop), ensure_ascii=False), extra={"feed": loop.name})


def attention_in_words(item: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """What status.snapshot.attention() tells of one thing, in a line, and the fields of the log that name it. Pure."""
    kind, what, reason = item["kind"], item["what"], item["reason"]
    if kind == "content":
        return f"{what} could not be sent yet: {reason}", {}
    if kind == "audit":
        return f"audit: {what}: {reason}", {}
    return f"{kind} {what} is {item['state']}: {reason}", {"unit_key" if kind == "unit" else "path": what}
