"""The single-instance lock: a file beside the ledger. It ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synapse_sync.errors import LedgerError, LedgerLocked
from synapse_sync.ledger.owner import sudo_hint

_LONGEST = 200


class Lock:
    """The lock while it is held.

    note: what its last holder left, "" where that did not end in order. mark: what any holder kept last, however it
    ended; "" where none did.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        left, self.mark = _text(descriptor)
        self.note = "" if left.isdigit() else left
        self._write(str(os.getpid()))

    def keep(self, mark: str) -> None:
        """Keep a mark of the ledger beside it, for whoever comes next."""
        self.mark = mark
        self._write(str(os.getpid()))

    def leave(self, note: str) -> None:
        """Leave a note, which is no number, to the next one: this process has ended its work in order."""
        self._write(note)

    def _write(self, text: str) -> None:
        """One write of one length: whenever the process ends, all of the old text is there or all of the new one."""
        with suppress(OSError):  # on a full disk the next process can't be told which one holds the lock
            os.pwrite(self._descriptor, f"{text}\n{self.mark}\n".ljust(_LONGEST).encode("ascii"), 0)


def _text(descriptor: int) -> tuple[str, str]:
    """The two lines of the file: who holds the lock, or a note; and the mark."""
    first, _, second = os.pread(descriptor, _LONGEST, 0).decode("ascii", "replace").partition("\n")
    return first.strip(), second.strip()


@contextmanager
def locked(path: Path) -> Iterator[Lock]:
    """Hold the lock of the ledger at `path`. Raises LedgerLocked while another process does, LedgerError."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"the lock {lock_path} can't be opened: {error.strerror}", hint=sudo_hint(path)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder, _ = _text(descriptor)
            raise LedgerLocked(
                f"another synapse-sync (process {holder or 'unknown'}) is working with the ledger {path}",
                hint="is it the daemon? `synapse-sync trigger` has it run now; else wait until it has finished",
            ) from error
        yield Lock(descriptor)
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """The process that holds the lock of the ledger at `path`, as the kernel tells; None where none is to be seen.

    Trying the lock would for a moment keep out whoever wants it: /proc/locks is read instead (proc_locks(5)). On some
    file systems (Btrfs, overlayfs) a file has another device there than stat() says: then the process that the lock's
    file names must be the one.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        found = lock.stat()
        with open("/proc/locks", encoding="ascii") as table:
            held = [line.split() for line in table if "FLOCK" in line and "->" not in line]
        named = lock.read_text("ascii", "replace").partition("\n")[0].strip()
    except OSError:
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for fields in held:  # 1: FLOCK ADVISORY WRITE PROCESS MAJOR:MINOR:INODE 0 EOF
        process, where = fields[-4], fields[-3]
        if where == place or (where.endswith(f":{found.st_ino}") and process == named):
            return int(process)
    return None
