"""A file that is read only while it is what was observed: compared right after opening and again on leaving."""

from __future__ import annotations

import errno
import io
import os
import stat
from types import TracebackType
from typing import TYPE_CHECKING

from synapse_sync.errors import FileChanged, FileUnreadable
from synapse_sync.records import Observation
from synapse_sync.shown import shown
from synapse_sync.sources.facts import observation
from synapse_sync.sources.refusals import refusal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# O_NONBLOCK: a FIFO that took the file's place must not block us, nor a lease that another program holds (EAGAIN then).
# Not O_NOATIME: it fails for every file of another owner, and relatime, the default, writes at most once a day.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_NO_LONGER_A_FILE = {errno.ELOOP: "it is a symbolic link now", errno.ENXIO: "it is a socket now"}
_LOOK_AGAIN = "it is looked at again before use"


class ObservedFile(io.FileIO):
    """The file at `path` (in full), unbuffered, as a context manager.

    Raises FileChanged when opened, and on leaving if the body raised nothing, where the file is not what was observed;
    FileUnreadable where opening or reading fails. Follows a symlink only with follow_symlinks.
    """

    def __init__(self, path: bytes, observed: Observation, *, follow_symlinks: bool) -> None:
        self._path = path
        self._observed = observed
        try:
            descriptor = os.open(path, _FLAGS if follow_symlinks else _FLAGS | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in _NO_LONGER_A_FILE:
                raise self._changed(_NO_LONGER_A_FILE[error.errno]) from error
            raise self._unreadable(error) from error
        try:
            self._compare(descriptor)
            io.FileIO.__init__(self, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def __enter__(self) -> ObservedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._compare(self.fileno())
        finally:
            self.close()

    def read(self, size: int | None = -1, /) -> bytes:
        """As FileIO.read; raises FileUnreadable where the disk fails."""
        try:
            return io.FileIO.read(self, size)
        except OSError as error:
            raise self._unreadable(error) from error

    def readall(self) -> bytes:
        """As FileIO.readall; raises FileUnreadable where the disk fails."""
        try:
            return io.FileIO.readall(self)
        except OSError as error:
            raise self._unreadable(error) from error

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As FileIO.readinto; raises FileUnreadable where the disk fails."""
        try:
            return io.FileIO.readinto(self, buffer)
        except OSError as error:
            raise self._unreadable(error) from error

    def _compare(self, descriptor: int) -> None:
        try:
            found = os.fstat(descriptor)
        except OSError as error:
            raise self._unreadable(error) from error
        if (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino) == self._observed:
            return  # nearly always; making an Observation of it would take as long as opening the file
        if not stat.S_ISREG(found.st_mode):
            raise self._changed("it is no regular file now")
        now = observation(found)
        if now != self._observed:
            raise self._changed(_difference(self._observed, now))

    def _changed(self, how: str) -> FileChanged:
        return FileChanged(f"{shown(self._path)} changed since it was listed: {how}", hint=_LOOK_AGAIN)

    def _unreadable(self, error: OSError) -> FileUnreadable:
        why = refusal(error, self._path)
        return FileUnreadable(f"{shown(self._path)} can't be read: {why.what}", hint=why.hint)


def _difference(before: Observation, now: Observation) -> str:
    if before.token != now.token:
        return "another file has taken its place"
    if before.size != now.size:
        return f"{before.size} bytes became {now.size}"
    return "its content or attributes were written"
