"""What `run` tells a service manager, from its first word to its last; here the test is the manager."""

from __future__ import annotations

import os
import signal
import socket

from .conftest import DIRECTORY, LONGEST, PAIR, Installation, until


def test_a_life_as_the_service_manager_hears_it(site: Installation) -> None:
    site.configure(
        extra=DIRECTORY, feed='wait_optional = "0s"', head='[schedule]\nrun_every = "1s"\nrescan_every = "2s"'
    )
    site.write(PAIR)
    address = site.folder / "notify"
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)

        def hear() -> list[str]:
            while True:
                try:
                    heard.append(manager.recv(65536).decode())
                except BlockingIOError:
                    return heard

        outside = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "1000000", "XDG_RUNTIME_DIR": str(site.folder)}
        daemon = site.process("run", env={**os.environ, **outside})
        until(lambda: any("nothing waits, last registration" in said for said in hear()), "it says that all is done")
        site.write({"p1/image.png": "somebody changed it"})
        until(lambda: any("1 of scans need you" in said for said in hear()), "it says what waits")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: any(said.startswith("RELOADING=1\nMONOTONIC_USEC=") for said in hear()), "it reloads")
        before = len(heard)
        until(lambda: any(said.startswith("READY=1") for said in hear()[before - 1 :]), "it has reloaded")
        daemon.terminate()
        daemon.communicate(timeout=LONGEST)
        hear()

    assert daemon.returncode == 0
    assert heard[0].startswith("STATUS=")
    assert heard[1].startswith("READY=1\nSTATUS=")
    assert heard.count("WATCHDOG=1") >= 2
    assert any(said.startswith("STOPPING=1\nSTATUS=finishing") for said in heard[-3:])
    assert site.server.options.token not in "".join(heard)
