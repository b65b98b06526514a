"""One connection to a share: its folders and files. smbprotocol runs a thread for each, which ends with it.

A folder's answers tell all that is asked of a file: its size, its times of 100 ns, and its number, which is its token.
A file that was replaced has another number, and one that was written to has another time of its last change.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry, Refused
from synapse_sync.sources.remote_reading import Lost
from synapse_sync.sources.smb.refusals import refused

if TYPE_CHECKING:
    from smbprotocol.open import Open
    from smbprotocol.tree import TreeConnect

READ = 1 << 20  # bytes of a request, where the server gives as much
ANSWER = 64 << 10  # bytes of a folder's listing at once: some 500 names

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDER, _REPARSE = 0x10, 0x400  # FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT (MS-FSCC 2.6)
_ELSEWHERE = (0xA000000C, 0xA0000003)  # IO_REPARSE_TAG_SYMLINK, IO_REPARSE_TAG_MOUNT_POINT (MS-FSCC 2.1.2.1)


class Talk:
    """A conversation (sources.conversing.Conversation) over a share's tree; an exchange at a time."""

    def __init__(self, tree: TreeConnect) -> None:
        self._tree = tree
        self._connection = tree.session.connection
        self._lock = threading.Lock()
        self._broken = False

    def look(self, path: bytes, *, follow: bool) -> Entry:
        """What stands there; links are the server's own affair, or are told apart by the listing."""
        del follow
        with self._exchange():
            opened = self._opened(path, reading=False)
            opened.close()
        return _entry_of(opened)

    def real_path(self, path: bytes) -> bytes:
        """The path itself: the server does not say more."""
        return path

    def open_folder(self, path: bytes) -> Open:
        """See Conversation."""
        with self._exchange():
            return self._opened(path, reading=True, folder=True)

    def entries(self, handle: Open, requests: int) -> tuple[list[Entry], bool]:
        """See Conversation: one request is enough for some 500 names."""
        from smbprotocol.exceptions import NoMoreFiles, NoSuchFile
        from smbprotocol.file_info import FileInformationClass

        found: list[Entry] = []
        for _ in range(requests):
            try:
                with self._exchange():
                    kind = FileInformationClass.FILE_ID_FULL_DIRECTORY_INFORMATION
                    answer = handle.query_directory("*", kind, flags=0, max_output=ANSWER)
            except Refused as error:
                if isinstance(error.__cause__, NoMoreFiles | NoSuchFile):
                    return found, True
                raise
            found += map(_listed, answer)
        return found, False

    def open(self, path: bytes, *, follow: bool) -> tuple[Open | None, Entry]:
        """See Conversation. The answer to it says what is open."""
        del follow
        with self._exchange():
            opened = self._opened(path, reading=True)
        return opened, _entry_of(opened)

    def read(self, handle: Open, offset: int, amount: int) -> bytes:
        """See Conversation."""
        from smbprotocol.exceptions import EndOfFile

        most = min(READ, self._connection.max_read_size)
        try:
            with self._exchange():
                return bytes(handle.read(offset, min(amount, most)))
        except Refused as error:
            if isinstance(error.__cause__, EndOfFile):
                return b""
            raise

    def close(self, handle: Open) -> None:
        """See Conversation."""
        try:
            with self._exchange():
                handle.close()
        except (Lost, Refused):
            return  # it goes with its connection

    def end(self) -> None:
        """Close the connection, whatever is under way."""
        self._broken = True
        self._connection.disconnect(close=False)

    def _opened(self, path: bytes, *, reading: bool, folder: bool = False) -> Open:
        from smbprotocol.open import (
            CreateDisposition,
            CreateOptions,
            FilePipePrinterAccessMask,
            ImpersonationLevel,
            Open,
            ShareAccess,
        )

        access = FilePipePrinterAccessMask.FILE_READ_ATTRIBUTES | FilePipePrinterAccessMask.SYNCHRONIZE
        if reading:
            access |= FilePipePrinterAccessMask.FILE_READ_DATA
        kind = CreateOptions.FILE_DIRECTORY_FILE if folder else CreateOptions.FILE_NON_DIRECTORY_FILE if reading else 0
        opened = Open(self._tree, path.decode().strip("/").replace("/", "\\"))
        opened.create(
            ImpersonationLevel.Impersonation,
            access,
            0,
            ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE,
            CreateDisposition.FILE_OPEN,
            kind,
        )
        return opened

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """A request and its answer; a connection that failed once is not used again."""
        from smbprotocol.exceptions import SMBException, SMBResponseException

        with self._lock:
            if self._broken:
                raise Lost("the connection was closed")
            try:
                yield
            except SMBResponseException as error:
                why = refused(error)
                if isinstance(why, Lost):
                    self._broken = True
                raise why from error
            except (SMBException, OSError, ValueError, struct.error) as error:
                self._broken = True
                if "timeout" in str(error):
                    raise Lost("it stopped answering") from error
                raise Lost(f"the connection broke off: {error}") from error


def _listed(answer: Any) -> Entry:
    """One entry of a folder."""
    try:
        name = answer["file_name"].get_value().decode("utf-16-le").encode()
    except UnicodeError:
        return Entry(answer["file_name"].get_value().decode("utf-16-le", "replace").encode(), "nameless")
    attributes = answer["file_attributes"].get_value()
    number = int(answer["file_id"].get_value())
    if attributes & _REPARSE and int(answer["ea_size"].get_value()) in _ELSEWHERE:
        return Entry(name, "link")
    if attributes & _FOLDER:
        return Entry(name, "folder", identity=number)
    written, changed = _ns(answer["last_write_time"]), _ns(answer["change_time"])
    return Entry(name, "file", Observation(int(answer["end_of_file"].get_value()), written, changed, str(number)))


def _entry_of(opened: Open) -> Entry:
    """What is open; its number is not told then."""
    if opened.file_attributes & _FOLDER:
        return Entry(b"", "folder")
    written, changed = _since(opened.last_write_time), _since(opened.change_time)
    return Entry(b"", "file", Observation(opened.end_of_file, written, changed, ""))


def _ns(field: Any) -> int:
    return _since(field.get_value())


def _since(moment: datetime) -> int:
    """Nanoseconds since 1970, as far as the moment tells them."""
    passed = moment.replace(tzinfo=UTC) - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000
