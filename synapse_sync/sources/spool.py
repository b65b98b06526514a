"""Remote contents on their way to the server, on this machine's disk: written while they are hashed, sent from there.

A content is known by its digests alone. What is kept never takes more than the spool's size, what is being written
counted in full: for one that comes the oldest go that nobody is sending, and whoever needs those reads them again.
Nothing is believed of what another process left: it is removed at the start, if its process is gone (spool_folder.py).
Where the spool can't be written (no room on its disk, no permission) contents are read twice; that is told once.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from synapse_sync.records import Digests
from synapse_sync.shown import shown
from synapse_sync.sources.facts import observation
from synapse_sync.sources.reading import ObservedFile
from synapse_sync.sources.refusals import refusal
from synapse_sync.sources.spool_folder import OwnFolder, remove_left

LEFT_FREE = 512 << 20
"""Bytes of its disk that stay free: the ledger and its copies may lie there too."""

REST = 60.0
"""Seconds after which a spool that could not be written is tried again."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
log = logging.getLogger(__name__)


class _Content:
    """A file of the spool, and how many are sending it."""

    def __init__(self, path: bytes, written: os.stat_result) -> None:
        self.path, self.observed = path, observation(written)
        self.senders = 0


class Kept:
    """A content that is in the spool, and stays there until let_go()."""

    def __init__(self, spool: Spool, digests: Digests, content: _Content) -> None:
        self._spool, self._digests, self._content = spool, digests, content
        self._held = True

    def opened(self) -> ObservedFile:
        """Its bytes. Raises SourceErrors where the spool's file is not what was written."""
        return ObservedFile(self._content.path, self._content.observed, follow_symlinks=False)

    def let_go(self, *, free: bool = False) -> None:
        """It is not sent any more; free: nor will it be. May be called again."""
        if self._held:
            self._held = False
            self._spool.let_go(self._content)
        if free:
            self._spool.free(self._digests)


