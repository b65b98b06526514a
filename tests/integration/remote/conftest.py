"""Real servers on this machine, one of each kind for all tests of a process, and a proxy that interferes.

SYNAPSE_SYNC_REMOTE=all takes SeaweedFS as well, all that can fail, and very many objects (a step of .ci/run); without
it moto alone, and what takes seconds.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.devserver import DevServer, Options
from synapse_sync.sources import remote_reading
from synapse_sync.sources.ftp.source import FtpSource
from synapse_sync.sources.sftp.source import SftpSource
from synapse_sync.sources.smb.source import SmbSource
from synapse_sync.sources.web.source import WebSource

from ..conftest import IMAGE, Installation
from . import azurite, ftpd, smbd, sshd
from .azurite import Azurite, Container
from .fake_gcs import FakeGcs, GcsBucket
from .feeds import configured
from .ftp_line import FtpLine
from .ftpd import Ftpd, Vsftpd
from .interference import Proxy
from .line import Line
from .places import (
    KEY,
    SECRET,
    Bucket,
    Folder,
    FtpFolder,
    FtpsFolder,
    Moto,
    Place,
    RemotePlace,
    SeaweedFS,
    Served,
    SftpFolder,
    SmbFolder,
)
from .smbd import Smbd
from .sshd import Sshd
from .stores import Store
from .vouched import V2, Begin
from .webbed import WebFolder
from .webd import Nginx, PythonHttp, WebServer, WsgiDav

ALL = os.environ.get("SYNAPSE_SYNC_REMOTE") == "all"  # before each test clears what comes from outside
LONG = (
    *("azure_service", "conversed_failures", "conversed_trouble", "gcs_credentials", "gcs_service", "many"),
    *("objects_failures", "objects_restarts", "objects_trouble", "s3_credentials", "sftp_failures", "smb_failures"),
    *("ftp_failures", "spool_trouble", "storages_gcs", "vouched_trouble", "trouble", "web_failures"),
)
collect_ignore = [] if ALL else [f"test_{name}.py" for name in LONG]
S3_KINDS = ["moto", "seaweedfs"] if ALL else ["moto"]
FTP_KINDS = ["ftp", "ftp_plain", "ftps", "vsftpd"]
WEB_KINDS: dict[str, tuple[type[WebServer], str, str]] = {
    "wsgidav": (WsgiDav, "webdav", ""),
    "nginxdav": (Nginx, "webdav", "/dav"),
    "python": (PythonHttp, "http", ""),
    "html": (Nginx, "http", "/html"),
    "json": (Nginx, "http", "/json"),
}
QUICK_KINDS = ["sftp", "smb", "ftp", "wsgidav"]
OTHER_KINDS = ["gcs", "azure", *FTP_KINDS[1:], "nginxdav", "html", "python", "json"]
KINDS = [*S3_KINDS, *QUICK_KINDS, *(OTHER_KINDS if ALL else [])]
TALKED_WITH = ["sftp", "smb", "ftp", "vsftpd"]
OWN: dict[str, Callable[[Path], Any]] = {
    "seaweedfs": SeaweedFS,
    "gcs": lambda folder: FakeGcs(folder, keeps=True),
    "azure": lambda folder: Azurite(folder, keeps=True),
}
BUCKETS: dict[str, Callable[[Any], Any]] = {
    "seaweedfs": lambda server: Bucket(server.port, server=server),
    "gcs": GcsBucket,
    "azure": Container,
}
SERVERS: dict[str, type[Moto] | type[SeaweedFS]] = {"moto": Moto, "seaweedfs": SeaweedFS}


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], int]]:
    """The port of a server of this kind, started when it is first asked for."""
    started: dict[str, Moto | SeaweedFS] = {}

    def port_of(kind: str) -> int:
        if kind not in started:
            started[kind] = SERVERS[kind](tmp_path_factory.mktemp(kind))
        return started[kind].port

    yield port_of
    for server in started.values():
        server.stop()


@pytest.fixture(params=S3_KINDS)
def s3_port(request: pytest.FixtureRequest, _servers: Callable[[str], int]) -> int:
    """A server that speaks S3."""
    return _servers(request.param)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AZURE_STORAGE_KEY", azurite.KEY)


@pytest.fixture
def bucket(s3_port: int) -> Bucket:
    """An empty bucket."""
    return Bucket(s3_port)


@pytest.fixture
def proxy(s3_port: int) -> Iterator[Proxy]:
    """A way to the server on which a test may interfere."""
    proxy = Proxy(s3_port)
    proxy.up()
    yield proxy
    proxy.down()


@pytest.fixture(scope="session")
def _sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    sshd.required()
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture
def sftp(tmp_path: Path, _sshd: Sshd) -> SftpFolder:
    """An empty folder of an SSH server."""
    return SftpFolder(tmp_path / "remote", _sshd)


@pytest.fixture(scope="session")
def _smbd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    smbd.required()
    server = Smbd(tmp_path_factory.mktemp("smbd"))
    yield server
    server.stop()


@pytest.fixture
def smb(_smbd: Smbd, monkeypatch: pytest.MonkeyPatch) -> SmbFolder:
    """An empty folder in a Samba server's share."""
    monkeypatch.setenv(smbd.VARIABLE, smbd.PASSWORD)
    return SmbFolder(f"folder-{uuid.uuid4().hex[:12]}", _smbd)


