"""The kernel's limits of inotify, and the line that raises them.

The watches of all of a user's programs are counted together, and where a user namespace (a container) has a limit of
its own, the lower one counts. Source: inotify(7), namespaces(7) /proc/sys/user.
"""

from __future__ import annotations

import threading
from pathlib import Path

WATCHES = {
    "fs.inotify.max_user_watches": Path("/proc/sys/fs/inotify/max_user_watches"),
    "user.max_inotify_watches": Path("/proc/sys/user/max_inotify_watches"),
}
INSTANCES = {
    "fs.inotify.max_user_instances": Path("/proc/sys/fs/inotify/max_user_instances"),
    "user.max_inotify_instances": Path("/proc/sys/user/max_inotify_instances"),
}
_WATCHES_STEP = 65_536  # a watch costs the kernel about a kilobyte, where it is used
_INSTANCES_STEP = 128


class Lacking:
    """How many folders could not be watched, by root, and what to do about it. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[object, int] = {}

    def set(self, root: object, folders: int) -> bool:
        """How many folders of a root can't be watched; whether that is news worth telling."""
        with self._lock:
            before = self._folders.get(root, 0)
            self._folders[root] = folders
        return folders > before

    def remedy(self) -> str:
        """The line that makes room for all of them; "" where none lacks its watch."""
        with self._lock:
            lacking = sum(self._folders.values())
        return more_watches(lacking) if lacking else ""


def more_watches(lacking: int) -> str:
    """What makes room for so many more watches: where one is refused, all that are granted are in use."""
    return _raised(WATCHES, lacking * 5 // 4, _WATCHES_STEP)


def more_instances() -> str:
    """What makes room for more programs that watch."""
    return _raised(INSTANCES, 1, _INSTANCES_STEP)


def _raised(settings: dict[str, Path], lacking: int, step: int) -> str:
    """The line that raises the lower of two limits, now and after the next start of the machine."""
    granted = {name: limit for name, file in settings.items() if (limit := _read(file)) is not None}
    name = min(granted, key=granted.__getitem__, default=next(iter(settings)))
    setting = f"{name}={-(-(granted.get(name, 0) + lacking) // step) * step}"
    return f"sudo sysctl {setting} && echo {setting} | sudo tee -a /etc/sysctl.d/60-synapse-sync.conf"


def _read(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
