"""Life under a service manager: what systemd is told, and when it may believe that the work gets on.

sd_notify(3) is one datagram to $NOTIFY_SOCKET; without that variable (a terminal, a container, another init) nothing
happens. The watchdog is fed by the pipeline: a worker at work that has not got on for long starves it, and systemd
starts the service again. A worker that the kernel holds (a network folder that hangs) is an exception: a new
process would hang as well, and the other feeds would stop with it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

STALLED_AFTER = 900.0  # seconds without progress; longer than any single wait for a server or a big folder's listing


class Notifier:
    """What the service manager is told. Each call does nothing where there is none; may be called from any thread."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self._status = ""
        self._fed_at = -1e9
        self.watchdog = watchdog_seconds(environ, os.getpid())
        """Seconds after which systemd restarts a service that is silent; None where it does not watch."""

    @property
    def interval(self) -> float | None:
        """Seconds after which the watchdog is to be fed again: a third of its patience; sd_watchdog_enabled(3)."""
        return self.watchdog / 3 if self.watchdog else None

    def ready(self, status: str = "") -> None:
        """Work has begun, or goes on after a reload."""
        self._status = status or self._status
        self._send("READY=1", f"STATUS={self._status}")

    def status(self, line: str) -> None:
        """One line for `systemctl status`; sent when it has changed."""
        line = " ".join(line.split())
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def reloading(self) -> None:
        """The configuration is read anew; ready() ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "finishing what is on its way") -> None:
        """No more work is begun."""
        self._status = status
        self._send("STOPPING=1", f"STATUS={status}")

    def extend(self, seconds: float) -> None:
        """Starting, reloading or stopping takes so much longer than now; as long as it gets on, say so again."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def alive(self) -> None:
        """The work gets on. Call it as often as you like: no more than two datagrams in an interval are sent."""
        if self.interval is not None and self._clock() - self._fed_at >= self.interval / 2:
            self._fed_at = self._clock()
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A manager that is being replaced or stopped listens again soon; it is no reason to end the work.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.sendall("\n".join(lines).encode("utf-8", "replace"))


def watchdog_seconds(environ: Mapping[str, str], process: int) -> float | None:
    """The watchdog's patience for this process, or None. WATCHDOG_PID is another's in a child that inherited it."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or int(microseconds) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(process)) != str(process):
        return None
    return int(microseconds) / 1e6


@dataclass
class _Beat:
    thread: int
    at: float


class Pulse:
    """Which workers are at work, and when each last got on; workers are named, one a feed."""

    def __init__(self, *, stalled_after: float = STALLED_AFTER, clock: Callable[[], float] = time.monotonic) -> None:
        self._stalled_after = stalled_after
        self._clock = clock
        self._lock = threading.Lock()
        self._beats: dict[str, _Beat] = {}

    def beat(self, worker: str) -> None:
        """A worker is at work and has got on by something: a file, some bytes, an answer."""
        with self._lock:
            known = self._beats.get(worker)
            if known is None:
                self._beats[worker] = _Beat(threading.get_native_id(), self._clock())
            else:
                known.at = self._clock()

    def rest(self, worker: str) -> None:
        """A worker waits for something to do."""
        with self._lock:
            self._beats.pop(worker, None)

    def silent(self) -> dict[str, float]:
        """Workers that have not got on for too long, with the seconds; for STATUS and the log."""
        now = self._clock()
        with self._lock:
            ages = {name: now - beat.at for name, beat in self._beats.items()}
        return {name: age for name, age in ages.items() if age >= self._stalled_after}

    def gets_on(self) -> bool:
        """Whether the watchdog may be fed: nobody is silent but for those that the kernel holds."""
        with self._lock:
            threads = {name: beat.thread for name, beat in self._beats.items()}
        return all(_held_by_kernel(threads.get(name, 0)) for name in self.silent())


def _held_by_kernel(thread: int) -> bool:
    """Whether a thread of this process sleeps where no signal reaches it (state D, proc(5))."""
    try:
        with open(f"/proc/self/task/{thread}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "D"
    except (OSError, IndexError):
        return False
