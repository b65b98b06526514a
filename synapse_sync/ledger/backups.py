"""Copies of the ledger: consistent, checked before they get their names, without URLs, for the owner alone.

They lie in `backups/` beside the ledger as LEDGER-TIME.db, those before a migration as LEDGER-TIME-from-NUMBER.db; TIME
is UTC. `VACUUM INTO` makes them: others read and write meanwhile, and neither free pages nor what once stood in them
are copied. (The ledger itself is never vacuumed: its free pages are used again.)
"""

from __future__ import annotations

import errno
import math
import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from synapse_sync.errors import LedgerCorrupt, LedgerError, LedgerFull
from synapse_sync.ledger.integrity import integrity_problems, stoppable
from synapse_sync.ledger.queries import statement
from synapse_sync.ledger.store import ANEW, connect, translated

DAYS, WEEKS, MIGRATIONS = 3, 2, 2
"""Kept are the newest copy of each of so many days and of so many weeks that have one, and of so many versions that
were migrated. A copy is as large as the ledger, and a damaged ledger is noticed by its next copy, a day later: older
ones serve who finds late that something else went wrong."""

MARGIN = 16 << 20
"""Bytes that a copy leaves free, beside a tenth of its own size: the ledger itself goes on growing."""

_PART = ".part"
_TIME = "%Y%m%dT%H%M%SZ"


class Backup(NamedTuple):
    """One copy: its file, when it was made (UTC), and the version that was then migrated, if one was."""

    path: Path
    at: datetime
    version: str = ""


def back_up(
    ledger: Path, now: float, *, version: str = "", room: int = 1, stop: Callable[[], bool] = lambda: False
) -> Path | None:
    """Copy the ledger's file into its folder of backups and remove the copies that are no longer kept; the new copy.

    Copies that are dated after it are of a clock that was ahead, or this clock is behind: they supersede none of the
    others, nor the others them.

    now: Unix time. version: number of the last migration, where another is about to follow. room: how many times the
    ledger's size must be free. stop: asked now and then; once it is true the copy is given up, which returns None.
    Raises LedgerFull where there is too little room, LedgerCorrupt where the copy is not whole, LedgerError.
    """
    at = datetime.fromtimestamp(now, UTC)
    folder = folder_of(ledger)
    target = folder / f"{ledger.stem}-{at.strftime(_TIME)}{f'-from-{version}' if version else ''}.db"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for left in folder.glob("*" + _PART):
            if left.name.startswith(ledger.stem + "-"):
                _remove(left)
    except OSError as error:
        raise _failed(target, error) from error
    if not copy_checked(ledger, target, room=room, stop=stop):
        return None
    copies = backups_of(ledger)
    for same_clock in ([copy for copy in copies if copy.at <= at], [copy for copy in copies if copy.at > at]):
        for backup in superseded(same_clock):
            backup.path.unlink(missing_ok=True)
    return target


def copy_checked(ledger: Path, target: Path, *, room: int = 1, stop: Callable[[], bool] = lambda: False) -> bool:
    """Copy the ledger's file to `target`, whole or not at all; False where `stop` ended it. Raises as back_up()."""
    part = target.with_name(target.name + _PART)
    try:
        _require_room(ledger, target, room)
        _remove(part)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with translated(ledger), stoppable(connect(ledger, writable=False), stop) as source:
                source.execute("VACUUM INTO ?", (str(part),))
            _leave_out_urls(part)
            problems = integrity_problems(part, stop)
            if problems:
                hint = f"check the disk, and run `ledger check`; if the ledger is damaged: {ANEW}"
                raise LedgerCorrupt(f"the copy {target} of the ledger is damaged: {problems[0]}", hint=hint)
            _keep(part, target)
        finally:
            _remove(part)
    except OSError as error:
        raise _failed(target, error) from error
    except LedgerError as error:
        if stop():
            return False
        if isinstance(error, LedgerCorrupt):
            raise
        raise type(error)(f"the copy {target} could not be made: {error.message}", hint=error.hint) from error
    return True


def backups_of(ledger: Path, until: float = math.inf) -> list[Backup]:
    """The copies of this ledger, oldest first. Raises LedgerError where their folder can't be read.

    until: now (Unix time), where it matters how old they are: what is dated later was made while the clock was ahead.
    """
    shape = re.compile(re.escape(ledger.stem) + r"-(\d{8}T\d{6}Z)(?:-from-(\d+))?\.db")
    try:
        named = [(path, shape.fullmatch(path.name)) for path in folder_of(ledger).glob("*.db")]
    except OSError as error:
        raise LedgerError(f"the backups in {folder_of(ledger)} can't be listed: {error.strerror}") from error
    found = [
        Backup(path, datetime.strptime(match[1], _TIME).replace(tzinfo=UTC), match[2] or "")
        for path, match in named
        if match is not None
    ]
    return sorted(
        (backup for backup in found if backup.at.timestamp() <= until), key=lambda backup: (backup.at, backup.path.name)
    )


def changed_since(ledger: Path, at: float) -> bool:
    """Whether the ledger was written after a time (Unix)."""
    found = [path.stat().st_mtime for path in (ledger, ledger.with_name(ledger.name + "-wal")) if path.exists()]
    return max(found, default=0.0) > at


def superseded(backups: Sequence[Backup]) -> list[Backup]:
    """Those that are no longer kept; never the newest. Pure."""
    newest_first = sorted(backups, key=lambda backup: backup.at, reverse=True)
    daily: dict[datetime, Backup] = {}
    weekly: dict[datetime, Backup] = {}
    versions: dict[str, Backup] = {}
    for backup in newest_first:
        if backup.version:
            versions.setdefault(backup.version, backup)
            continue
        day = backup.at.replace(hour=0, minute=0, second=0, microsecond=0)
        daily.setdefault(day, backup)
        weekly.setdefault(day - timedelta(days=day.weekday()), backup)
    kept = {
        *list(daily.values())[:DAYS],
        *list(weekly.values())[:WEEKS],
        *list(versions.values())[:MIGRATIONS],
    }
    return [backup for backup in backups if backup not in kept]


def folder_of(ledger: Path) -> Path:
    """Where the copies of a ledger lie."""
    return ledger.parent / "backups"


def _require_room(ledger: Path, target: Path, room: int) -> None:
    with closing(connect(ledger, writable=False)) as source, translated(ledger):
        pages, free, page = (
            source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    size = (pages - free) * page
    needed = room * size + size // 10 + MARGIN
    disk = os.statvfs(target.parent)
    there = disk.f_bavail * disk.f_frsize
    if there < needed:
        raise LedgerFull(
            f"{there >> 20} MiB are free where {target} is to be, {needed >> 20} MiB are needed",
            hint="free some space and run it again",
        )


def _remove(part: Path) -> None:
    """Remove what is left of a copy that was not finished."""
    for ending in ("", "-journal"):
        part.with_name(part.name + ending).unlink(missing_ok=True)


def _leave_out_urls(copy: Path) -> None:
    """Whoever has such a URL may write. Uploads that need them begin anew, should the copy ever be put to use."""
    with closing(sqlite3.connect(copy)) as connection, translated(copy), connection:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(statement("forget_urls"))


def _keep(part: Path, target: Path) -> None:
    """Give a checked copy its name, once all of it is on the disk."""
    _sync(part)
    part.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(target: Path, error: OSError) -> LedgerError:
    kind = LedgerFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else LedgerError
    return kind(f"the copy {target} could not be made: {error.strerror}", hint="check its disk and permissions")
