"""FTP servers on this machine, with a password or anonymous, over TLS or not; they end with the tests.

Run as a program it is pyftpdlib's, with what the command line says; the password is in its environment.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VARIABLE, PASSWORD, USER = "FTP_OF_THE_TESTS", "a-password-of-the-tests-alone", "kim"
WHERE = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
VSFTPD = shutil.which("vsftpd", path=WHERE) or ""


def required() -> None:
    """Say loudly what was not tested where there is none."""
    import pytest

    if find_spec("pyftpdlib") is None:
        pytest.skip("NOT TESTED ftp:// against pyftpdlib: it is not installed: pip install pyftpdlib pyopenssl")


def vsftpd_required() -> None:
    """Likewise."""
    import pytest

    if not VSFTPD:
        pytest.skip("NOT TESTED ftp:// against vsftpd: it is not installed: apt-get install vsftpd")


class _Server:
    """A process that takes connections at its port; it can be stopped as a machine that goes down is."""

    def __init__(self, folder: Path) -> None:
        from .starting import free_port

        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, again at the same port."""
        from .starting import wait_for

        log = self.folder / "ftpd.log"
        environment = {**os.environ, VARIABLE: os.environ.get(VARIABLE) or PASSWORD}
        with log.open("ab") as written:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                env=environment,
                start_new_session=True,
            )
        wait_for(self.port, self.process, log)

    def stop(self) -> None:
        """End it with every connection."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own
        self.process.wait()
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()


class Ftpd(_Server):
    """pyftpdlib: whoever has the password sees this machine's files from the root down."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.options = options
        self.password = PASSWORD
        super().__init__(folder)

    def command(self) -> list[str]:
        return [sys.executable, "-W", "ignore", __file__, str(self.port), self.password, *self.options]


class Vsftpd(_Server):
    """vsftpd, anonymous, as the user of the tests: from the root down. It knows no MLSD, and writes links as links."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.extra = extra
        super().__init__(folder)

    def command(self) -> list[str]:
        config = self.folder / "vsftpd.conf"
        settings = {
            "listen": "YES",
            "listen_address": "127.0.0.1",
            "listen_port": self.port,
            "background": "NO",
            "run_as_launching_user": "YES",
            "anonymous_enable": "YES",
            "local_enable": "NO",
            "no_anon_password": "NO",
            "anon_world_readable_only": "NO",
            "ftp_username": getpass.getuser(),
            "pasv_min_port": 33_000,  # none of those that a server of the tests has, and has again after a restart
            "pasv_max_port": 60_000,
            "seccomp_sandbox": "NO",
            "xferlog_enable": "NO",
        }
        config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()) + self.extra)
        return [VSFTPD, str(config)]


def certificate(folder: Path, name: str = "127.0.0.1") -> Path:
    """A file with a key and a certificate that it signed itself, for this address."""
    path = folder / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(path) + ".key", "-out", str(path), "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName={'IP' if name[0].isdigit() else 'DNS'}:{name}"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(str(path) + ".key").read_text())
    return path


def _serve(port: int, password: str, *options: str) -> None:
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    chosen: dict[str, str] = dict(option.partition("=")[::2] for option in options)
    kind: Any = FTPHandler
    if certified := chosen.get("certificate"):
        from pyftpdlib.handlers import TLS_FTPHandler

        kind = TLS_FTPHandler
        kind.certfile = certified
        kind.tls_control_required = kind.tls_data_required = True
    if "no-mlsd" in chosen:
        kind.proto_cmds = {name: about for name, about in kind.proto_cmds.items() if name not in ("MLSD", "MLST")}
    kind.timeout = int(chosen.get("idle", "300"))
    kind.authorizer = DummyAuthorizer()
    kind.authorizer.add_user(USER, password, "/", perm="elr")
    server = FTPServer(("127.0.0.1", port), kind)
    server.max_cons_per_ip = int(chosen.get("most", "0"))
    server.serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), *sys.argv[2:])
