"""The spool's folder: a sub-folder for each process, locked while it lives, removed by the next one once it is gone.

Nothing is removed but files named by a number, in folders of our name that are this user's alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "synapse-sync-"
_OURS, _CONTENT = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}"), re.compile(r"[0-9]+")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
log = logging.getLogger(__name__)


class OwnFolder:
    """A sub-folder that is this process's alone, 0700. Raises OSError where it can't be made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            self.path = os.fsencode(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
            self._descriptor = os.open(self.path, _FOLDER)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def there(self) -> bool:
        """Whether nobody has removed it."""
        return os.path.isdir(self.path)

    @property
    def free(self) -> int:
        """Bytes that its disk has left. Raises OSError."""
        found = os.fstatvfs(self._descriptor)
        return found.f_bavail * found.f_frsize

    def remove(self) -> None:
        """With the contents in it."""
        with suppress(OSError):
            _empty(self._descriptor)
            os.rmdir(self.path)
        os.close(self._descriptor)


def remove_left(folder: Path) -> None:
    """Remove what processes left that are gone. Raises OSError where the folder can't be looked into."""
    if not folder.is_dir():
        return
    with _locked(folder):
        for name in os.listdir(folder):
            if _OURS.fullmatch(name):
                _remove_unless_held(folder / name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """While no other process makes or removes sub-folders."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_unless_held(path: Path) -> None:
    try:
        descriptor = os.open(path, _FOLDER)
    except OSError:
        return  # it is no folder, or not ours
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700:
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _empty(descriptor)
        os.rmdir(path)
    except BlockingIOError:
        return  # its process lives
    except OSError as error:
        log.warning("%s was left by an earlier process and can't be removed: %s", path, error.strerror)
    finally:
        os.close(descriptor)


def _empty(descriptor: int) -> None:
    """Remove the contents in a folder, and nothing else."""
    for name in os.listdir(descriptor):
        if _CONTENT.fullmatch(name):
            os.unlink(name, dir_fd=descriptor)
