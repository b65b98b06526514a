"""Things that fail at their N-th use: requests, statements of the ledger, operations on files."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

from synapse_sync.destinations.synapse.http.lanes import _Lane
from synapse_sync.sources import local, reading, walk

from .hurry import Patch


class Nth:
    """Counts uses; `now()` says whether this one is to fail: only the N-th, or each from the N-th on."""

    def __init__(self, number: int = 0, *, lasting: bool = False) -> None:
        self.number = number
        self.lasting = lasting
        self.uses = 0
        self.over = False
        self._lock = threading.Lock()

    def now(self) -> bool:
        """One more use."""
        with self._lock:
            if self.over:
                return False
            self.uses += 1
            return bool(self.number) and (self.uses >= self.number if self.lasting else self.uses == self.number)


def requests_unsent(patch: Patch, nth: Nth) -> None:
    """The connection breaks before anything was sent."""
    urlopen, begin = HTTPConnectionPool.urlopen, _Lane.begin

    def failing_urlopen(self: Any, *arguments: Any, **named: Any) -> Any:
        if nth.now():
            raise ProtocolError("Connection aborted.", ConnectionResetError(errno.ECONNRESET, "on purpose"))
        return urlopen(self, *arguments, **named)

    def failing_begin(self: Any, item: Any, request: Any, kind: Any) -> None:
        if nth.now():
            self.item, self.doing = item, request.doing
            raise ConnectionResetError(errno.ECONNRESET, "on purpose")
        begin(self, item, request, kind)

    patch(HTTPConnectionPool, "urlopen", failing_urlopen)
    patch(_Lane, "begin", failing_begin)


def requests_unanswered(patch: Patch, nth: Nth) -> None:
    """The connection breaks when the answer was there."""
    urlopen, go_on = HTTPConnectionPool.urlopen, _Lane.go_on

    def failing_urlopen(self: Any, *arguments: Any, **named: Any) -> Any:
        answer = urlopen(self, *arguments, **named)
        if nth.now():
            raise ProtocolError("Connection broken", ConnectionResetError(errno.ECONNRESET, "on purpose"))
        return answer

    def failing_go_on(self: Any) -> Any:
        answer = go_on(self)
        if answer is not None and nth.now():
            raise ConnectionResetError(errno.ECONNRESET, "on purpose")
        return answer

    patch(HTTPConnectionPool, "urlopen", failing_urlopen)
    patch(_Lane, "go_on", failing_go_on)


def statements(patch: Patch, nth: Nth) -> None:
    """The disk of the ledger fails, or is full, in turns."""

    def check() -> None:
        if nth.now():
            full = nth.number % 2
            error = sqlite3.OperationalError("database or disk is full" if full else "disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
            raise error

    class Cursor(sqlite3.Cursor):
        def execute(self, *arguments: Any) -> Any:
            check()
            return super().execute(*arguments)

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

        def execute(self, *arguments: Any) -> Any:
            check()
            return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> Any:
            check()
            return super().executemany(*arguments)

    connect = sqlite3.connect

    def connected(path: Any, *arguments: Any, **named: Any) -> sqlite3.Connection:
        ours = "ledger.db" in str(path)
        return connect(path, *arguments, **named, **({"factory": Connection} if ours else {}))

    patch(sqlite3, "connect", connected)


def file_operations(patch: Patch, nth: Nth) -> None:
    """The disk of the share fails."""

    def failing(act: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            if nth.now():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return act(*arguments, **named)

        return called

    class Proxy(SimpleNamespace):
        """A module of which some functions fail."""

        def __getattr__(self, name: str) -> Any:
            return getattr(self.module, name)

    acts = {name: failing(getattr(os, name)) for name in ("open", "stat", "fstat", "scandir")}
    for module in (local, reading, walk):
        patch(module, "os", Proxy(module=os, **acts))
    reads = {name: failing(getattr(io.FileIO, name)) for name in ("read", "readall", "readinto")}
    patch(reading, "io", Proxy(module=io, FileIO=Proxy(module=io.FileIO, __init__=io.FileIO.__init__, **reads)))


KINDS: dict[str, Callable[[Patch, Nth], None]] = {
    "a request is not sent": requests_unsent,
    "a request is not answered": requests_unanswered,
    "a statement fails": statements,
    "an operation on a file fails": file_operations,
}
