"""Life under a service manager: what systemd is told, in one datagram each to $NOTIFY_SOCKET (sd_notify(3)).

Without that variable (a terminal, a container, another init) nothing happens. The watchdog is fed by whoever sees that
the feeds get on, never by a bare timer: if they don't, systemd starts the service again.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress


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

    def ready(self) -> None:
        """Work has begun, or goes on after a reload."""
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
