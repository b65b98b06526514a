"""An OpenSSH server on this machine, as its tests' user, with keys of its own; it ends with the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from .starting import free_port, wait_for

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def required() -> None:
    """Say loudly what was not tested where there is none."""
    if not SSHD:
        pytest.skip("NOT TESTED sftp:// against OpenSSH: sshd is not installed: apt-get install openssh-server")


class Sshd:
    """`sshd -D`: logs in whoever has the key `client`, and gives SFTP alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        for name in ("host", "client"):
            self.make_key(name)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def key(self) -> Path:
        return self.folder / "client"

    def make_key(self, name: str, passphrase: str = "") -> Path:
        """A new pair of keys, in place of one of that name."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(path)]
        subprocess.run(command, check=True)
        return path

    def trust(self) -> None:
        """Write known_hosts and authorized_keys for the keys that there are now."""
        kind, key, _ = (self.folder / "host.pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        shutil.copy(self.folder / "client.pub", self.folder / "authorized_keys")

    def start(self, *, trusted: bool = True, extra: str = "") -> None:
        """Start it, again at the same port."""
        if trusted:
            self.trust()
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n"
            f"{extra}Subsystem sftp internal-sftp\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it leaves root's rights; Debian makes it at each start
        log = self.folder / "sshd.log"
        with log.open("ab") as written:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(config)], stdout=written, stderr=written, start_new_session=True
            )
        wait_for(self.port, self.process, log)

    def stop(self) -> None:
        """End it with every connection, as a machine that goes down does."""
        if self.process is None:
            return
        children = self._below(self.process.pid)
        self.process.kill()
        self.process.wait()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _below(self, pid: int) -> list[int]:
        children = self._children(pid)
        return [*children, *(grandchild for child in children for grandchild in self._below(child))]

    @staticmethod
    def _children(pid: int) -> list[int]:
        try:
            return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []
