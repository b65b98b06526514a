"""What is FTP's own: logging in, TLS, connections that a server counts, lists that say too little, links."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synapse_sync.config import Remote
from synapse_sync.errors import FileChanged, FileUnreadable, SourceError, SourceUnavailable
from synapse_sync.records import Directory
from synapse_sync.sources.ftp import talk
from synapse_sync.sources.ftp.source import FtpSource

from . import ftpd
from .ftp_line import FtpLine
from .ftpd import VARIABLE, Ftpd, Vsftpd
from .places import FtpFolder, FtpsFolder
from .scripted_ftp import ScriptedFtp
from .talking import read_many_at_once, words_of
from .test_conformance import listed, read_while

CONTENT = bytes(range(256)) * 32768  # 8 MiB

pytestmark = pytest.mark.usefixtures("_no_pauses", "_ftp_password")


@pytest.fixture(params=["ftp", "ftp_plain", "vsftpd"])
def any_ftp(request: pytest.FixtureRequest) -> FtpFolder:
    """With MLSD, and without."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., FtpFolder]]:
    """A folder of a server that is this test's alone, with these options; "vsftpd" and lines of its configuration."""
    servers: list[Ftpd | Vsftpd] = []

    def begin(*options: str) -> FtpFolder:
        folder = tmp_path / f"ftpd-{len(servers)}"
        folder.mkdir()
        if options[0] == "vsftpd":
            ftpd.vsftpd_required()
            servers.append(Vsftpd(folder, "".join(f"{line}\n" for line in options[1:])))
        else:
            ftpd.required()
            servers.append(Ftpd(folder, *options))
        return FtpFolder(tmp_path / f"remote-{len(servers)}", servers[-1])

    yield begin
    for server in servers:
        server.stop()


@contextmanager
def on_line(place: FtpFolder) -> Iterator[FtpLine]:
    line = FtpLine(place.port)
    line.up()
    yield line
    line.down()


@contextmanager
def only_connection(port: int) -> Iterator[None]:
    """The one that the server allows, once it knows that others went."""
    while True:
        with socket.create_connection(("127.0.0.1", port)) as line:
            if line.recv(100).startswith(b"220 "):
                yield
                return
        time.sleep(0.05)


@contextmanager
def scripted(*, rests: bool = True, **says: bytes) -> Iterator[FtpSource]:
    server = ScriptedFtp(says, rests=rests)
    yield FtpSource(f"ftp://127.0.0.1:{server.port}/", Remote(user="kim", password_env=VARIABLE))
    server.down()


def content_of(place: FtpFolder, name: str = "a") -> bytes:
    source = place.source()
    with source.open_observed(name.encode(), listed(source)[name.encode()]) as stream:
        return stream.read(len(CONTENT) * 2)  # type: ignore[no-any-return]