class Copy:
    """A content that is written as it is read; reserved: the bytes of the spool that are its own, 0 without room."""

    def __init__(self, spool: Spool, path: bytes = b"", reserved: int = 0) -> None:
        self.path, self.reserved = path, reserved
        self._spool, self._left = spool, reserved
        self._file: BinaryIO | None = None
        if reserved:
            with self._failing():
                self._file = cast("BinaryIO", os.fdopen(os.open(path, _NEW, 0o600), "w+b", buffering=0))

    def beside(self, stream: BinaryIO) -> BinaryIO:
        """What reads like the stream, and writes what is read."""
        return stream if self._file is None else cast("BinaryIO", _Beside(stream, self))

    def whole(self, stream: BinaryIO) -> BinaryIO:
        """All that was read, to be looked into once more: from here where it was written, else from the stream."""
        return self._file if self._file is not None and not self._left else stream

    def write(self, piece: bytes) -> None:
        """More of it; more than there is room for ends it."""
        view = memoryview(piece)
        self._left -= len(piece)
        if self._left < 0:
            self.drop()
        with self._failing():
            while self._file is not None and view:
                view = view[self._file.write(view) :]

    def keep(self, digests: Digests) -> None:
        """It was read to its end, and is this."""
        if self._file is not None and not self._left:
            with self._failing():
                self._spool.add(digests, self, os.fstat(self._file.fileno()))
                self._file.close()
                self._file = None

    def drop(self) -> None:
        """Nothing of it is kept."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                os.unlink(self.path)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.drop()
            self._spool.failed(error)


class _Beside:
    def __init__(self, stream: BinaryIO, copy: Copy) -> None:
        self._stream, self._copy = stream, copy

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._copy.write(piece)
        return piece


class Spool:
    """At most `size` bytes of contents in `folder`; None keeps nothing. For all feeds of a process, in any threads."""

    def __init__(self, folder: Path | None = None, size: int = 0) -> None:
        self._folder, self._size = folder, size if folder is not None else 0
        self._lock = threading.Lock()
        self._own: OwnFolder | None = None
        self._kept: dict[Digests, _Content] = {}  # the oldest first
        self._used = 0
        self._number = 0
        self._rests_until = 0.0
        self._told = ""

    def __enter__(self) -> Self:
        """Begin: what processes left that are gone is removed."""
        if self._folder is not None:
            try:
                remove_left(self._folder)
            except OSError as error:
                self.failed(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove all that is ours."""
        with self._lock:
            own, self._own, self._size = self._own, None, 0
            self._kept.clear()
        if own is not None:
            own.remove()

    def takes(self, size: int) -> bool:
        """Whether a content of so many bytes can be kept at all, as things are."""
        return 0 < size <= self._size and time.monotonic() >= self._rests_until

    def room(self, *, evicting: bool) -> int:
        """Bytes that can be written now; evicting: at the cost of contents that nobody is sending."""
        with self._lock:
            idle = sum(digests.size for digests, content in self._kept.items() if not content.senders)
            return self._size - self._used + (idle if evicting else 0)

    @contextmanager
    def copying(self, size: int) -> Iterator[Copy]:
        """Write a content of `size` bytes as it is read; without keep() nothing stays of it."""
        copy = self._begun(size)
        try:
            yield copy
        finally:
            copy.drop()
            with self._lock:
                self._used -= copy.reserved

    def contents(self) -> list[Digests]:
        """What is kept, the oldest first."""
        with self._lock:
            return list(self._kept)

    def take(self, digests: Digests) -> Kept | None:
        """A content that is to be sent; None where it isn't here."""
        with self._lock:
            content = self._kept.get(digests)
            if content is None:
                return None
            content.senders += 1
            return Kept(self, digests, content)

    def let_go(self, content: _Content) -> None:
        """One sends it no longer."""
        with self._lock:
            content.senders -= 1

    def free(self, digests: Digests) -> None:
        """Nobody needs it any more."""
        with self._lock:
            if digests in self._kept:
                self._remove(digests)

    def add(self, digests: Digests, copy: Copy, written: os.stat_result) -> None:
        """A copy is whole: its room goes to the content. Where that is here already the copy goes."""
        with self._lock:
            if digests in self._kept or self._own is None:
                os.unlink(copy.path)
            else:
                self._kept[digests] = _Content(copy.path, written)
                copy.reserved = 0
                self._told = ""

    def failed(self, error: OSError) -> None:
        """It can't be written: that is told, and it is left alone for a while."""
        why = refusal(error, os.fsencode(self._folder or ""))
        what, hint = why.what, why.hint
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            what, hint = "its disk is full or nearly so", "free some space, or name another folder as [upload] spool"
        words = f"the spool {shown(os.fsencode(self._folder or ''))} can't be used, so that remote files are read twice"
        self._rests_until = time.monotonic() + REST
        if what != self._told:
            self._told = what
            log.warning("%s: %s (%s)", words, what, hint)

    def _begun(self, size: int) -> Copy:
        """A copy, with room for it where there is some."""
        if self.takes(size):
            try:
                with self._lock:
                    path = self._place_for(size)
                if path:
                    return Copy(self, path, size)
            except OSError as error:
                self.failed(error)
        return Copy(self)

    def _place_for(self, size: int) -> bytes:
        """Where a content of this size goes, its room reserved; b"" where there is none. Raises OSError."""
        if self._folder is None or not self._size:
            return b""
        if self._own is not None and not self._own.there:
            self._begin_anew(self._own)
        self._own = self._own or OwnFolder(self._folder)
        idle = [digests for digests, content in self._kept.items() if not content.senders]
        if self._used + size - sum(digests.size for digests in idle) > self._size:
            return b""
        while self._used + size > self._size:
            self._remove(idle.pop(0))
        if self._own.free < size + LEFT_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._used += size
        self._number += 1
        return b"%s/%d" % (self._own.path, self._number)

    def _begin_anew(self, lost: OwnFolder) -> None:
        """Somebody has removed the folder. Holds the lock."""
        self._own = None
        lost.remove()
        for digests in list(self._kept):
            self._remove(digests)

    def _remove(self, digests: Digests) -> None:
        """Holds the lock."""
        self._used -= digests.size
        with suppress(OSError):
            os.unlink(self._kept.pop(digests).path)
