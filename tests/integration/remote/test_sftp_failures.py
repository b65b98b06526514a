"""What is SSH's own: host keys, logging in, links and names. What fails as elsewhere: test_conversed_failures.py."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko
import pytest

from synapse_sync.config import Remote
from synapse_sync.errors import FileChanged, SourceUnavailable
from synapse_sync.records import Directory
from synapse_sync.sources.sftp.source import SftpSource

from ..conftest import until
from .places import SftpFolder
from .talking import read_many_at_once, words_of
from .test_conformance import listed

CONTENT = bytes(range(256)) * 32768  # 8 MiB


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


def test_an_unknown_host_key_is_refused_with_what_to_write(own_sftp: SftpFolder, tmp_path: Path) -> None:
    own_sftp.put("a", b"1")
    (tmp_path / "none").write_text("")
    said = words_of(own_sftp.source(access={"known_hosts": tmp_path / "none"}))
    fingerprint = said.partition("SHA256:")[2].partition(";")[0]
    kind, key, _ = (own_sftp.server.folder / "host.pub").read_text().split()
    written = f"[127.0.0.1]:{own_sftp.server.port} {kind} {key}"
    assert f'host_key = "SHA256:{fingerprint}"' in said
    assert written in said
    (tmp_path / "none").write_text(written + "\n")
    assert set(listed(own_sftp.source(access={"known_hosts": tmp_path / "none"}))) == {b"a"}
    pinned = own_sftp.source(access={"known_hosts": None, "host_key": f"SHA256:{fingerprint}"})
    assert set(listed(pinned)) == {b"a"}


def test_a_changed_host_key_is_refused_also_by_a_source_that_knew_the_server(own_sftp: SftpFolder) -> None:
    own_sftp.put("a", b"1")
    source = own_sftp.source()
    listed(source)
    known = own_sftp.server.known_hosts.read_text()
    own_sftp.server.stop()
    own_sftp.server.make_key("host")
    own_sftp.server.start()
    own_sftp.server.known_hosts.write_text(known)
    with pytest.raises(SourceUnavailable):
        listed(source)
    assert "its host key has changed" in words_of(source)
    own_sftp.server.known_hosts.write_text("@revoked * " + (own_sftp.server.folder / "host.pub").read_text())
    assert "was revoked" in words_of(source)
    own_sftp.server.trust()
    assert set(listed(source)) == {b"a"}
    other = own_sftp.source(access={"known_hosts": None, "host_key": "SHA256:" + "A" * 43})
    assert "not the one that host_key names" in words_of(other)


def test_the_users_own_known_hosts_and_keys_are_looked_at(own_sftp: SftpFolder) -> None:
    own_sftp.put("a", b"1")
    source = own_sftp.source(access={"known_hosts": None, "key_file": None})
    assert "not known" in words_of(source)
    folder = Path.home() / ".ssh"  # of this test
    folder.mkdir()
    (folder / "known_hosts").write_text(own_sftp.server.known_hosts.read_text())
    assert "no key to log in with" in words_of(source)
    (folder / "id_ed25519").write_text(own_sftp.server.key.read_text())
    assert set(listed(source)) == {b"a"}


def test_credentials_that_are_refused_or_rotated(own_sftp: SftpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    own_sftp.put("a", b"1")
    source = own_sftp.source()
    observed = listed(source)[b"a"]
    (own_sftp.server.folder / "client.pub").replace(own_sftp.server.folder / "old.pub")
    key = own_sftp.server.key.read_text()
    own_sftp.server.make_key("client")
    own_sftp.server.key.write_text(key)  # the server takes another one from now on
    own_sftp.server.restart()
    with pytest.raises(SourceUnavailable):
        listed(source)
    assert "does not let" in words_of(source)
    monkeypatch.setenv("SCANS_PASSWORD", "secret")
    with_password = own_sftp.source(access={"key_file": None, "password_env": "SCANS_PASSWORD"})
    assert "with publickey only" in words_of(with_password)
    own_sftp.server.make_key("client")
    own_sftp.server.trust()
    assert listed(source) == {b"a": observed}


def test_keys_with_a_passphrase(own_sftp: SftpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    own_sftp.put("a", b"1")
    own_sftp.server.make_key("client", "open sesame")
    own_sftp.server.trust()
    assert "key_passphrase_env" in words_of(own_sftp.source())
    with_it = own_sftp.source(access={"key_passphrase_env": "SCANS_PASSPHRASE"})
    assert "SCANS_PASSPHRASE, which the config names, is not set" in words_of(with_it)
    monkeypatch.setenv("SCANS_PASSPHRASE", "wrong")
    assert "can't be used" in words_of(with_it)
    monkeypatch.setenv("SCANS_PASSPHRASE", "open sesame")
    assert set(listed(with_it)) == {b"a"}
    own_sftp.server.key.unlink()
    assert "can't be read" in words_of(own_sftp.source())


def test_what_answers_is_no_ssh_server_or_gives_no_sftp(own_sftp: SftpFolder, line_to_nothing: int) -> None:
    own_sftp.put("a", b"1")
    access = {"connect_timeout": "1s", "read_timeout": "2s"}
    assert "no SSH server" in words_of(own_sftp.source(port=line_to_nothing, access=access))
    own_sftp.server.stop()
    own_sftp.server.start(extra="MaxSessions 0\n")
    assert "SFTP" in words_of(own_sftp.source())
    own_sftp.server.stop()
    own_sftp.server.start(extra="MaxSessions 2\n")
    own_sftp.delete("a")
    read_many_at_once(own_sftp)


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


def test_a_key_of_the_agent_logs_in(own_sftp: SftpFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_sftp.put("a", b"1")
    source = own_sftp.source(access={"key_file": None})
    assert "no SSH agent runs here" in words_of(source)
    monkeypatch.setenv("SSH_AUTH_SOCK", os.path.relpath(tmp_path / "agent"))
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", os.environ["SSH_AUTH_SOCK"]], stdout=subprocess.DEVNULL)
    try:
        until((tmp_path / "agent").exists, "the agent is there")
        assert "no key to log in with" in words_of(source)
        subprocess.run(["ssh-add", "-q", str(own_sftp.server.key)], check=True)
        assert set(listed(source)) == {b"a"}
    finally:
        agent.terminate()
        agent.wait()


class PasswordServer(paramiko.ServerInterface):
    """An SSH server that takes one password, whichever way it is given, and has no files: all that it lists is refused.

    OpenSSH would ask for the password of this machine's user.
    """

    def __init__(self, ways: str) -> None:
        self.ways = ways

    def get_allowed_auths(self, username: str) -> str:
        return self.ways

    def check_auth_password(self, username: str, password: str) -> int:
        right = "password" in self.ways and (username, password) == ("kim", "secret")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return paramiko.AUTH_SUCCESSFUL if responses == ["secret"] else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


@pytest.mark.parametrize("ways", ["password", "keyboard-interactive"])
def test_a_password_logs_in(ways: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, key, ways), daemon=True).start()
        access = {"user": "kim", "password_env": "NAS_PASSWORD", "host_key": key.fingerprint}
        source = SftpSource(f"sftp://127.0.0.1:{listener.getsockname()[1]}/scans", Remote(**access))
        monkeypatch.setenv("NAS_PASSWORD", "another")
        assert "does not let kim log in" in words_of(source)
        monkeypatch.setenv("NAS_PASSWORD", "secret")
        assert "the server refuses: Operation unsupported" in words_of(source)
        listener.shutdown(socket.SHUT_RDWR)


def serve(listener: socket.socket, key: paramiko.PKey, ways: str) -> None:
    with suppress(OSError, EOFError):
        while True:
            transport = paramiko.Transport(listener.accept()[0])
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer)
            transport.start_server(server=PasswordServer(ways), event=threading.Event())
