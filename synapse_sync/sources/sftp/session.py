"""A conversation in SFTP, version 3 (draft-ietf-secsh-filexfer-02), as far as it lists and reads.

Names are bytes. Several requests go out at once and their answers are sorted by number; nothing is taken for an answer
that is none, and whatever breaks off is Lost: nothing that comes reads like an end that was not said.
"""

from __future__ import annotations

import stat
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry, Refused
from synapse_sync.sources.remote_reading import Lost

if TYPE_CHECKING:
    from paramiko import Channel

INIT, VERSION, OPEN, CLOSE, READ, LSTAT, FSTAT = 1, 2, 3, 4, 5, 7, 8
OPENDIR, READDIR, REALPATH, STAT = 11, 12, 16, 17
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED = 0, 1, 2, 3

BLOCK = 32 << 10  # bytes of a read: what every server must give
AT_ONCE = 32  # reads under way: 1 MiB, so that a way of 10 ms carries 100 MB/s
RECEIVED = 256 << 10  # bytes taken from the connection at once, at most
LARGEST = 4 << 20  # bytes of an answer; more is no answer

_CUT = "what comes is no whole SFTP answer"


class Attributes(NamedTuple):
    """What the server says of a file; None where it does not. mode has the kind of file, mtime is in seconds."""

    size: int | None
    mode: int | None
    mtime: int | None


class _Answer(NamedTuple):
    kind: int
    fields: _Fields


