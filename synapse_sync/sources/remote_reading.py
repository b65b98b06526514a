"""A remote file that is read only while it is what was observed, from anywhere, whatever its connection does.

A connection that is lost is taken up again where it broke off. Holds what is in flight, and nothing else.
"""

from __future__ import annotations

import io
import time
from abc import abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from synapse_sync.errors import FileChanged, SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TRIES = 4  # of a read that gets nothing; each byte that comes begins the count anew
PAUSE = 0.5  # seconds before the second, twice as long before each that follows

Found = TypeVar("Found")

_LOOK_AGAIN = "it is looked at again before use"


class Lost(Exception):
    """The connection broke off while something was asked or came."""


class RemoteFile(io.RawIOBase):
    """A remote file, as a context manager; unbuffered, and it can seek. A kind of source says how it is asked for.

    Raises FileChanged where the file is not what was observed, when it is first read and on leaving if the body raised
    nothing; FileUnreadable where it can't be read, SourceUnavailable where nothing can be read now.
    """

    def __init__(self, connection: Connection[Any], described: str, observed: Observation) -> None:
        self._connection = connection
        self._described = described
        self._observed = observed
        self._position = 0

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._check_again()
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back."""
        if not self.closed:
            self._let_go()
        super().close()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: what is read next is asked for from there."""
        return True

    def tell(self) -> int:
        """Where the next byte is read from."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Read on from elsewhere."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._observed.size}[whence]
        position = max(start + offset, 0)
        if position != self._position:
            self._moved()
            self._position = position
        return position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """The bytes that come next, as many as fit or are left: those who read tell files by their first piece."""
        view = memoryview(buffer).cast("B")
        wanted = max(min(len(view), self._observed.size - self._position), 0)
        filled = 0
        while filled < wanted:
            piece = self._piece(wanted - filled)
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def _piece(self, wanted: int) -> bytes:
        """At least one byte of what comes next."""
        return self._persistently(lambda: self._next(wanted))

    def _persistently(self, ask: Callable[[], Found]) -> Found:
        """What is asked for, however often the connection breaks; TRIES in a row are given up."""
        lost: Lost | None = None
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                if found := ask():
                    return found
            except Lost as error:
                lost = error
            self._break_off()
        raise self._unavailable("the connection breaks again and again", "it is tried again later") from lost

    @abstractmethod
    def _next(self, wanted: int) -> bytes:
        """Up to so many bytes from the position on; b"" where none came. Raises Lost, and what reading raises."""

    @abstractmethod
    def _check_again(self) -> None:
        """Hold what is there now against the observation."""

    @abstractmethod
    def _break_off(self) -> None:
        """Let go of a connection that is of no use any more."""

    @abstractmethod
    def _let_go(self) -> None:
        """Nothing more is read."""

    def _moved(self) -> None:
        """What is read next is elsewhere."""

    def _client(self) -> Any:
        """What to ask. Raises SourceUnavailable where there is no connection, or the service rests."""
        try:
            return self._connection.client()
        except SourceUnavailable as error:
            if self._connection.rests:
                raise
            raise self._unavailable(error.message, error.hint) from error

    def _unavailable(self, what: str, hint: str) -> SourceUnavailable:
        why = SourceUnavailable(f"{self._described} can't be read: {what}", hint=hint)
        self._connection.failed(why)
        return why

    def _changed(self, how: str = "another file is there") -> FileChanged:
        return FileChanged(f"{self._described} changed since it was listed: {how}", hint=_LOOK_AGAIN)