@pytest.fixture(scope="session")
def _ftpds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Ftpd | Vsftpd]]:
    """A server of pyftpdlib's with these options, or vsftpd, started when it is first asked for."""
    started: dict[tuple[str, ...], Ftpd | Vsftpd] = {}

    def server(*options: str) -> Ftpd | Vsftpd:
        if options not in started:
            folder = tmp_path_factory.mktemp("ftpd")
            started[options] = Vsftpd(folder) if options == ("vsftpd",) else Ftpd(folder, *options)
        return started[options]

    yield server
    for one in started.values():
        one.stop()


@pytest.fixture(scope="session")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ftpd.certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def _ftp_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ftpd.VARIABLE, ftpd.PASSWORD)


@pytest.fixture
def ftp(tmp_path: Path, _ftpds: Callable[..., Ftpd], _ftp_password: None) -> FtpFolder:
    """An empty folder of an FTP server that knows MLSD."""
    ftpd.required()
    return FtpFolder(tmp_path / "remote", _ftpds())


@pytest.fixture
def ftp_plain(tmp_path: Path, _ftpds: Callable[..., Ftpd], _ftp_password: None) -> FtpFolder:
    """One of the same that does not."""
    ftpd.required()
    return FtpFolder(tmp_path / "remote", _ftpds("no-mlsd"))


@pytest.fixture
def ftps(tmp_path: Path, _ftpds: Callable[..., Ftpd], _certificate: Path, _ftp_password: None) -> FtpsFolder:
    """One that takes TLS alone."""
    ftpd.required()
    return FtpsFolder(tmp_path / "protected", _ftpds(f"certificate={_certificate}"), _certificate)


@pytest.fixture
def vsftpd(tmp_path: Path, _ftpds: Callable[..., Vsftpd]) -> FtpFolder:
    """An empty folder of vsftpd."""
    ftpd.vsftpd_required()
    return FtpFolder(tmp_path / "remote", _ftpds("vsftpd"))


@pytest.fixture(scope="session")
def _fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGcs]:
    server = FakeGcs(tmp_path_factory.mktemp("gcs"))
    yield server
    server.stop()


@pytest.fixture
def gcs(_fake_gcs: FakeGcs) -> GcsBucket:
    """An empty bucket of a server that speaks the API of Google Cloud Storage."""
    return GcsBucket(_fake_gcs)


@pytest.fixture
def gcs_proxy(_fake_gcs: FakeGcs) -> Iterator[Proxy]:
    """A way to that server on which a test may interfere."""
    proxy = Proxy(_fake_gcs.port)
    proxy.up()
    yield proxy
    proxy.down()


@pytest.fixture(scope="session")
def _azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    server = Azurite(tmp_path_factory.mktemp("azurite"))
    yield server
    server.stop()


@pytest.fixture
def azure(_azurite: Azurite) -> Container:
    """An empty container of Microsoft's own emulator of Azure Blob Storage."""
    return Container(_azurite)


@pytest.fixture(params=[*S3_KINDS, "gcs", "azure"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty bucket of each kind of object store, and a way to it on which a test may interfere."""
    store = Store(request.param, _remote(request))
    store.proxy.up()
    yield store
    store.proxy.down()


@pytest.fixture(params=["seaweedfs", "gcs", "azure"])
def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One of a server that is this test's alone, and keeps what it has; moto keeps nothing."""
    server: Any = OWN[request.param](tmp_path)
    store = Store(request.param, BUCKETS[request.param](server))
    store.proxy.up()
    yield store
    store.proxy.down()
    server.stop()


@pytest.fixture(scope="session")
def _web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], WebFolder]]:
    """An empty folder of a web server of this kind, started when it is first asked for."""
    started: dict[type[WebServer], WebServer] = {}

    def folder_of(name: str) -> WebFolder:
        server, kind, below = WEB_KINDS[name]
        if server not in started:
            started[server] = server(tmp_path_factory.mktemp(server.__name__))
        return WebFolder(f"folder-{uuid.uuid4().hex[:12]}", started[server], kind, below)

    yield folder_of
    for server in started.values():
        server.stop()


