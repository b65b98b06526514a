"""The kernel's limits of inotify watches and instances, and the lines that raise them.

What all programs of a user have is counted together; where a user namespace (a container) has a limit of its own, the
lower one counts. Source: inotify(7), namespaces(7) on /proc/sys/user.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

WATCHES = {
    "fs.inotify.max_user_watches": Path("/proc/sys/fs/inotify/max_user_watches"),
    "user.max_inotify_watches": Path("/proc/sys/user/max_inotify_watches"),
}
INSTANCES = {
    "fs.inotify.max_user_instances": Path("/proc/sys/fs/inotify/max_user_instances"),
    "user.max_inotify_instances": Path("/proc/sys/user/max_inotify_instances"),
}
_STEP = 65536  # a watch costs the kernel about a kilobyte, where it is used
_SETTINGS = "/etc/sysctl.d/60-synapse-sync.conf"


class Lacking:
    """How many folders could not be watched, by root. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[object, int] = {}

    def note(self, root: object, folders: int) -> bool:
        """So many folders of a root can't be watched; whether that are more than before."""
        with self._lock:
            before = self._folders.get(root, 0)
            self._folders[root] = folders
        return folders > before

    def remedy(self) -> str:
        """The line that makes room for all of them; "" where none lacks its watch."""
        with self._lock:
            lacking = sum(self._folders.values())
        return sysctl_line(lacking) if lacking else ""


def granted() -> int:
    """How many watches this user may have in all; 0 where that can't be read."""
    return _lower(WATCHES)[1]


def granted_instances() -> int:
    """How many inotify instances this user may have; 0 where that can't be read."""
    return _lower(INSTANCES)[1]


def sysctl_line(lacking: int) -> str:
    """What makes room for so many more watches, now and after the next start of the machine."""
    name, limit = _lower(WATCHES)
    return _line(f"{name}={(limit + lacking * 5 // 4 + _STEP) // _STEP * _STEP}")


def instances_line() -> str:
    """What doubles the number of instances, now and after the next start of the machine."""
    name, limit = _lower(INSTANCES)
    return _line(f"{name}={max(limit * 2, 256)}")


def _line(setting: str) -> str:
    return f"sudo sysctl {setting} && echo {setting} | sudo tee -a {_SETTINGS}"


def _lower(settings: Mapping[str, Path]) -> tuple[str, int]:
    """The setting that counts, and its value; the first one with 0 where none can be read."""
    found = [(number, name) for name, path in settings.items() if (number := _number(path)) is not None]
    number, name = min(found, key=lambda one: one[0], default=(0, next(iter(settings))))
    return name, number


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
