"""What fails between us and an SSH server: no listing is empty that failed, a read is taken up again or told."""

from __future__ import annotations

import gc
import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.checksum import digest
from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.records import Directory, Untakeable
from synapse_sync.sources import remote_reading
from synapse_sync.sources.sftp import listing
from synapse_sync.sources.sftp.session import PERMISSION_DENIED, Refused, Session

from .line import Line
from .places import SftpFolder
from .sshd import Sshd, required
from .test_conformance import listed, read_while

CONTENT = bytes(range(256)) * 32768  # 8 MiB
HANDSHAKE = 6000  # bytes that a connection has carried before it lists


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)


@pytest.fixture
def line(sftp: SftpFolder) -> Iterator[Line]:
    """A way to the server on which a test may interfere."""
    line = Line(sftp.server.port)
    line.up()
    known = sftp.server.known_hosts
    before = known.read_text()
    known.write_text(before + before.replace(f":{sftp.server.port} ", f":{line.port} "))
    yield line
    line.down()
    known.write_text(before)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SftpFolder]:
    """A folder of a server that is this test's alone."""
    required()
    (tmp_path / "sshd").mkdir()
    server = Sshd(tmp_path / "sshd")
    yield SftpFolder(tmp_path / "remote", server)
    server.stop()


def words_of(source: Any) -> str:
    """What is said of a listing that fails."""
    with pytest.raises(SourceUnavailable) as refused:
        listed(source)
    assert source.root in refused.value.message
    assert refused.value.hint
    return f"{refused.value.message}; {refused.value.hint}"


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "Thread-" in thread.name and "_serve" not in thread.name}


@pytest.mark.parametrize("carried", [0, 100, 3000, HANDSHAKE, 8000, 12_000, 20_000])
def test_a_listing_whose_connection_breaks_is_no_listing_and_the_next_one_is_whole(
    sftp: SftpFolder, line: Line, carried: int
) -> None:
    for number in range(600):
        sftp.put(f"{number % 6}/a long name for a file that there is {number:04}", b"1")
    source = sftp.source(port=line.port)
    line.cut_after = [carried]
    words_of(source)
    assert len(listed(source)) == 600


def test_a_listing_that_breaks_off_between_its_pieces_is_none(
    sftp: SftpFolder, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PIECE", 3)
    for number in range(300):
        sftp.put(f"{number % 10}/{number}", b"1")
    source = sftp.source(port=line.port)
    pieces = source.listing()
    assert len(list(islice(pieces, 30))) == 30
    line.cut()
    with pytest.raises(SourceUnavailable, match=r"broke off|was closed"):
        list(pieces)
    assert len(listed(source)) == 300


def test_a_server_that_is_down_is_told_and_used_again_once_it_is_up(sftp: SftpFolder, line: Line) -> None:
    sftp.put("a", CONTENT)
    source = sftp.source(port=line.port)
    observed = listed(source)[b"a"]
    line.down()
    words_of(source)
    assert "no SSH server listens" in words_of(source)
    line.up()
    opened = line.opened
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert line.opened == opened  # it rests until a listing succeeds, so that no file waits for it in vain
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream)[0].size == len(CONTENT)


def test_after_a_restart_of_the_server_the_next_listing_and_the_next_read_work(own: SftpFolder) -> None:
    own.put("a", CONTENT)
    source = own.source()
    observed = listed(source)[b"a"]
    own.server.restart()
    with source.open_observed(b"a", observed) as stream:
        stream.read(100)
        own.server.restart()
        assert stream.read(len(CONTENT)) == CONTENT[100:]
    own.server.restart()
    with suppress(SourceUnavailable):  # the connection may break under it: that is told
        listed(source)
    assert listed(source) == {b"a": observed}


@pytest.mark.parametrize("carried", [20_000, 500_000, 5_000_000])
def test_a_read_goes_on_where_the_connection_broke(sftp: SftpFolder, line: Line, carried: int) -> None:
    sftp.put("a", CONTENT)
    observed = listed(sftp.source())[b"a"]
    with sftp.source().open_observed(b"a", observed) as stream:
        expected = digest(stream)
    line.cut_after = [carried, carried + 1_000_000, carried + 1_000_000]
    source = sftp.source(port=line.port)
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream) == expected
    assert line.opened >= 2