class _Fields:
    """The parts of an answer, in order. Raises Lost where it is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        return int(self._unpacked(">I"))

    def long(self) -> int:
        return int(self._unpacked(">Q"))

    def text(self) -> bytes:
        length = self.number()
        end = self._at + length
        if end > len(self._data):
            raise Lost(_CUT)
        found, self._at = self._data[self._at : end], end
        return found

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.long() if flags & 1 else None
        if flags & 2:
            self.long()  # owner and group
        mode = self.number() if flags & 4 else None
        mtime = (self.number(), self.number())[1] if flags & 8 else None
        for _ in range(self.number() if flags & 0x80000000 else 0):
            self.text(), self.text()
        return Attributes(size, mode, mtime)

    def _unpacked(self, form: str) -> int:
        try:
            (found,) = struct.unpack_from(form, self._data, self._at)
        except struct.error:
            raise Lost(_CUT) from None
        self._at += struct.calcsize(form)
        return int(found)


def _text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def entry(name: bytes, attributes: Attributes) -> Entry:
    """What attributes say; a file's time is the server's, in whole seconds."""
    mode, size = attributes.mode, attributes.size
    if mode is None or size is None:
        return Entry(name, "unsaid")
    if stat.S_ISREG(mode):
        return Entry(name, "file", Observation(size, (attributes.mtime or 0) * 1_000_000_000, 0, ""))
    return Entry(name, "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "special")


class Session:
    """On a channel of its own; several threads take turns, an exchange each. Raises Lost, and Refused."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._number = 0
        self._unawaited: set[int] = set()
        self._broken = False
        self._block = BLOCK
        self._come = bytearray()
        with self._whole():
            channel.sendall(struct.pack(">IBI", 5, INIT, 3))
            kind, _ = self._packet()
            if kind != VERSION:
                raise Lost("what answers is no SFTP")

    def look(self, path: bytes, *, follow: bool) -> Entry:
        """See Conversation."""
        return entry(b"", self._one(STAT if follow else LSTAT, _text(path), ATTRS).attributes())

    def real_path(self, path: bytes) -> bytes:
        """The path without any symbolic link, absolute."""
        fields = self._one(REALPATH, _text(path), NAME)
        if fields.number() != 1:
            raise Refused("no such path", gone=True)
        return fields.text()

    def open(self, path: bytes, *, follow: bool) -> tuple[bytes | None, Entry]:
        """See Conversation: a pipe that took the file's place would never answer, so it is looked at before."""
        before = self.look(path, follow=follow)
        if before.kind != "file":
            return None, before
        handle = self._one(OPEN, _text(path) + struct.pack(">II", 1, 0), HANDLE).text()
        return handle, entry(b"", self._one(FSTAT, _text(handle), ATTRS).attributes())

    def open_folder(self, path: bytes) -> bytes:
        """A handle for listing a folder."""
        return self._one(OPENDIR, _text(path), HANDLE).text()

    def entries(self, handle: bytes, requests: int) -> tuple[list[Entry], bool]:
        """What so many requests give of an open folder, and whether that was the end."""
        found: list[Entry] = []
        end = False
        for answer in self._exchange([(READDIR, _text(handle))] * requests):
            if answer.kind == STATUS:
                end |= self._ended(answer.fields)
                continue
            fields = self._expected(answer, NAME)
            for _ in range(fields.number()):
                name, _ = fields.text(), fields.text()
                found.append(entry(name, fields.attributes()))
        return found, end

    def read(self, handle: bytes, offset: int, amount: int) -> bytes:
        """What stands there in an open file: up to so many bytes, at most AT_ONCE blocks; b"" at its end."""
        ends = min(offset + amount, offset + AT_ONCE * self._block)
        spans = [(at, min(self._block, ends - at)) for at in range(offset, ends, self._block)]
        answers = self._exchange([(READ, _text(handle) + struct.pack(">QI", *span)) for span in spans])
        pieces: list[bytes] = []
        for (_, asked), answer in zip(spans, answers, strict=True):
            if answer.kind == STATUS:
                try:
                    self._ended(answer.fields)
                except Refused:
                    if not pieces:
                        raise
                break
            pieces.append(self._expected(answer, DATA).text())
            if len(pieces[-1]) < asked:
                self._block = max(len(pieces[-1]), 1024)  # a server may give less at once: what follows is asked anew
                break
        return b"".join(pieces)

    def close(self, handle: bytes) -> None:
        """Give a handle back; nobody waits for the answer. Raises nothing: a lost connection has none any more."""
        with self._lock:
            if not self._broken:
                try:
                    self._unawaited.update(self._send([(CLOSE, _text(handle))]))
                except Exception:  # noqa: BLE001 - of whatever kind: the next exchange meets it
                    self._broken = True

    def _one(self, kind: int, payload: bytes, expected: int) -> _Fields:
        (answer,) = self._exchange([(kind, payload)])
        if answer.kind == STATUS:
            self._ended(answer.fields)
            raise Refused("it ends here")
        return self._expected(answer, expected)

    def _expected(self, answer: _Answer, kind: int) -> _Fields:
        if answer.kind != kind:
            raise Lost(f"an answer of kind {answer.kind} came for one of {kind}")
        return answer.fields

    def _ended(self, fields: _Fields) -> bool:
        """Whether a status says that there is no more; raises Refused where it says anything else."""
        code = fields.number()
        if code == EOF:
            return True
        said = fields.text().decode(errors="replace") or f"status {code}"
        raise Refused(said, gone=code == NO_SUCH_FILE, denied=code == PERMISSION_DENIED)

    def _exchange(self, requests: Sequence[tuple[int, bytes]]) -> list[_Answer]:
        """The answers to requests, in their order."""
        with self._lock, self._whole():
            numbers = self._send(requests)
            waiting = set(numbers)
            answers: dict[int, _Answer] = {}
            while waiting:
                kind, data = self._packet()
                fields = _Fields(data)
                number = fields.number()
                if number in self._unawaited:
                    self._unawaited.discard(number)
                    continue
                if number not in waiting:
                    raise Lost("an answer came that nobody asked for")
                waiting.discard(number)
                answers[number] = _Answer(kind, fields)
            return [answers[number] for number in numbers]

    def _send(self, requests: Sequence[tuple[int, bytes]]) -> list[int]:
        numbers, packets = [], []
        for kind, payload in requests:
            self._number = self._number + 1 & 0xFFFFFFFF
            numbers.append(self._number)
            packets.append(struct.pack(">IBI", len(payload) + 5, kind, self._number) + payload)
        self._channel.sendall(b"".join(packets))
        return numbers

    def _packet(self) -> tuple[int, bytes]:
        length, kind = struct.unpack(">IB", self._received(5))
        if not 1 <= length <= LARGEST:
            raise Lost("what comes is no SFTP")
        return kind, self._received(length - 1)

    def _received(self, amount: int) -> bytes:
        while len(self._come) < amount:
            piece = self._channel.recv(RECEIVED)
            if not piece:
                raise Lost("the connection was closed")
            self._come += piece
        found = bytes(self._come[:amount])
        del self._come[:amount]
        return found

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """An exchange: where it breaks off nothing more is said, as its answers may still come."""
        if self._broken:
            raise Lost("the connection was closed")
        self._broken = True
        try:
            yield
        except TimeoutError as error:
            raise Lost("it stopped answering") from error
        except (OSError, EOFError) as error:
            raise Lost(f"the connection broke off: {error}") from error
        self._broken = False
