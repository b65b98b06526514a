"""What is said with a server that keeps folders and files open for those who ask (SFTP, SMB, FTP), in any protocol.

Files share the conversations of one client: each takes turns in one of them, an exchange at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote_reading import Lost

IDLE = 30.0
"""Seconds without use after which a connection is ended: nobody keeps one awake between two listings."""

_LATER = "it is tried again later"
_GONE = Refusal("it is not there", "it was moved or deleted, or the path is another one on that server")
_DENIED = Refusal("access is denied", "allow the user that logs in to read it, or leave it out with exclude")


class Refused(Exception):
    """The server's own refusal of one request. gone: there is no such file; denied: it may not be had."""

    def __init__(self, said: str, *, gone: bool = False, denied: bool = False, hint: str = _LATER) -> None:
        super().__init__(said)
        self.gone = gone
        self.denied = denied
        self.hint = hint


def refusal(error: Exception) -> Refusal:
    """What became of a request (Refused, Lost), in words."""
    if isinstance(error, Refused):
        if error.gone:
            return _GONE
        return _DENIED if error.denied else Refusal(f"the server refuses: {error}", error.hint)
    return Refusal(str(error), _LATER)


class Entry(NamedTuple):
    """What stands under a name. "unsaid": the server must be asked; "nameless": it can't be asked for by any name;
    "withheld": it was asked, and does not say.

    observed: None for all but files.

    identity: the number of a folder, where the server tells it; else 0.
    """

    name: bytes
    kind: Literal["file", "folder", "link", "special", "unsaid", "withheld", "nameless"]
    observed: Observation | None = None
    identity: int = 0


class Folders(Protocol):
    """What a walk asks a server. Everything raises Lost where the conversation breaks off, and Refused."""

    def look(self, path: bytes, *, follow: bool) -> Entry:
        """What stands there; follow: what a symbolic link leads to."""

    def real_path(self, path: bytes) -> bytes:
        """The path without any symbolic link."""

    def open_folder(self, path: bytes) -> Any:
        """A handle for listing a folder."""

    def entries(self, handle: Any, requests: int) -> tuple[list[Entry], bool]:
        """What so many requests give of an open folder, and whether that was the end."""

    def close(self, handle: Any) -> None:
        """Give a handle back. Raises nothing."""


class Conversation(Folders, Protocol):
    """One conversation, used by several threads, in which files are read as well."""

    def open(self, path: bytes, *, follow: bool) -> tuple[Any, Entry]:
        """A handle for reading, and what is open: nothing but a file is (else None), so that no pipe is waited for."""

    def read(self, handle: Any, offset: int, amount: int) -> bytes:
        """What stands there in an open file: up to so many bytes, in bounded memory; b"" at its end."""


Talk = TypeVar("Talk", bound=Conversation)


class Client(Generic[Talk]):
    """One server's conversations, `most` of them at most; for several threads."""

    def __init__(self, most: int, another: Callable[[], Talk], close: Callable[[], None]) -> None:
        self._most = most
        self._another = another
        self._close = close
        self._lock = threading.Lock()
        self._talks: dict[Talk, int] = {}
        self._used = time.monotonic()
        self._closed = False
        self._timer: threading.Timer | None = None

    @contextmanager
    def talk(self) -> Iterator[Talk]:
        """A conversation, for a while. Raises Lost."""
        talk = self.take()
        try:
            yield talk
        finally:
            self.give_back(talk)

    def take(self) -> Talk:
        """The one that the fewest have; raises Lost."""
        with self._lock:
            talk = min(self._talks, key=self._talks.__getitem__, default=None)
            if talk is None or (self._talks[talk] and len(self._talks) < self._most):
                try:
                    talk = self._another()
                except Lost:
                    if talk is None:
                        raise
                    self._most = len(self._talks)  # the server gives no more
            self._talks[talk] = self._talks.get(talk, 0) + 1
            return talk

    def give_back(self, talk: Talk) -> None:
        """One user less."""
        with self._lock:
            self._talks[talk] -= 1
            self._used = time.monotonic()
            if self._timer is None and not self._closed:
                self._look_after(IDLE)

    def usable(self) -> bool:
        """Whether there is still a connection, as far as can be told."""
        with self._lock:
            return not self._closed

    def close(self) -> None:
        """End all of it, with what is under way."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self._close()

    def _look_after(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._unused)
        self._timer.daemon = True
        self._timer.start()

    def _unused(self) -> None:
        """Perhaps it is; if so it ends."""
        with self._lock:
            left = IDLE if any(self._talks.values()) else self._used + IDLE - time.monotonic()
            self._closed = self._closed or left <= 0
            if not self._closed:
                self._look_after(left)
                return
        self._close()


class Ending(Conversation, Protocol):
    """One that has a connection of its own."""

    def end(self) -> None:
        """Close it, whatever is under way."""


Own = TypeVar("Own", bound=Ending)


class Connections(Client[Own]):
    """A client whose conversations have a connection each. reach: makes one, or raises SourceUnavailable."""

    def __init__(self, most: int, reach: Callable[[], Own]) -> None:
        super().__init__(most, self._connected, self._end_all)
        self._reach = reach
        self._all: list[Own] = []
        self._ended = threading.Event()

    def _connected(self) -> Own:
        """Another connection. Raises Lost, and SourceUnavailable where there is none yet."""
        try:
            talk = self._reach()
        except SourceUnavailable as error:
            if not self._all:
                raise
            raise Lost(error.message) from error
        self._all.append(talk)
        if self._ended.is_set():
            talk.end()
        return talk

    def _end_all(self) -> None:
        self._ended.set()
        for talk in list(self._all):
            talk.end()
