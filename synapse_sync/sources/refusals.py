"""What the operating system's refusal means, in words: what happened to the file or folder, and what to do about it."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from typing import NamedTuple

from synapse_sync.shown import shown


class Refusal(NamedTuple):
    """`what` completes the sentence "PATH can't be read: …", `hint` says what to do."""

    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.what}; {self.hint}"


_ELSEWHERE = Refusal("the disk or the mount reports an error", "check the disk, or the mount and its server")
_KNOWN = {
    errno.ENOENT: Refusal("it is not there", "it was moved or deleted, or its disk or share is not mounted"),
    errno.ENOTDIR: Refusal("it is not a folder", "name a folder, not a file"),
    errno.ELOOP: Refusal("it is a symbolic link that leads to itself", "remove or correct the link"),
    errno.ENAMETOOLONG: Refusal("its path is longer than the system allows", "shorten the names of its folders"),
    errno.EMFILE: Refusal("this process has too many files open", "raise its limit (LimitNOFILE= in the service)"),
    errno.ENFILE: Refusal("this machine has too many files open", "raise fs.file-max"),
    errno.EAGAIN: Refusal("another program has it open for itself alone", "it is read when that program closes it"),
}


def refusal(error: OSError, path: bytes) -> Refusal:
    """Why the system refused `path` (in full, as bytes) and what helps. Looks at the path's owner, so it may do I/O."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return _denied(path)
    known = _KNOWN.get(error.errno or 0)
    if known is not None:
        return known
    return Refusal(f"{_ELSEWHERE.what} ({error.strerror or error})", _ELSEWHERE.hint)


def _denied(path: bytes) -> Refusal:
    uid = os.geteuid()
    try:
        found = os.stat(path)
    except OSError:
        owner = "a folder above it may not be entered"
    else:
        owner = f"owner {found.st_uid}:{found.st_gid}, mode {stat.S_IMODE(found.st_mode):04o}"
    if uid == 0:
        hint = "a share's server often maps root to nobody: run as a user whom it lets read"
    else:
        hint = f"allow it, for example: sudo setfacl -m u:{uid}:rX {shlex.quote(shown(path))}"
    return Refusal(f"uid {uid} has no permission ({owner})", hint)
