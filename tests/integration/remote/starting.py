"""Servers that tests start: a port for each, and when they take connections."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

STARTING = 30.0  # seconds that a server may take


def free_port() -> int:
    """One that a server has again after a restart: none of those that the system gives away meanwhile (32768 up)."""
    while True:
        port = random.randrange(10_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server takes connections; fails with its own words where it ends, or never does."""
    deadline = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def wait_until_closed(port: int) -> None:
    """Until nobody takes connections there any more."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError(f"the server at {port} did not end")


def connections(port: int) -> int:
    """How many are open to it from here, once those that were closed have gone (proc(5), /proc/net/tcp)."""
    deadline = time.monotonic() + 5
    while True:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        found = sum(line[3] == "01" and int(line[2].partition(":")[2], 16) == port for line in lines)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
