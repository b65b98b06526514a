"""What systemd is told, when the watchdog is fed, and that all of it is nothing where there is no systemd."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.service import Notifier, watchdog_seconds


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        self.environ = {"NOTIFY_SOCKET": address}

    def heard(self) -> list[str]:
        said = []
        while True:
            try:
                said.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return said

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = f"{tmp_path}/notify" if request.param == "a path" else f"@synapse-sync-{os.getpid()}-{id(tmp_path)}"
    manager = Manager(address)
    yield manager
    manager.close()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_life_from_start_to_stop(manager: Manager) -> None:
    notifier = Notifier(manager.environ)
    notifier.status("watching 3 folders")
    notifier.ready()
    notifier.reloading()
    notifier.ready()
    notifier.stopping()
    _, ready, reloading, again, stopping = manager.heard()
    assert (ready, again) == ("READY=1\nSTATUS=watching 3 folders",) * 2
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert stopping == "STOPPING=1\nSTATUS=finishing what is on its way"


def test_a_status_is_one_line_and_told_when_it_changes(manager: Manager) -> None:
    notifier = Notifier(manager.environ)
    for line in ("1 file waits", "1 file waits", "scans is paused:\nREADY=1"):
        notifier.status(line)
    assert manager.heard() == ["STATUS=1 file waits", "STATUS=scans is paused: READY=1"]


def test_the_watchdog_is_fed_no_more_than_needed(manager: Manager) -> None:
    clock = Clock()
    notifier = Notifier({**manager.environ, "WATCHDOG_USEC": "60000000"}, clock=clock)
    assert notifier.interval == 20
    for _ in range(1000):
        notifier.alive()
        clock.now += 0.02
    assert manager.heard() == ["WATCHDOG=1"] * 2


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive()
    notifier.stopping()
    assert notifier.interval is None


def test_a_manager_that_is_gone_does_not_end_the_work(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": f"{tmp_path}/nobody"}).ready()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "no number"}, None),
        ({"WATCHDOG_USEC": "400000"}, 0.4),
        ({"WATCHDOG_USEC": "400000", "WATCHDOG_PID": "77"}, 0.4),
        ({"WATCHDOG_USEC": "400000", "WATCHDOG_PID": "78"}, None),
    ],
)
def test_the_watchdog_is_this_process_own(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environ, 77) == seconds