@pytest.fixture(params=["local", *KINDS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of each kind."""
    return Folder(tmp_path / "share") if request.param == "local" else _remote(request)


@pytest.fixture(params=KINDS if ALL else ["moto", "sftp"])
def remote(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RemotePlace:
    """An empty remote place of each kind; its files settle as fast as those of all others."""
    for kind in (SftpSource, SmbSource, FtpSource, WebSource):
        monkeypatch.setattr(kind, "certain_after", 0.0)
    return _remote(request)


def _remote(request: pytest.FixtureRequest) -> RemotePlace:
    if request.param in WEB_KINDS:
        return request.getfixturevalue("_web")(request.param)  # type: ignore[no-any-return]
    if request.param not in SERVERS:
        return request.getfixturevalue(request.param)  # type: ignore[no-any-return]
    return Bucket(request.getfixturevalue("_servers")(request.param))


@pytest.fixture(params=TALKED_WITH)
def served(request: pytest.FixtureRequest) -> Served:
    """An empty folder of a server that is talked with."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(params=[*TALKED_WITH, "wsgidav", "html"])
def reached(request: pytest.FixtureRequest) -> Served:
    """An empty folder of a server that has this machine's, of whatever kind."""
    return _remote(request)  # type: ignore[return-value]


@pytest.fixture(params=WEB_KINDS)
def web(request: pytest.FixtureRequest, _web: Callable[[str], WebFolder]) -> WebFolder:
    """An empty folder of each kind of web server."""
    return _web(request.param)


@pytest.fixture
def own_web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebFolder]:
    """A folder of a web server that is this test's alone; of WsgiDAV, unless the test names another kind."""
    server, kind, below = WEB_KINDS[getattr(request, "param", "wsgidav")]
    (tmp_path / "server").mkdir()
    own = server(tmp_path / "server")
    yield WebFolder("folder", own, kind, below)
    own.stop()


@pytest.fixture
def web_proxy(web: WebFolder) -> Iterator[Proxy]:
    """A way to the server on which a test may interfere."""
    proxy = Proxy(web.port)
    proxy.up()
    yield proxy
    proxy.down()


@pytest.fixture(params=TALKED_WITH)
def own(request: pytest.FixtureRequest) -> Served:
    """An empty folder of such a server that is this test's alone."""
    return request.getfixturevalue(f"own_{request.param}")  # type: ignore[no-any-return]


@pytest.fixture
def own_sftp(tmp_path: Path) -> Iterator[SftpFolder]:
    """A folder of an SSH server that is this test's alone."""
    sshd.required()
    (tmp_path / "sshd").mkdir()
    server = Sshd(tmp_path / "sshd")
    yield SftpFolder(tmp_path / "remote", server)
    server.stop()


@pytest.fixture
def own_smb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmbFolder]:
    """A folder of a Samba server that is this test's alone."""
    smbd.required()
    monkeypatch.setenv(smbd.VARIABLE, smbd.PASSWORD)
    (tmp_path / "smbd").mkdir()
    server = Smbd(tmp_path / "smbd")
    yield SmbFolder("folder", server)
    server.stop()


@pytest.fixture
def own_ftp(tmp_path: Path, _ftp_password: None) -> Iterator[FtpFolder]:
    """A folder of an FTP server that is this test's alone."""
    ftpd.required()
    (tmp_path / "ftpd").mkdir()
    server = Ftpd(tmp_path / "ftpd")
    yield FtpFolder(tmp_path / "remote", server)
    server.stop()


@pytest.fixture
def own_vsftpd(tmp_path: Path) -> Iterator[FtpFolder]:
    """A folder of vsftpd that is this test's alone."""
    ftpd.vsftpd_required()
    (tmp_path / "ftpd").mkdir()
    server = Vsftpd(tmp_path / "ftpd")
    yield FtpFolder(tmp_path / "remote", server)
    server.stop()


@pytest.fixture
def line(served: Served) -> Iterator[Line]:
    """A way to the server on which a test may interfere; it is known by its port as well."""
    line = FtpLine(served.port) if served.kind == "ftp" else Line(served.port)
    line.up()
    served.known_at(line.port)
    yield line
    line.down()


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between attempts."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)


@pytest.fixture
def begin(tmp_path: Path, bucket: Bucket, proxy: Proxy) -> Iterator[Begin]:
    """A server that knows contents by one algorithm and has those of `there`, and a feed of images from the bucket.

    place: another bucket, port: of the proxy in front of its service.
    """
    servers: list[DevServer] = []

    def begun(
        checksum: str,
        there: list[bytes],
        head: str = V2,
        specs: Any = (IMAGE,),
        place: RemotePlace = bucket,
        port: int = proxy.port,
    ) -> Installation:
        server = DevServer(Options(data=tmp_path / "backend", checksum=checksum))  # type: ignore[arg-type]
        server.start()
        servers.append(server)
        (tmp_path / "before").mkdir()
        before = Installation(tmp_path / "before", server)
        before.write({f"{number}.png": data for number, data in enumerate(there)})
        before.configure(specs=[IMAGE], extra='[feeds.grouping]\nby = "stem"\n')
        assert before.sync().exit_code == 0
        site = Installation(tmp_path, server)
        site.collection = server.create_collection("all", specs=list(specs))
        configured(site, place, port)
        config = site.folder / "config.toml"
        text = config.read_text().replace("[ledger]", f"{head}[ledger]", 1)
        config.write_text(text.replace('by = "directory"', 'by = "stem"'))
        return site

    yield begun
    for server in servers:
        server.stop()
