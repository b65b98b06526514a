"""The ping: an address that is called while all is well, so that a service elsewhere notices silence.

PING_URL is fetched when all is well, PING_URL/fail gets the reason when something needs a person: names of feeds and
counts, no path. Nothing else is sent: no token, no cookie, no credentials of a .netrc; proxies are those of the
environment. Calls are made by a thread of the ping's own, so that no run ever waits for them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from synapse_sync.health import Verdict

if TYPE_CHECKING:
    from requests import PreparedRequest

LEAST = 10.0
"""Seconds between two calls of one kind at least, whatever `run_every` says."""

REPEATED = 3600.0
"""Seconds after which it is said again that something needs a person."""

TIMEOUT = (5.0, 10.0)
"""Seconds for a connection, and for each read of the answer."""

_NO_POST = (405, 501)  # the address takes no body: then it is fetched without the reason

log = logging.getLogger(__name__)


class Ping:
    """Tells the service behind `url` what is told here. stop() once, at the end.

    every: seconds between two pings at least, where they say the same. clock: monotonic seconds.
    """

    def __init__(self, url: str, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._host = urlsplit(url).hostname or ""  # the rest of the address is as good as a password
        self._every = max(every, LEAST)
        self._clock = clock
        self._news = threading.Condition()
        self._next: Verdict | None = None
        self._told = Verdict("waits")
        self._told_at: dict[str, float] = {}
        self._failing = False
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name="ping", daemon=True)
        self._thread.start()

    def tell(self, verdict: Verdict) -> None:
        """How all is now; returns at once. Called from any thread, as often as anyone likes."""
        now = self._clock()
        with self._news:
            if verdict.kind == "waits" or not self._is_due(verdict, now):
                return
            self._told, self._told_at[verdict.kind] = verdict, now
            self._next = verdict
            self._news.notify()

    def stop(self) -> None:
        """No more pings; one that is under way ends by itself."""
        with self._news:
            self._stopping = True
            self._news.notify()

    def _is_due(self, verdict: Verdict, now: float) -> bool:
        if verdict.kind not in self._told_at:
            return True
        again = REPEATED if verdict.kind == "needs a person" and verdict == self._told else self._every
        return now - self._told_at[verdict.kind] >= again

    def _live(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._stopping or self._next is not None)
                verdict, self._next = self._next, None
                if self._stopping or verdict is None:
                    return
            self._send(verdict)

    def _send(self, verdict: Verdict) -> None:
        failure = _call(self._url, verdict)
        if failure and not self._failing:
            log.warning("the ping to %s failed: %s; it goes on trying", self._host, failure)
        elif self._failing and not failure:
            log.info("the ping to %s works again", self._host)
        self._failing = bool(failure)


def failing(url: str) -> str:
    """The address that is called where something needs a person: PATH/fail, before any query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/fail"))


def _call(url: str, verdict: Verdict) -> str:
    """Make one call; "" or why it failed, without the address."""
    import requests

    with requests.Session() as session:
        session.auth = _as_it_is  # else requests would look for a password in ~/.netrc
        session.headers.clear()
        session.headers["User-Agent"] = "synapse-sync"
        try:
            if verdict.kind == "well":
                answer = session.get(url, timeout=TIMEOUT)
            else:
                words = {"Content-Type": "text/plain; charset=utf-8"}
                answer = session.post(failing(url), verdict.reason.encode(), headers=words, timeout=TIMEOUT)
                if answer.status_code in _NO_POST:
                    answer = session.get(failing(url), timeout=TIMEOUT)
        except requests.RequestException as error:
            return type(error).__name__
    return "" if answer.ok else f"it answers {answer.status_code}"


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request