def test_a_file_that_is_replaced_while_its_connection_is_lost_has_changed(sftp: SftpFolder, line: Line) -> None:
    sftp.put("a", CONTENT)
    source = sftp.source(port=line.port)
    observed = listed(source)[b"a"]

    def meanwhile() -> None:
        sftp.put("a", CONTENT[::-1])
        line.cut()

    with pytest.raises(FileChanged):
        read_while(source, b"a", observed, meanwhile)


def test_a_connection_that_breaks_again_and_again_is_given_up(sftp: SftpFolder, line: Line) -> None:
    sftp.put("a", CONTENT)
    observed = listed(sftp.source())[b"a"]
    source = sftp.source(port=line.port)
    line.cut_after = [HANDSHAKE] * 100
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        digest(stream)
    assert line.opened <= remote_reading.TRIES


def test_a_server_that_falls_silent_is_left(sftp: SftpFolder, line: Line) -> None:
    sftp.put("a", CONTENT)
    source = sftp.source(port=line.port, access={"connect_timeout": "1s", "read_timeout": "1s"})
    observed = listed(source)[b"a"]
    line.silent = True
    assert "stopped answering" in words_of(source)
    words_of(source)  # not even a banner comes
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    line.silent = False
    assert listed(source) == {b"a": observed}


def test_a_file_that_becomes_shorter_while_it_is_read_has_changed(sftp: SftpFolder) -> None:
    sftp.put("a", CONTENT)
    source = sftp.source()
    observed = listed(source)[b"a"]
    with source.open_observed(b"a", observed) as stream:
        stream.read(100)
        os.truncate(sftp.root / "a", 200)
        with pytest.raises(FileChanged, match="shorter"):
            digest(stream)
        os.truncate(sftp.root / "a", len(CONTENT))
        os.utime(sftp.root / "a", (sftp.moment, sftp.moment))


def test_nothing_but_a_file_is_opened(sftp: SftpFolder) -> None:
    sftp.put("a", b"1")
    sftp.put("elsewhere/b", b"2")
    os.mkfifo(sftp.root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(sftp.root / "socket"))
    (sftp.root / "link").symlink_to("a")
    (sftp.root / "folder").symlink_to("elsewhere")
    (sftp.root / "loop").symlink_to(".")
    (sftp.root / "nowhere").symlink_to("nothing")
    source = sftp.source()
    (observed,) = (found for path, found in listed(source).items() if path == b"a")
    assert set(listed(source)) == {b"a", b"elsewhere/b"}
    assert sum(item.special for item in source.listing() if isinstance(item, Directory)) == 2
    (sftp.root / "a").unlink()
    os.mkfifo(sftp.root / "a")
    with pytest.raises(FileChanged, match="no file now"), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    listener.close()


def test_symbolic_links_are_followed_where_that_is_wanted_and_each_folder_is_listed_once(sftp: SftpFolder) -> None:
    sftp.put("a/b", b"1")
    (sftp.root / "outside").mkdir()
    for name, target in (("z", "a"), ("a/up", ".."), ("a/self", "."), ("l", "a/b"), ("nowhere", "nothing")):
        (sftp.root / name).symlink_to(target)
    source = sftp.source(follow_symlinks=True)
    found = listed(source)
    assert set(found) == {b"a/b", b"l"}
    with source.open_observed(b"l", found[b"l"]) as stream:
        assert stream.read(10) == b"1"


def test_names_that_are_not_utf_8_are_files_like_any_other(sftp: SftpFolder) -> None:
    name = b"d/caf\xe9 \xff.png"
    os.mkdir(os.fsencode(sftp.root) + b"/d")
    with open(os.fsencode(sftp.root) + b"/" + name, "wb") as written:
        written.write(b"content")
    source = sftp.source()
    ((path, observed),) = listed(source).items()
    assert path == name
    with source.open_observed(path, observed) as stream:
        assert stream.read(10) == b"content"


