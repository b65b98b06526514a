"""Which file systems are mounted where, and whether the kernel's events tell of changes there. Pure, but for reading.

Source: proc(5), /proc/self/mountinfo; which kinds send no events for changes made elsewhere: inotify(7), measured with
sshfs, Samba and 9p mounts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MOUNTINFO = "/proc/self/mountinfo"

SHARED = {
    *("9p", "acfs", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse", "fuseblk", "gfs", "gfs2"),
    *("glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb3"),
    *("smbfs", "vboxsf", "virtiofs", "vmhgfs"),
}
"""Kinds that others may write to without this machine's kernel hearing of it; so may any fuse.*."""


class Mount(NamedTuple):
    """One mounted file system: where, of which kind, from what, and its number in this table."""

    point: bytes
    kind: str
    source: str
    id: int


def parse(text: bytes) -> list[Mount]:
    """The mounts of a mountinfo file, in its order: later ones lie over earlier ones. Unreadable lines are left out."""
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(b" - ")
        fields, kinds = before.split(b" "), after.split(b" ")
        if dash and len(fields) >= 5 and len(kinds) >= 2 and fields[0].isdigit():
            kind, source = kinds[0].decode("ascii", "replace"), _unescaped(kinds[1]).decode("utf-8", "replace")
            mounts.append(Mount(_unescaped(fields[4]), kind, source, int(fields[0])))
    return mounts


def mounted() -> list[Mount]:
    """The mounts that this process sees; none where /proc can't be read."""
    try:
        with open(MOUNTINFO, "rb") as file:
            return parse(file.read())
    except OSError:
        return []


def mount_of(path: bytes, mounts: Iterable[Mount]) -> Mount | None:
    """The mount that an absolute path lies on."""
    best: Mount | None = None
    for mount in mounts:
        if below(path, mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def is_mount_point(root: str) -> bool:
    """Whether a file system is mounted where an absolute path leads; also where that can't be known."""
    path = os.path.realpath(os.fsencode(root))
    mount = mount_of(path, mounted())
    return mount is None or mount.point == path


def mounts_about(root: bytes, mounts: Iterable[Mount]) -> list[Mount]:
    """The mounts that a folder lies on and those inside it: what of the table concerns it."""
    return [mount for mount in mounts if below(mount.point, root) or below(root, mount.point)]


def tells(mount: Mount | None) -> bool:
    """Whether events tell of all that changes on a mount; of an unknown one they are believed to."""
    return mount is None or not (mount.kind in SHARED or mount.kind.startswith("fuse."))


def below(path: bytes, folder: bytes) -> bool:
    """Whether an absolute path is a folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _unescaped(field: bytes) -> bytes:
    """Blanks, tabs, line ends and backslashes stand as three octal digits."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8) & 255]), field)


def kinds(mounts: Sequence[Mount]) -> str:
    """The kinds of file systems in words."""
    return ", ".join(sorted({mount.kind for mount in mounts}))
