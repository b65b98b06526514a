"""The ledger: where it is, whether it is whole, what it lies on, who works with it. It is opened for reading only."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from synapse_sync.config import ledger_path
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import LedgerError
from synapse_sync.installation.access import user_name
from synapse_sync.ledger import inspected
from synapse_sync.ledger.backups import backups_of, changed_since, folder_of
from synapse_sync.ledger.lock import holder
from synapse_sync.ledger.owner import sudo_hint
from synapse_sync.ledger.store import ANEW
from synapse_sync.sources.mounts import mount_of, mounted, tells
from synapse_sync.status.words import many, size

AREA = "ledger"
CHECKED_HERE = 256 << 20
"""Bytes up to which it is read in full: less than a second. A larger one is checked once a day by whoever works."""
LOW, EMPTY = 1 << 30, 100 << 20
"""Bytes free on its disk from which on it is told, and below which it will fail soon."""
LATE = 3
"""Intervals after which a copy that was not made is told."""
_LOCAL_ALL_THE_SAME = {"fuseblk"}  # NTFS and the like on a disk of this machine


def ledger(situation: Situation) -> Iterator[Finding]:
    """There, whole, of this version, for its owner's eyes; or whether it can be made."""
    if situation.config is None:
        return
    path = ledger_path(situation.config, situation.environ)
    yield _place(path)
    try:
        if not path.exists():
            yield _to_be_made(path)
            return
        found = inspected(path, most=CHECKED_HERE)
    except OSError as error:
        yield problem(AREA, "open", f"{path} can't be reached: {error.strerror}", sudo_hint(path))
        return
    except LedgerError as error:
        yield problem(AREA, "open", error.message, error.hint)
        return
    if found.problems:
        yield problem(AREA, "whole", f"{path} is damaged: {found.problems[0]}", ANEW)
    else:
        checked = "whole" if found.checked else "too large to be read now: whoever works with it does so once a day"
        yield well(AREA, "whole", f"{path}: {size(path.stat().st_size)}, {many(found.feeds, 'feed')}, {checked}")
    yield _mode(path)
    yield _work(path)
    if situation.config.schedule.backup_every:
        yield _backups(path, situation.config.schedule.backup_every, situation)


def disk(situation: Situation) -> Iterator[Finding]:
    """Room on the ledger's disk."""
    if situation.config is None:
        return
    folder = _nearest(ledger_path(situation.config, situation.environ))
    free = shutil.disk_usage(folder).free
    words = f"{size(free)} are free where the ledger is ({folder})"
    line = f"df -h {shlex.quote(str(folder))}   # free some space, or name another place as [ledger] path"
    if free < EMPTY:
        yield problem("disk", "free", words, line)
    elif free < LOW:
        yield warning("disk", "free", words, line)
    else:
        yield well("disk", "free", words)


def _place(path: Path) -> Finding:
    """SQLite's shared memory and locks need a disk of this machine (sqlite.org/wal.html)."""
    mount = mount_of(os.fsencode(os.path.realpath(_nearest(path))), mounted())
    kind = mount.kind if mount is not None else "an unknown file system"
    if mount is not None and not tells(mount) and kind not in _LOCAL_ALL_THE_SAME:
        words = f"{path} is on {kind}: two machines, or one after a fault of the network, can damage it"
        return problem(AREA, "place", words, 'write below [ledger]: path = "/var/lib/synapse-sync/ledger.db"')
    return well(AREA, "place", f"{path} is on {kind}, a disk of this machine")


def _to_be_made(path: Path) -> Finding:
    folder = _nearest(path)
    if os.access(folder, os.W_OK | os.X_OK) and folder.is_dir():
        return well(AREA, "open", f"there is none yet: the first run makes {path}")
    return problem(AREA, "open", f"{path} can't be made: {folder} can't be written by this user", sudo_hint(path))


def _mode(path: Path) -> Finding:
    found = path.stat()
    mode, owner = stat.S_IMODE(found.st_mode), user_name(found.st_uid)
    if mode & 0o077:
        words = f"others may read it (mode {mode:04o}): it holds upload addresses, which are secrets"
        return warning(AREA, "mode", words, f"chmod 0600 {shlex.quote(str(path))}")
    return well(AREA, "mode", f"its owner, {owner}, alone may read it (mode {mode:04o})")


def _work(path: Path) -> Finding:
    process = holder(path)
    if process is None:
        return well(AREA, "lock", "no process works with it now")
    return well(AREA, "lock", f"process {process} works with it now")


def _backups(path: Path, every: float, situation: Situation) -> Finding:
    """How old the newest copy is. `run` makes them, so one is missed where it does not run."""
    folder = folder_of(path)
    copy = f"{shlex.quote(str(folder / path.stem))}-$(date -u +%Y%m%dT%H%M%SZ).db"
    line = f"mkdir -p -m 0700 {shlex.quote(str(folder))} && {situation.command} ledger backup {copy}"
    now = time.time()
    try:
        backups = backups_of(path, until=now)
    except LedgerError as error:
        return warning(AREA, "backup", error.message, f"ls -ld {shlex.quote(str(folder))}")
    if not backups:
        if situation.daemon is not None:
            return well(AREA, "backup", "the running daemon makes its first copy soon")
        return warning(AREA, "backup", "there is no copy of it yet", line)
    made = backups[-1].at.timestamp()
    words = f"the newest of {len(backups)} copies is {(now - made) / 3600:.0f} hours old"
    if now - made > LATE * every and changed_since(path, made):
        return warning(AREA, "backup", words, line)
    return well(AREA, "backup", words)


def _nearest(path: Path) -> Path:
    """The nearest folder above a path that is there."""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
