"""Web servers on this machine, with WebDAV and without: WsgiDAV, nginx, Python's own; they end with the tests."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .starting import free_port, wait_for, wait_until_closed

USER, VARIABLE, PASSWORD = "kim", "WEB_PASSWORD_OF_TESTS", "pass wörd"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
DAV_EXT = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")


class WebServer:
    """Serves the folder `served`, at the same port after a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.served = folder / "served"
        self.served.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        log = self.folder / "log"
        with log.open("ab") as written:
            self.process = subprocess.Popen(
                self.command(), stdout=written, stderr=written, cwd=self.folder, start_new_session=True
            )
        wait_for(self.port, self.process, log)

    def stop(self) -> None:
        """End it with every connection, as a machine that goes down does."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own
            self.process.wait()
            self.process = None
            wait_until_closed(self.port)  # nginx's worker has it too

    def restart(self) -> None:
        self.stop()
        self.start()


class WsgiDav(WebServer):
    """WsgiDAV, from PyPI. login: which ways it knows; nobody is let in without one then."""

    def __init__(self, folder: Path, login: str = "", password: str = PASSWORD) -> None:
        if importlib.util.find_spec("wsgidav") is None:
            pytest.skip("NOT TESTED webdav:// against WsgiDAV: pip install wsgidav cheroot")
        self.login, self.password = login, password
        super().__init__(folder)

    def command(self) -> list[str]:
        users = {USER: {"password": self.password}} if self.login else True
        ways = {"accept_basic": "basic" in self.login, "accept_digest": "digest" in self.login}
        config: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "server": "cheroot",
            "provider_mapping": {"/": {"root": str(self.served), "readonly": True}},
            "simple_dc": {"user_mapping": {"*": users}},
            "http_authenticator": {**ways, "default_to_digest": "digest" in self.login},
            "verbose": 1,
        }
        (self.folder / "wsgidav.json").write_text(json.dumps(config))
        return [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "wsgidav.server.server_cli",
            "-c",
            str(self.folder / "wsgidav.json"),
        ]


class Nginx(WebServer):
    """nginx: as WebDAV below /dav, and as lists of links below /html and /json."""

    def __init__(self, folder: Path) -> None:
        if not NGINX or not DAV_EXT.exists():
            pytest.skip(
                "NOT TESTED webdav:// and http:// against nginx: apt-get install nginx libnginx-mod-http-dav-ext"
            )
        super().__init__(folder)

    def command(self) -> list[str]:
        places = "".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"load_module {DAV_EXT};\n{user}daemon off;worker_processes 1;pid {self.folder}/pid;error_log stderr;\n"
            f"events {{}}\nhttp {{access_log off;default_type application/octet-stream;{places}\n"
            f"server {{listen 127.0.0.1:{self.port};\n"
            f"location /dav/ {{alias {self.served}/;dav_ext_methods PROPFIND OPTIONS;}}\n"
            f"location /html/ {{alias {self.served}/;autoindex on;}}\n"
            f"location /json/ {{alias {self.served}/;autoindex on;autoindex_format json;}}\n"
            "}}\n"
        )
        return [NGINX, "-e", "stderr", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]


class PythonHttp(WebServer):
    """`python -m http.server`: its lists have names alone, and it gives no pieces of files."""

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-W", "ignore", "-m", "http.server", str(self.port), "-b", "127.0.0.1"),
            *("-p", "HTTP/1.1", "-d", str(self.served)),
        ]