def test_a_folder_that_may_not_be_listed_fails_the_listing_unless_it_is_left_out(
    sftp: SftpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may list all: the server's answer is made up."""
    sftp.put("a", b"1")
    sftp.put("secret/b", b"1")
    real = Session.open_folder

    def refused(session: Session, path: bytes) -> bytes:
        if path.endswith(b"/secret"):
            raise Refused(PERMISSION_DENIED, "")
        return real(session, path)

    monkeypatch.setattr(Session, "open_folder", refused)
    assert "its folder secret: access is denied" in words_of(sftp.source())
    assert set(listed(sftp.source(exclude=["secret/"]))) == {b"a"}


def test_a_root_that_is_missing_or_a_file_is_told(sftp: SftpFolder) -> None:
    sftp.put("a", b"1")
    source = sftp.source()
    sftp.remove()
    assert "it is not there" in words_of(source)
    sftp.root.write_bytes(b"a file")
    assert "not a folder" in words_of(source)


def test_an_unknown_host_key_is_refused_with_what_to_write(own: SftpFolder, tmp_path: Path) -> None:
    own.put("a", b"1")
    (tmp_path / "none").write_text("")
    said = words_of(own.source(access={"known_hosts": tmp_path / "none"}))
    fingerprint = said.partition("SHA256:")[2].partition(";")[0]
    kind, key, _ = (own.server.folder / "host.pub").read_text().split()
    written = f"[127.0.0.1]:{own.server.port} {kind} {key}"
    assert f'host_key = "SHA256:{fingerprint}"' in said
    assert written in said
    (tmp_path / "none").write_text(written + "\n")
    assert set(listed(own.source(access={"known_hosts": tmp_path / "none"}))) == {b"a"}
    pinned = own.source(access={"known_hosts": None, "host_key": f"SHA256:{fingerprint}"})
    assert set(listed(pinned)) == {b"a"}


def test_a_changed_host_key_is_refused_also_by_a_source_that_knew_the_server(own: SftpFolder) -> None:
    own.put("a", b"1")
    source = own.source()
    listed(source)
    known = own.server.known_hosts.read_text()
    own.server.stop()
    own.server.make_key("host")
    own.server.start()
    own.server.known_hosts.write_text(known)
    with pytest.raises(SourceUnavailable):
        listed(source)
    assert "its host key has changed" in words_of(source)
    own.server.known_hosts.write_text("@revoked * " + (own.server.folder / "host.pub").read_text())
    assert "was revoked" in words_of(source)
    own.server.trust()
    assert set(listed(source)) == {b"a"}
    other = own.source(access={"known_hosts": None, "host_key": "SHA256:" + "A" * 43})
    assert "not the one that host_key names" in words_of(other)


def test_the_users_own_known_hosts_and_keys_are_looked_at(own: SftpFolder) -> None:
    own.put("a", b"1")
    source = own.source(access={"known_hosts": None, "key_file": None})
    assert "not known" in words_of(source)
    folder = Path.home() / ".ssh"  # of this test
    folder.mkdir()
    (folder / "known_hosts").write_text(own.server.known_hosts.read_text())
    assert "no key to log in with" in words_of(source)
    (folder / "id_ed25519").write_text(own.server.key.read_text())
    assert set(listed(source)) == {b"a"}


def test_credentials_that_are_refused_or_rotated(own: SftpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    own.put("a", b"1")
    source = own.source()
    observed = listed(source)[b"a"]
    (own.server.folder / "client.pub").replace(own.server.folder / "old.pub")
    key = own.server.key.read_text()
    own.server.make_key("client")
    own.server.key.write_text(key)  # the server takes another one from now on
    own.server.restart()
    with pytest.raises(SourceUnavailable):
        listed(source)
    assert "does not let" in words_of(source)
    monkeypatch.setenv("SCANS_PASSWORD", "secret")
    with_password = own.source(access={"key_file": None, "password_env": "SCANS_PASSWORD"})
    assert "with publickey only" in words_of(with_password)
    own.server.make_key("client")
    own.server.trust()
    assert listed(source) == {b"a": observed}


def test_keys_with_a_passphrase(own: SftpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    own.put("a", b"1")
    own.server.make_key("client", "open sesame")
    own.server.trust()
    assert "key_passphrase_env" in words_of(own.source())
    with_it = own.source(access={"key_passphrase_env": "SCANS_PASSPHRASE"})
    assert "SCANS_PASSPHRASE, which the config names, is not set" in words_of(with_it)
    monkeypatch.setenv("SCANS_PASSPHRASE", "wrong")
    assert "can't be used" in words_of(with_it)
    monkeypatch.setenv("SCANS_PASSPHRASE", "open sesame")
    assert set(listed(with_it)) == {b"a"}
    own.server.key.unlink()
    assert "can't be read" in words_of(own.source())


def test_what_answers_is_no_ssh_server_or_gives_no_sftp(own: SftpFolder, line_to_nothing: int) -> None:
    own.put("a", b"1")
    access = {"connect_timeout": "1s", "read_timeout": "2s"}
    assert "no SSH server" in words_of(own.source(port=line_to_nothing, access=access))
    own.server.stop()
    own.server.start(extra="MaxSessions 0\n")
    assert "SFTP" in words_of(own.source())
    own.server.stop()
    own.server.start(extra="MaxSessions 2\n")
    own.delete("a")
    read_many_at_once(own)


def test_more_files_are_open_at_once_than_there_are_sessions(sftp: SftpFolder) -> None:
    read_many_at_once(sftp)


def read_many_at_once(sftp: SftpFolder) -> None:
    """Each is held open while all others are."""
    for number in range(40):
        sftp.put(str(number), bytes([number]) * 50_000)
    source = sftp.source()
    found = listed(source)
    streams = {path: source.open_observed(path, found[path]) for path in found}
    opened = {path: stream.__enter__() for path, stream in streams.items()}
    for amount in (10, 100_000):
        for path, stream in opened.items():
            piece = stream.read(amount)
            assert piece == bytes([int(path)]) * len(piece)
            assert len(piece) == min(amount, found[path].size if amount == 10 else found[path].size - 10)
    for stream in streams.values():
        stream.__exit__(None, None, None)


@pytest.fixture
def line_to_nothing() -> Iterator[int]:
    """Something that says something else than SSH."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            try:
                while True:
                    client, _ = listener.accept()
                    client.sendall(b"220 ftp\r\n" * 200)
                    client.close()
            except OSError:
                return

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    sftp: SftpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    assert "pip install 'synapse-sync[sftp]'" in words_of(sftp.source())


def test_a_name_that_no_file_can_have_is_told_and_leads_nowhere(
    sftp: SftpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sftp.put("a", b"1")
    real = Session.entries

    def also(session: Session, handle: bytes, requests: int) -> Any:
        entries, end = real(session, handle, requests)
        return [
            *((name, found) for name in (b"../up", b"/etc/passwd", b"", b"x\0y") for _, found in entries[:1]),
            *entries,
        ], end

    monkeypatch.setattr(Session, "entries", also)
    items = list(sftp.source().listing())
    assert {name for item in items if isinstance(item, Directory) for name in item.files} == {b"a"}
    assert len([item for item in items if isinstance(item, Untakeable)]) >= 3


def test_no_thread_and_no_connection_is_left(own: SftpFolder) -> None:
    own.put("a", CONTENT)
    before = threads()
    for number in range(5):
        source = own.source()
        observed = listed(source)[b"a"]
        with source.open_observed(b"a", observed) as stream:
            stream.read(100)
        if number % 2:
            own.server.restart()
            with pytest.raises(FileUnreadable), source.open_observed(b"missing", observed) as stream:
                stream.read(1)
        del source, stream
    gc.collect()  # what was raised keeps what raised it
    assert own.server.connections() == 0
    assert threads() == before


def test_100_000_files_of_one_folder_take_no_more_memory_than_a_thousand(sftp: SftpFolder) -> None:
    for number in range(100_000):
        (sftp.root / f"{number:06}.png").touch()
    source = sftp.source()
    found, high = 0, 0
    for item in source.listing():
        assert isinstance(item, Directory)
        found += len(item.files)
        high = high or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert found == 100_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - high < 16 << 10  # KiB


def test_a_large_file_takes_no_memory(sftp: SftpFolder) -> None:
    with (sftp.root / "large").open("wb") as written:
        written.truncate(256 << 20)
    source = sftp.source()
    observed = listed(source)[b"large"]
    with source.open_observed(b"large", observed) as stream:
        stream.read(4 << 20)
        high = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        digest(stream)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - high < 24 << 10  # KiB
