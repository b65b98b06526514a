"""A Samba server on this machine, as its tests' user, with a share, a password and a folder of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from .starting import free_port, wait_for

WHERE = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SMBD = shutil.which("smbd", path=WHERE) or ""
VARIABLE, PASSWORD = "SAMBA_OF_THE_TESTS", "a-password-of-the-tests-alone"


def required() -> None:
    """Say loudly what was not tested where there is none."""
    if not SMBD:
        pytest.skip("NOT TESTED smb:// against Samba: smbd is not installed: apt-get install samba")
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED smb:// against Samba: smbd takes root to serve files")


class Smbd:
    """`smbd --foreground`: whoever has the password reads the folder `served` as the share `tests`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.served = folder / "served"
        self.served.mkdir()
        self.user = getpass.getuser()
        self.process: subprocess.Popen[bytes] | None = None
        self.configure()
        self.set_password(PASSWORD)
        self.start()

    @property
    def config(self) -> Path:
        return self.folder / "smb.conf"

    def configure(self, share: str = "tests", extra: str = "") -> None:
        own = self.folder / "own"
        own.mkdir(exist_ok=True)
        kinds = ("private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir")
        places = "".join(f"{kind} = {own}\n" for kind in kinds)
        self.config.write_text(
            f"[global]\nsmb ports = {self.port}\nbind interfaces only = yes\ninterfaces = 127.0.0.1\n{places}"
            f"passdb backend = smbpasswd:{own}/passwd\nlog file = {self.folder}/smbd.log\nlog level = 0\n"
            "disable netbios = yes\nload printers = no\nprinting = bsd\nprintcap name = /dev/null\n"
            f"map to guest = never\nserver role = standalone server\ninvalid users =\n{extra}"
            f"[{share}]\npath = {self.served}\nread only = yes\n"
        )

    def set_password(self, password: str) -> None:
        command = ["smbpasswd", "-c", str(self.config), "-s", "-a", self.user]
        subprocess.run(command, input=f"{password}\n{password}\n".encode(), check=True, capture_output=True)

    def start(self) -> None:
        """Start it, again at the same port."""
        log = self.folder / "smbd.out"
        with log.open("ab") as written:
            self.process = subprocess.Popen(
                [SMBD, "--foreground", "--no-process-group", "--debug-stdout", "-s", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        wait_for(self.port, self.process, log)

    def stop(self) -> None:
        """End it with every connection, as a machine that goes down does."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own
        self.process.wait()
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()
