"""A conversation with an FTP server: one exchange, or the transfer of one file, at a time.

Several threads may share it: a file that is being read keeps it until its end, or until it was not read for a while;
everything else goes before. What is broken off that way is taken up again where it was, on a new connection: what a
server says to ABOR is not to be relied on, and an answer to something else would be the next one's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources import conversing
from synapse_sync.sources.conversing import Entry, Refused
from synapse_sync.sources.ftp.asking import cleared_up, enter, entries, look
from synapse_sync.sources.ftp.refusals import FAILURES, Full, meant
from synapse_sync.sources.ftp.wire import RECEIVED, Wire, cut
from synapse_sync.sources.remote_reading import Lost

WHOLE = 1 << 20
"""Bytes of a file, or of the rest of one, that are had at once, so that it keeps nobody waiting."""

PATIENCE = 1.0  # seconds without a read after which another file may have the conversation
NAMES = 500  # of a folder that are given for what counts as one request
AGAIN = (0.1, 0.5, 2.0)
"""Seconds between tries to connect anew: a server that allows few may not know yet that the old connection went."""


class Reading:
    """A file that is open for reading. held: bytes of it from `held_at` on."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self.held = b""
        self.held_at = 0


class _Transfer:
    """What is coming of a file."""

    def __init__(self, reading: Reading, data: socket.socket, position: int) -> None:
        self.reading = reading
        self.data = data
        self.begun = self.position = position
        self.used = time.monotonic()


