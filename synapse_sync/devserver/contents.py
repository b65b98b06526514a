"""Bytes on disk: what arrives is spooled and hashed as it comes, what is kept lies under its SHA-1.

data/contents/ab/abcdef…      kept contents, never changed
data/incoming/…               arriving bytes, chunked uploads, storage objects that nobody confirmed yet
"""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path
from typing import NamedTuple

_IN_MEMORY = 1 << 20
"""An arriving part up to this size touches the disk once; larger ones are spooled to a file, so memory stays flat."""

_BLOCK = 1 << 20
_ARRIVING = "arriving-"


class Content(NamedTuple):
    """Digests (lowercase hexadecimal) and size in bytes of one content."""

    md5: str
    sha1: str
    size: int


class Contents:
    """The folder that holds all bytes of one backend."""

    def __init__(self, data: Path) -> None:
        # Names are plain strings: building Path objects took a tenth of a small upload's time.
        self._kept = str(data / "contents")
        self._incoming = str(data / "incoming")
        self._arrivals = itertools.count()
        os.makedirs(self._incoming, exist_ok=True)
        for prefix in range(256):
            os.makedirs(f"{self._kept}/{prefix:02x}", exist_ok=True)
        for name in os.listdir(self._incoming):
            if name.startswith(_ARRIVING):
                os.unlink(f"{self._incoming}/{name}")  # left behind when the process was killed

    def path(self, sha1: str) -> str:
        """Where a kept content lies."""
        return f"{self._kept}/{sha1[:2]}/{sha1}"

    def waiting(self, name: str) -> str:
        """Where the bytes of an unfinished upload or unconfirmed object lie."""
        return f"{self._incoming}/{name}"

    def arriving(self, *, corrupt: bool = False) -> Arriving:
        """A place for bytes that are about to arrive, the first of them changed on the way if `corrupt`."""
        return Arriving(self, self.waiting(f"{_ARRIVING}{next(self._arrivals)}"), corrupt=corrupt)

    def keep(self, file: str, sha1: str) -> None:
        """Move a complete file among the kept contents."""
        os.replace(file, self.path(sha1))


class Arriving:
    """Bytes on their way in: written once, then kept, moved or dropped. `size` counts what has arrived."""

    def __init__(self, contents: Contents, path: str, *, corrupt: bool) -> None:
        self._contents = contents
        self._corrupt = corrupt
        self._buffer = bytearray()
        self._spool: int | None = None
        self._path = path
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        if self._corrupt and data:
            data, self._corrupt = bytes([data[0] ^ 1]) + bytes(data[1:]), False
        self._md5.update(data)
        self._sha1.update(data)
        self.size += len(data)
        self._buffer += data
        if len(self._buffer) >= _IN_MEMORY:
            self._flush()

    @property
    def content(self) -> Content:
        """Digests and size of what has arrived so far."""
        return Content(self._md5.hexdigest(), self._sha1.hexdigest(), self.size)

    def keep(self) -> Content:
        """End, with the bytes among the kept contents."""
        content = self.content
        self.move(self._contents.path(content.sha1))
        return content

    def move(self, target: str) -> None:
        """End, with the bytes in a file of their own; a reader never sees half of it."""
        self._flush()
        self._close()
        os.replace(self._path, target)

    def append(self, target: str, offset: int) -> None:
        """End, with the bytes in an existing file from `offset` on; what stood there (after a crash) is dropped."""
        self._flush()
        self._close()
        os.truncate(target, offset)
        _append(self._path, target)

    def drop(self) -> None:
        """End, forgetting the bytes; does nothing after another end."""
        if self._spool is not None:
            self._close()
            os.unlink(self._path)

    def _flush(self) -> None:
        if self._spool is None:
            self._spool = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        view = memoryview(self._buffer)
        while view:
            view = view[os.write(self._spool, view) :]
        view.release()
        self._buffer.clear()

    def _close(self) -> None:
        if self._spool is not None:
            os.close(self._spool)
            self._spool = None


def _append(source: str, target: str) -> None:
    """Move the bytes of `source` to the end of `target`, block by block."""
    with open(source, "rb") as incoming, open(target, "ab") as file:
        while block := incoming.read(_BLOCK):
            file.write(block)
    os.unlink(source)


def join(parts: list[str], target: str) -> Content:
    """Make one file of these parts, in this order, and return what it contains; the parts are gone afterwards."""
    os.replace(parts[0], target)
    for part in parts[1:]:
        _append(part, target)
    return digest(target)


def digest(file: str) -> Content:
    """Read a file once and return its digests and size."""
    md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
    size = 0
    with open(file, "rb") as stream:
        while block := stream.read(_BLOCK):
            md5.update(block)
            sha1.update(block)
            size += len(block)
    return Content(md5.hexdigest(), sha1.hexdigest(), size)