def test_who_may_not_log_in_is_told_what_to_do(ftp: FtpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not let anybody anonymously log in" in words_of(ftp.source(access={"user": "", "password_env": ""}))
    assert "does not let nobody-here log in" in words_of(ftp.source(access={"user": "nobody-here"}))
    assert "nobody says whose it is" in words_of(ftp.source(access={"user": ""}))
    monkeypatch.setenv(VARIABLE, "of-another-user")
    words = words_of(ftp.source())
    assert "does not let kim log in" in words
    assert "of-another-user" not in words
    monkeypatch.setenv(VARIABLE, "two\r\nlines")
    words_of(ftp.source())
    monkeypatch.delenv(VARIABLE)
    assert f"{VARIABLE}, which the config names, is not set" in words_of(ftp.source())


def test_a_password_that_was_changed_is_met_by_the_next_connection(
    own_ftp: FtpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_ftp.put("a", b"1")
    source = own_ftp.source()
    observed = listed(source)[b"a"]
    own_ftp.server.password = "한글 ä"
    own_ftp.server.restart()
    words_of(source)
    assert "does not let kim log in" in words_of(source)
    monkeypatch.setenv(VARIABLE, "한글 ä")
    assert listed(source) == {b"a": observed}


def test_what_is_no_ftp_server_is_told(ftp: FtpFolder) -> None:
    with on_line(ftp) as line:
        line.said = {b"220 ": b"Hi, "}
        assert "what answers is no FTP server" in words_of(ftp.source(port=line.port))
    assert "no FTP server listens there" in words_of(ftp.source(port=line.port))


@pytest.mark.parametrize("most", [1, 2])
def test_a_server_that_takes_few_connections_is_read_over_those(begun: Callable[..., FtpFolder], most: int) -> None:
    read_many_at_once(begun(f"most={most}"))


def test_a_full_server_is_told(begun: Callable[..., FtpFolder]) -> None:
    place = begun("most=1")
    place.put("a", b"1")
    assert content_of(place) == b"1"
    gc.collect()
    with only_connection(place.port):
        assert "takes no connection now: 421" in words_of(place.source())
    assert content_of(place) == b"1"


@pytest.mark.parametrize("options", [("most=1",), ("vsftpd", "max_per_ip=1"), ("vsftpd",)])
def test_large_files_that_are_read_in_turns_are_whole(
    begun: Callable[..., FtpFolder], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(talk, "PATIENCE", 0.02)
    place = begun(*options)
    names = [str(number) for number in range(6)]
    for number, name in enumerate(names):
        place.put(name, bytes([number]) + CONTENT)
    source = place.source()
    found = listed(source)
    streams = [source.open_observed(name.encode(), found[name.encode()]).__enter__() for name in names]
    pieces: list[list[bytes]] = [[] for _ in names]
    for amount in (1, 2_000_000, 3, len(CONTENT)):
        for stream, got in zip(streams, pieces, strict=True):
            got.append(stream.read(amount))
        assert listed(source) == found
    for number, (stream, got) in enumerate(zip(streams, pieces, strict=True)):
        stream.__exit__(None, None, None)
        assert b"".join(got) == bytes([number]) + CONTENT


@pytest.mark.parametrize("size", [1, 5000, len(CONTENT)])
def test_neither_a_list_nor_a_file_is_whole_before_the_server_says_so(ftp: FtpFolder, size: int) -> None:
    ftp.put("a", CONTENT[:size])
    with on_line(ftp) as line:
        source = ftp.source(port=line.port)
        observed = listed(source)[b"a"]
        line.said = {b"226 ": b"426 "}
        assert "ended the connection: 426" in words_of(source)
        line.said = {b"226 ": b"451 "}
        assert "the server refuses: 451" in words_of(source)
        line.said = {}
        assert listed(source) == {b"a": observed}
        line.said = {b"226 ": b"426 "}
        with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
            stream.read(size)
        line.said = {}
        assert listed(source) == {b"a": observed}
        line.said = {b"226 ": b"451 "}
        with pytest.raises(FileUnreadable), source.open_observed(b"a", observed) as stream:
            stream.read(size)


@pytest.mark.parametrize("code", [b"550 ", b"450 "])
def test_a_refusal_is_no_empty_list(ftp: FtpFolder, code: bytes) -> None:
    ftp.put("a", b"1")
    with on_line(ftp) as line:
        for answers in ((b"125 ", b"150 "), (b"227 ",)):
            line.said = dict.fromkeys(answers, code)
            words_of(ftp.source(port=line.port))


@pytest.mark.parametrize(
    "said",
    [
        b"226 Transfer done (but failed to open directory).\r\n",
        b"226-Sorry, we were unable to read [.]\r\n226 0 matches total\r\n",
        b"226-Options: -l \r\n226 Output truncated to 10000 matches\r\n",
    ],
)
def test_a_list_that_is_in_part_fails_though_its_end_is_called_a_success(any_ftp: FtpFolder, said: bytes) -> None:
    """As vsftpd and pure-ftpd have it, where a folder's permission was withdrawn, or it has more than 10,000 files."""
    any_ftp.put("a", b"1")
    with on_line(any_ftp) as line:
        line.said = {b"226 ": said.removesuffix(b"\r\n") + b" "}
        assert "the server refuses: 226" in words_of(any_ftp.source(port=line.port))


def test_a_file_that_grows_while_it_is_read_has_changed(any_ftp: FtpFolder) -> None:
    for size in (1000, len(CONTENT)):
        any_ftp.put("a", CONTENT[:size])
        source = any_ftp.source()

        def grow() -> None:
            with (any_ftp.root / "a").open("ab") as written:
                written.write(b"more")

        for amount in (1, len(CONTENT)):
            observed = listed(source)[b"a"]
            with pytest.raises(FileChanged):
                read_while(source, b"a", observed, grow, amount)


@pytest.mark.parametrize("rests", [True, False])
def test_a_server_that_ignores_from_where_on_it_is_asked_gives_nothing_that_is_taken(rests: bool) -> None:
    with scripted(rests=rests) as source:
        stream = source.open_observed(b"a", listed(source)[b"a"]).__enter__()
        stream.seek(4)
        if rests:
            assert stream.read(10) == b"456789"
        else:
            with pytest.raises(FileUnreadable, match="REST"):
                stream.read(10)
        stream.close()


@pytest.mark.parametrize("command", ["USER", "FEAT", "CWD"])
def test_an_answer_without_an_end_is_given_up(command: str) -> None:
    with scripted(**{command: b"220-hello\r\n "}) as source:
        assert "its answer has no end" in words_of(source)


def test_a_server_that_repeats_the_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "한글 ä of this test")
    with scripted(PASS="500 'PASS 한글 ä of this test' is unknown\r\n".encode()) as source:
        words = words_of(source)
        assert "500 'PASS ***' is unknown" in words


@pytest.mark.parametrize("size", [b"\xb2", b"99999999999999999999", b"9" * 5000])
def test_a_size_that_no_file_has_is_none(size: bytes) -> None:
    plain = {
        "SIZE": b"213 " + size + b"\r\n",
        "MDTM": b"213 20200101000000\r\n",
        "MLST": b"250-\r\n a=b; a\r\n250 \r\n",
    }
    with scripted(**plain) as source:
        assert source._connection.client().take().look(b"/a", follow=False).kind == "unsaid"


def test_a_server_that_ends_idle_connections_hinders_nothing(begun: Callable[..., FtpFolder]) -> None:
    place = begun("idle=1")
    place.put("a", CONTENT)
    source = place.source()
    observed = listed(source)[b"a"]
    time.sleep(1.8)
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        stream.read(1)
        time.sleep(1.8)
        assert stream.read(len(CONTENT)) == CONTENT[1:]
        time.sleep(1.8)


def test_links_that_are_told_are_passed_over_or_followed_once(vsftpd: FtpFolder) -> None:
    vsftpd.put("a/b", b"1")
    beside = vsftpd.root.parent / "beside"
    beside.mkdir()
    (beside / "c").write_bytes(b"22")
    for name, target in (("a/up", ".."), ("self", "."), ("out", beside), ("file", "a/b"), ("nowhere", "nothing")):
        (vsftpd.root / name).symlink_to(target)
    assert set(listed(vsftpd.source())) == {b"a/b"}
    assert set(listed(vsftpd.source(follow_symlinks=True))) == {b"a/b", b"file", b"out/c"}


def test_links_that_the_server_follows_lead_in_no_circle(ftp: FtpFolder) -> None:
    ftp.put("a/b", b"1")
    for name, target in (("a/up", ".."), ("a/self", "."), ("up", "."), ("nowhere", "nothing")):
        (ftp.root / name).symlink_to(target)
    assert set(listed(ftp.source())) == {b"a/b"}


def test_pipes_are_not_waited_for(any_ftp: FtpFolder) -> None:
    any_ftp.put("a", b"1")
    any_ftp.put("b", b"1")
    os.mkfifo(any_ftp.root / "pipe")
    source = any_ftp.source()
    found = listed(source)
    if b"pipe" in found:  # pyftpdlib takes it for an empty file
        with source.open_observed(b"pipe", found[b"pipe"]) as stream:
            assert stream.read(1) == b""
    (any_ftp.root / "a").unlink()
    os.mkfifo(any_ftp.root / "a")
    with pytest.raises(SourceError):
        read_while(source, b"a", found[b"a"], lambda: None)
    assert listed(source)[b"b"] == found[b"b"]


def test_a_name_with_a_lines_end_fails_the_listing_in_words(any_ftp: FtpFolder) -> None:
    """Whether it is another file that was known can't be told."""
    any_ftp.put("a", b"1")
    any_ftp.put("first\nsecond", b"1")
    source = any_ftp.source()
    words = words_of(source)
    assert "second" in words
    assert "rename" in words
    any_ftp.delete("first\nsecond")
    any_ftp.put("first\rsecond", b"1")
    files = {name for item in source.listing() if isinstance(item, Directory) for name in item.files}
    assert files == {b"a"}


def test_names_of_any_bytes_and_from_the_home_folder(begun: Callable[..., FtpFolder], tmp_path: Path) -> None:
    place = begun("vsftpd", f"anon_root={tmp_path}")
    names = [b"\xe4\xf6.png", b"-la", b" a", b"*?[x]", b"a  b ", "한글".encode()]
    (place.root / "-d").mkdir()
    for name in names:
        with open(os.fsencode(place.root) + b"/-d/" + name, "wb") as written:
            written.write(name)
    for url in (place.url, f"ftp://127.0.0.1:{place.port}/~/{place.root.name}"):
        source = FtpSource(url, Remote())
        found = listed(source)
        assert set(found) == {b"-d/" + name for name in names}
        for path, observed in found.items():
            with source.open_observed(path, observed) as stream:
                assert stream.read(100) == path.removeprefix(b"-d/")


def test_a_certificate_that_is_not_known_or_for_another_name_is_refused(ftps: FtpsFolder, tmp_path: Path) -> None:
    ftps.put("a", b"1")
    assert "its certificate is not trusted" in words_of(ftps.source(access={"ca_bundle": None}))
    (tmp_path / "another").mkdir()
    other = ftpd.certificate(tmp_path / "another")
    assert "its certificate is not trusted" in words_of(ftps.source(access={"ca_bundle": str(other)}))
    assert "can't be used" in words_of(ftps.source(access={"ca_bundle": str(tmp_path / "missing")}))
    words = words_of(FtpSource(ftps.url.replace("127.0.0.1", "localhost"), Remote(**ftps.access)))
    assert "mismatch" in words
    assert "ca_bundle" in words


def test_a_server_without_tls_or_that_asks_for_it_is_told(ftp: FtpFolder, ftps: FtpsFolder) -> None:
    secured = FtpsFolder(ftp.root.parent / "two", ftp.server, Path(ftps.access["ca_bundle"]))
    assert "offers no encryption" in words_of(secured.source())
    plain = FtpFolder(ftp.root.parent / "three", ftps.server)
    words = words_of(plain.source())
    assert "write ftps:// as path" in words
    assert "no encrypted connection" in words_of(ftps.source(access={"implicit_tls": True}))


TLS = ("ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_logins_ssl=YES", "force_anon_data_ssl=YES")


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("reuse", [False, True])
def test_vsftpd_over_tls(begun: Callable[..., FtpFolder], tmp_path: Path, implicit: bool, reuse: bool) -> None:
    """reuse: whether it takes data connections with the session of the control connection alone, as is its default."""
    key = ftpd.certificate(tmp_path)
    written = {"rsa_cert_file": key, "require_ssl_reuse": "YES" if reuse else "NO", "ssl_ciphers": "HIGH"}
    if implicit:
        written["implicit_ssl"] = "YES"
    plain = begun("vsftpd", *TLS, *(f"{name}={value}" for name, value in written.items()))
    place = FtpsFolder(plain.root.parent / "secured", plain.server, key)
    if implicit:
        place.access["implicit_tls"] = True
    for number in range(5):
        place.put(f"{number}/a", CONTENT[number:])
    source = place.source()
    found = listed(source)
    for number in range(5):
        path = f"{number}/a".encode()
        with source.open_observed(path, found[path]) as stream:
            assert stream.read(len(CONTENT)) == CONTENT[number:]
    assert listed(source) == found
