"""Which files some other program on this machine has open for writing, as Linux tells in /proc.

Files are known by device and inode, not by path: a program in a container, or behind another mount of the same folder,
has other paths for them. What the kernel itself writes for others (its NFS and SMB servers), what other machines write
to a share, and a file that is only mapped into memory don't show here; they must have stopped changing all the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from synapse_sync.records import FileId
from synapse_sync.sources.facts import observation

PROC = b"/proc"
FIRST_NAMESPACE = 0xEFFFFFFC
"""Inode of the PID namespace that a machine starts with (PROC_PID_INIT_INO in Linux's proc_ns.h)."""


def writers() -> Mapping[FileId, int]:
    """The files that other processes have open for writing, each with the id of one that has; {} without /proc.

    Reads each process's descriptors once (some 10 µs each, measured). A process that ends meanwhile or may not be
    looked into is passed over; unseen() says whether there are such.
    """
    found: dict[FileId, int] = {}
    for process in _others():
        for descriptor in _entries(b"%s/%d/fd" % (PROC, process)):
            file = _written(process, descriptor)
            if file is not None:
                found[file] = process
    return found


def program(process: int) -> str:
    """A process in words: its program's name and its id."""
    try:
        with open(b"%s/%d/comm" % (PROC, process), "rb") as file:
            return f"{file.read().strip().decode(errors='replace')} (process {process})"
    except OSError:
        return f"process {process}"


def unseen() -> str:
    """Why writers() can't see every program of this machine, in words; "" where it can."""
    if not os.path.isdir(b"%s/self/fd" % PROC):
        return "this system has no /proc"
    if os.stat(b"%s/self/ns/pid" % PROC).st_ino != FIRST_NAMESPACE:
        return "it runs in a container: programs outside don't show (start it with the host's PID namespace)"
    if not os.path.isdir(b"%s/1" % PROC):
        return "other users' processes are hidden from it (ProtectProc= of the service, hidepid= of /proc)"
    others = list(_others())
    closed = sum(map(_is_closed, others))
    return f"it may not look into {closed} of {len(others)} processes (CAP_SYS_PTRACE would allow it)" if closed else ""


def _is_closed(process: int) -> bool:
    """Whether this process's descriptors may not be looked at."""
    folder = b"%s/%d/fd/" % (PROC, process)
    try:
        for descriptor in os.listdir(folder)[:1]:
            os.readlink(folder + descriptor)  # root without CAP_SYS_PTRACE may list them, but not this
    except PermissionError:
        return True
    except OSError:
        return False  # it has just ended
    return False


def _others() -> Iterator[int]:
    own = os.getpid()
    return (int(name) for name in _entries(PROC) if name.isdigit() and int(name) != own)


def _entries(folder: bytes) -> list[bytes]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _written(process: int, descriptor: bytes) -> FileId | None:
    """The regular file that this descriptor writes to; None for every other, and for one that is closed meanwhile."""
    place = b"%s/%d/" % (PROC, process)
    try:
        if not os.readlink(place + b"fd/" + descriptor).startswith(b"/"):
            return None  # a socket, a pipe
        found = os.stat(place + b"fd/" + descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        with open(place + b"fdinfo/" + descriptor, "rb", buffering=0) as file:
            flags = next(line for line in file.read().splitlines() if line.startswith(b"flags:"))
    except (OSError, StopIteration):
        return None
    writable = int(flags.split()[1], 8) & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)
    return (found.st_dev, observation(found).token) if writable else None
