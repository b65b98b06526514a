"""The kernel's limit of inotify watches, and the line that raises it."""

from __future__ import annotations

from pathlib import Path

WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_STEP = 65536  # a watch costs the kernel about a kilobyte, where it is used


def granted() -> int:
    """How many watches this user may have in all; 0 where that can't be read."""
    try:
        return int(WATCHES.read_text())
    except (OSError, ValueError):
        return 0


def sysctl_line(lacking: int) -> str:
    """What makes room for so many more watches, now and after the next start of the machine."""
    needed = (granted() + lacking * 5 // 4 + _STEP) // _STEP * _STEP
    setting = f"fs.inotify.max_user_watches={needed}"
    return f"sudo sysctl {setting} && echo {setting} | sudo tee /etc/sysctl.d/60-synapse-sync.conf"
