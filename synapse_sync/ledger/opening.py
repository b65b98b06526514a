"""How a ledger is opened: who may create one, the lock, the integrity check, migrations, too new a version."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synapse_sync.errors import LedgerCorrupt, LedgerError, LedgerFull, LedgerMissing, LedgerNewer
from synapse_sync.ledger import migrations
from synapse_sync.ledger.backups import back_up
from synapse_sync.ledger.integrity import integrity_problems
from synapse_sync.ledger.lock import locked
from synapse_sync.ledger.older import Mark, doubt, may_be_older
from synapse_sync.ledger.owner import sudo_hint
from synapse_sync.ledger.store import ANEW, Ledger, connect, translated

CHECK_EVERY = 86400.0
"""Seconds after which a ledger is checked in full again, even if every process ended in order."""

MIGRATING = 2
"""How many times a ledger's size must be free before it is migrated: for its copy, and for pages that change."""

_CHECKED = "checked {at} {size} {changed}"

log = logging.getLogger(__name__)


@contextmanager
def open_for_writing(path: Path, *, create: bool, backup: bool = True) -> Iterator[Ledger]:
    """The ledger, locked against every other writer, checked, migrated, and doubted where it may be an older copy.

    create: whether it may be made where there is none (`run`, `once`, `demo`, `ledger rebuild` only). backup: whether
    it is copied before a migration; without that copy it is not migrated. Raises LedgerMissing, LedgerCorrupt,
    LedgerNewer, LedgerFull, or LedgerError with the exact `sudo` line where this user may not open it.
    """
    require_access(path, create=create, write=True)
    with locked(path) as lock:
        if path.exists():
            _require_not_newer(path)
        checked_at = _checked_before(path, lock.note)
        with translated(path):
            _prepare(path, check=checked_at is None, backup=backup)
        inode = path.stat().st_ino
        left = Mark.read(lock.mark)
        with Ledger(path, writable=True, committed=lambda number: lock.keep(Mark(inode, number).write())) as ledger:
            if may_be_older(Mark(inode, ledger.number), left):
                doubt(ledger, left)
            yield ledger
        found = path.stat()
        lock.leave(_CHECKED.format(at=int(checked_at or time.time()), size=found.st_size, changed=found.st_mtime_ns))


@contextmanager
def open_for_reading(path: Path) -> Iterator[Ledger]:
    """The ledger, read-only, while others may write. Raises LedgerMissing, LedgerNewer or LedgerError."""
    require_access(path, create=False, write=False)
    _require_not_newer(path)
    with Ledger(path, writable=False) as ledger:
        yield ledger


def _checked_before(path: Path, note: str) -> float | None:
    """When the file was last checked in full, if it is as it was then left in order and that is not long ago.

    A full check reads all of it: 14 s for 1,000,000 files (measured), which a run each minute can't pay.
    """
    with suppress(ValueError, OSError):
        word, at, size, changed = note.split()
        found = path.stat()
        same = (found.st_size, found.st_mtime_ns) == (int(size), int(changed))
        if word == _CHECKED.split()[0] and same and 0 <= time.time() - float(at) < CHECK_EVERY:
            return float(at)
    return None


def _prepare(path: Path, *, check: bool, backup: bool) -> None:
    """Create the file, or check it where that is wanted; then bring it to this version, after a copy."""
    if not path.exists():
        _create(path)
        return
    if check and (problems := integrity_problems(path)):
        raise LedgerCorrupt(
            f"the ledger {path} is damaged: {problems[0]}",
            hint=ANEW,
        )
    if (applied := _applied(path)) != set(migrations.known()):
        if backup:
            _back_up(path, applied)
        _migrate(path)


def _back_up(path: Path, applied: set[str]) -> None:
    """Keep the ledger as it is, for whoever goes back to the version that wrote it."""
    version = max(applied, default="0000").partition("_")[0]
    try:
        copy = back_up(path, time.time(), version=version, room=MIGRATING)
    except LedgerError as error:
        error.message = (
            f"the ledger {path} stays as an older version left it, because it can't be copied: {error.message}"
        )
        raise
    log.warning("the ledger %s is brought to this version; as it was it is kept as %s", path, copy)


def _create(path: Path) -> None:
    """A new ledger, whole under another name before it gets its own."""
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
        _migrate(new)
        os.rename(new, path)
    except OSError as error:
        kind = LedgerFull if error.errno == errno.ENOSPC else LedgerError
        raise kind(f"the ledger {path} can't be made: {error.strerror}", hint=sudo_hint(path)) from error


def _migrate(path: Path) -> None:
    from sqlite_utils import Database

    database = Database(sqlite3.connect(path))
    try:
        database.enable_wal()
        migrations.migrations().apply(database)
    finally:
        database.close()


def _require_not_newer(path: Path) -> None:
    with translated(path):
        applied = _applied(path)
    require_known(path, applied)


def require_known(path: Path, applied: set[str]) -> None:
    """Raises LedgerNewer where a ledger was made by migrations that this version does not have."""
    newer = sorted(applied - set(migrations.known()))
    if newer:
        raise LedgerNewer(
            f"the ledger {path} was written by a newer synapse-sync (it has {', '.join(newer)})",
            hint="install that version again, or put a backup from before the upgrade in its place",
        )


def _applied(path: Path) -> set[str]:
    """Names of the migrations that made this file. Raises LedgerCorrupt where it is no ledger."""
    connection = connect(path, writable=False)
    try:
        return applied_in(connection, path)
    finally:
        connection.close()


def applied_in(connection: sqlite3.Connection, path: Path) -> set[str]:
    """See _applied()."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:  # SQLite takes a file of no length, or of one byte, for a database
        raise LedgerCorrupt(f"the ledger {path} is empty, which no ledger ever is", hint=ANEW)
    if "_sqlite_migrations" not in tables:
        raise LedgerCorrupt(f"{path} is an SQLite file, but not a ledger", hint="check [ledger] path")
    query = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    return {row[0] for row in connection.execute(query, (migrations.SET_NAME,))}


def require_access(path: Path, *, create: bool, write: bool) -> None:
    """Refuse early, in words, what would otherwise fail as `unable to open database file`."""
    try:
        exists = path.exists()
    except OSError as error:
        raise LedgerError(f"the ledger {path} can't be reached: {error.strerror}", hint=sudo_hint(path)) from error
    if not exists:
        if not create:
            raise LedgerMissing(f"there is no ledger at {path} yet", hint="run `synapse-sync once` first")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            hint = sudo_hint(path)
            raise LedgerError(
                f"the ledger's folder {path.parent} can't be made: {error.strerror}", hint=hint
            ) from error
    elif path.is_dir():
        raise LedgerError(f"the ledger {path} is a folder", hint="[ledger] path names a file")
    wanted = os.R_OK | (os.W_OK if write else 0)
    target = path if exists else path.parent
    if not os.access(target, wanted):
        verb = "written" if write else "read"
        raise LedgerError(f"the ledger {path} can't be {verb} by this user", hint=sudo_hint(path))