class Talk:
    """See Conversation. wire: the connection; another: makes one, or raises SourceUnavailable."""

    def __init__(self, wire: Wire, another: Callable[[], Wire]) -> None:
        self._another = another
        self._turn = threading.Condition()
        self._ended = False
        self._transfer: _Transfer | None = None
        self._wire: Wire | None = wire
        self._used = time.monotonic()

    def look(self, path: bytes, *, follow: bool) -> Entry:
        """See Conversation."""
        with self._exchange() as wire:
            return look(wire, wire.full(path), follow=follow)

    def real_path(self, path: bytes) -> bytes:
        """Where the server says that it is after it was asked to go there."""
        with self._exchange() as wire:
            enter(wire, wire.full(path))
            return wire.pwd().encode("latin-1")

    def open_folder(self, path: bytes) -> Iterator[Entry]:
        """See Conversation: a folder's list, once the server has said that it is whole."""
        with self._exchange() as wire:
            enter(wire, wire.full(path))
            return entries(wire)

    def entries(self, handle: Iterator[Entry], requests: int) -> tuple[list[Entry], bool]:
        """See Conversation; nothing is asked any more."""
        wanted = requests * NAMES
        found = list(islice(handle, wanted))
        return found, len(found) < wanted

    def open(self, path: bytes, *, follow: bool) -> tuple[Reading | None, Entry]:
        """See Conversation: nothing but a file is asked for, so that no pipe is waited for."""
        with self._exchange() as wire:
            full = wire.full(path)
            entry = look(wire, full, follow=follow)
        return (Reading(full, entry.observed.size) if entry.observed else None), entry

    def read(self, handle: Reading, offset: int, amount: int) -> bytes:
        """See Conversation."""
        if not handle.held_at <= offset < handle.held_at + len(handle.held):
            with self._turn:
                self._wait_for_others(handle)
                with self._answers():
                    return self._read(handle, offset, min(amount, RECEIVED))
        start = offset - handle.held_at
        return handle.held[start : start + amount]

    def close(self, handle: object) -> None:
        """See Conversation."""
        if isinstance(handle, Reading):
            with self._turn:
                handle.held = b""
                if self._transfer is not None and self._transfer.reading is handle:
                    self._break_off()

    def end(self) -> None:
        """Close the connection, whatever is under way: who waits for an answer is told, and closes it."""
        self._ended = True
        wire, transfer = self._wire, self._transfer
        if transfer is not None:
            cut(transfer.data)
        if wire is not None and wire.sock is not None:
            cut(wire.sock)
        if self._turn.acquire(blocking=False):
            try:
                self._break_off()
            finally:
                self._turn.release()

    def _read(self, reading: Reading, offset: int, amount: int) -> bytes:
        transfer = self._transfer
        if transfer is None or transfer.reading is not reading or transfer.position != offset:
            wire = self._ready()
            with cleared_up(wire, reading.path):
                data = wire.transfer(f"RETR {reading.path}", offset)
            transfer = self._transfer = _Transfer(reading, data, offset)
            if reading.size - offset <= WHOLE:
                return self._whole(transfer, amount)
        return self._piece(transfer, amount)

    def _whole(self, transfer: _Transfer, amount: int) -> bytes:
        """A small file, or the rest of a large one."""
        reading, pieces = transfer.reading, []
        start = transfer.position
        while self._transfer is transfer and (piece := self._piece(transfer, RECEIVED)):
            pieces.append(piece)
        reading.held, reading.held_at = b"".join(pieces), start
        return reading.held[:amount]

    def _piece(self, transfer: _Transfer, amount: int) -> bytes:
        """What comes next. The last of it is given when the server has said that it is the last, and not before."""
        left = transfer.reading.size - transfer.position
        piece = transfer.data.recv(min(amount, left))
        transfer.position += len(piece)
        transfer.used = time.monotonic()
        if piece and len(piece) < left:
            return piece
        if piece and transfer.data.recv(1):
            self._break_off()  # it has grown: what is there now is looked at in the end
            if transfer.begun:  # or it began elsewhere than was asked for: nothing of it can be relied on
                raise Refused("it sends more than the rest of the file, where that is asked for (REST)")
        else:
            assert self._wire is not None
            self._wire.received(transfer.data)
            self._transfer = None
        self._turn.notify_all()
        return piece

    def _wait_for_others(self, reading: Reading) -> None:
        """Until no other file is being read: two that take turns would each begin anew for every piece."""
        while (other := self._transfer) is not None and other.reading is not reading:
            left = other.used + PATIENCE - time.monotonic()
            if left <= 0 or self._ended:
                return
            self._turn.wait(left)

    @contextmanager
    def _exchange(self) -> Iterator[Wire]:
        """The connection for a question and its answer. Raises Lost, and Refused."""
        with self._turn, self._answers():
            yield self._ready()

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Where an answer is Lost nothing more is said: it may still come."""
        if self._ended:
            raise Lost("the connection was closed")
        try:
            yield
        except FAILURES as error:
            why = meant(error)
            self._ended = self._ended or isinstance(why, Lost)
            raise why from error
        finally:
            self._used = time.monotonic()
            if self._ended:
                self._break_off()

    def _ready(self) -> Wire:
        """A connection on which nothing is under way; one that was not used for long a router may have forgotten."""
        wire, idle = self._wire, time.monotonic() - self._used
        left = idle > PATIENCE and wire is not None and wire.is_stale  # what ends within a listing ends the listing
        if self._transfer is not None or idle > conversing.IDLE or left:
            self._break_off()
        if self._wire is None:
            try:
                self._wire = connected(self._another)
            except SourceUnavailable as error:
                raise Lost(error.message) from error
        if self._ended:
            raise Lost("the connection was closed")
        return self._wire

    def _break_off(self) -> None:
        wire, transfer = self._wire, self._transfer
        self._wire = self._transfer = None
        if transfer is not None:
            cut(transfer.data)
            transfer.data.close()
        if wire is not None:
            wire.drop()
        self._turn.notify_all()


def connected(another: Callable[[], Wire]) -> Wire:
    """A connection, in the place of one that went perhaps. Raises SourceUnavailable."""
    for pause in AGAIN:
        try:
            return another()
        except Full:
            time.sleep(pause)
    return another()
