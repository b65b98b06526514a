"""A file's bytes on their way out: hashed as they are handed out, so what is sent is what was observed, or nothing."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from synapse_sync.destinations.synapse.http.calls import PIECE
from synapse_sync.errors import ContentMismatch, FileUnreadable
from synapse_sync.records import Digests


class Mark(NamedTuple):
    """A place in the content to which one can go back."""

    position: int
    sha1: hashlib._Hash


class Readable(Protocol):
    """As much of a stream as is needed here."""

    def seek(self, position: int, /) -> Any:
        """Go to a position, in bytes from the beginning."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Shared:
    """A seekable stream that several threads read, each through a view with a position of its own."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def view(self) -> Readable:
        """A reader that stands at the beginning."""
        return _View(self)

    def read_at(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from `position`."""
        with self._lock:
            self._stream.seek(position)
            return self._stream.read(size)


class _View:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._position = 0

    def seek(self, position: int, /) -> None:
        self._position = position

    def read(self, size: int, /) -> bytes:
        data = self._shared.read_at(self._position, size)
        self._position += len(data)
        return data


class Content:
    """A seekable stream that must turn out to hold exactly `digests`; `position` counts the bytes handed out.

    SHA-1 alone is held against them: both digests were found in one reading, and it takes half as long as MD5.
    """

    def __init__(self, stream: Readable, name: str, digests: Digests) -> None:
        self.name = name
        self.digests = digests
        self._stream = stream
        self._start = Mark(0, hashlib.sha1(usedforsecurity=False))
        self.back(self._start)

    def pieces(self, end: int) -> Iterator[bytes]:
        """The bytes from the position up to `end`. Raises ContentMismatch where it ends before, FileUnreadable."""
        while self.position < end:
            piece = self._read(min(PIECE, end - self.position))
            if not piece:
                raise ContentMismatch(
                    f"{self.name} ends after {self.position} of {self.digests.size} bytes", hint=_CHANGED
                )
            self._sha1.update(piece)
            self.position += len(piece)
            yield piece

    def mark(self) -> Mark:
        """The present position, to go back to."""
        return Mark(self.position, self._sha1.copy())

    def back(self, mark: Mark | None = None) -> None:
        """Go back to `mark`, or to the beginning."""
        mark = mark or self._start
        with self._readable():
            self._stream.seek(mark.position)
        self.position, self._sha1 = mark.position, mark.sha1.copy()

    def advance(self, position: int) -> None:
        """Go forward to `position` as if the bytes before it had been handed out: they are read and hashed."""
        for _ in self.pieces(position):
            pass

    def verify(self) -> None:
        """Everything was handed out, and it is what `digests` says. Raises ContentMismatch, FileUnreadable."""
        expected = (self.digests.sha1, self.digests.size)
        if (self._sha1.hexdigest(), self.position) != expected or self._read(1):
            raise changed(self.name)

    def _read(self, size: int) -> bytes:
        with self._readable():
            return self._stream.read(size)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Tells a file that fails from a connection that fails: both are OSErrors."""
        try:
            yield
        except OSError as cause:
            raise FileUnreadable(f"{self.name} can't be read: {cause}", hint="tried again by itself") from cause


def changed(name: str) -> ContentMismatch:
    """The error for a file whose bytes are not those of its digests."""
    return ContentMismatch(f"{name} is no longer what its checksum was computed from", hint=_CHANGED)


_CHANGED = "it was changed while it was read; nothing of it is registered, and it is looked at again"
