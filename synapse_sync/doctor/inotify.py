"""How many inotify instances and watches a user's processes have, as Linux tells in /proc (proc(5), fdinfo)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple


class InUse(NamedTuple):
    """The kernel's limits are for each user: this is what one has of each. What can't be looked into is left out."""

    instances: int
    watches: int


def in_use(user: int, *, except_for: int) -> InUse:
    """What the processes of a user have, but for one."""
    each = [of_process(process) for process in _processes(user) if process != except_for]
    return InUse(sum(one.instances for one in each), sum(one.watches for one in each))


def of_process(process: int) -> InUse:
    """What one process has."""
    instances = watches = 0
    for descriptor in _inotifies(process):
        instances += 1
        with suppress(OSError), open(f"/proc/{process}/fdinfo/{descriptor}", "rb") as info:
            watches += sum(line.startswith(b"inotify ") for line in info)
    return InUse(instances, watches)


def _processes(user: int) -> Iterator[int]:
    with suppress(OSError):
        for name in os.listdir("/proc"):
            with suppress(OSError):
                if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:
                    yield int(name)


def _inotifies(process: int) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{process}/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/{process}/fd/{descriptor}") == "anon_inode:inotify":
                    yield descriptor
