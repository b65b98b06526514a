"""The kernel's limits of inotify watches and instances, and the lines that raise them."""

from __future__ import annotations

from pathlib import Path

WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_STEP = 65536  # a watch costs the kernel about a kilobyte, where it is used
_SETTINGS = "/etc/sysctl.d/60-synapse-sync.conf"


def granted() -> int:
    """How many watches this user may have in all; 0 where that can't be read."""
    return _number(WATCHES)


def granted_instances() -> int:
    """How many inotify instances this user may have; 0 where that can't be read."""
    return _number(INSTANCES)


def sysctl_line(lacking: int) -> str:
    """What makes room for so many more watches, now and after the next start of the machine."""
    needed = (granted() + lacking * 5 // 4 + _STEP) // _STEP * _STEP
    return _line(f"fs.inotify.max_user_watches={needed}")


def instances_line() -> str:
    """What doubles the number of instances, now and after the next start of the machine."""
    return _line(f"fs.inotify.max_user_instances={max(granted_instances() * 2, 256)}")


def _line(setting: str) -> str:
    return f"sudo sysctl {setting} && echo {setting} | sudo tee -a {_SETTINGS}"


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
