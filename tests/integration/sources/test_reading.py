"""A file is read only while it is what was observed: every way in which it may become another one is noticed."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from synapse_sync.checksum import digest
from synapse_sync.errors import FileChanged, FileUnreadable
from synapse_sync.records import Directory, Observation
from synapse_sync.sources.local import LocalSource

CONTENT = b"0123456789" * 1000


@pytest.fixture
def source(root: Path) -> LocalSource:
    (root / "d").mkdir()
    (root / "d/a.png").write_bytes(CONTENT)
    return LocalSource(str(root))


def observed(source: LocalSource, path: bytes = b"d/a.png") -> Observation:
    directory, _, name = path.rpartition(b"/")
    (listed,) = (item for item in source.listing() if item.path == directory)
    assert isinstance(listed, Directory)
    return listed.files[name]


def opened(source: LocalSource, path: bytes = b"d/a.png") -> AbstractContextManager[BinaryIO]:
    return source.open_observed(path, observed(source, path))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_an_unchanged_file_is_read_and_can_be_read_again(source: LocalSource) -> None:
    with opened(source) as stream:
        first, _ = digest(stream)
        stream.seek(0)
        assert digest(stream)[0] == first
        assert first.size == len(CONTENT)
    assert stream.closed


@pytest.mark.parametrize("read", [lambda stream: stream.read(), lambda stream: b"".join(stream)])
def test_the_stream_is_an_ordinary_binary_file(source: LocalSource, read: Callable[[BinaryIO], bytes]) -> None:
    with opened(source) as stream:
        assert read(stream) == CONTENT
        assert (stream.tell(), stream.seekable(), stream.writable()) == (len(CONTENT), True, False)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite_in_place_and_forge_the_time(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(CONTENT)
    other.rename(path)


def truncate(path: Path) -> None:
    os.truncate(path, 10)


CHANGES = [append, overwrite_in_place_and_forge_the_time, replace, truncate]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_before_opening_is_noticed(source: LocalSource, root: Path, change: Callable[[Path], None]) -> None:
    before = observed(source)
    change(root / "d/a.png")
    open_files = descriptors()
    with pytest.raises(FileChanged, match=r"d/a\.png changed since it was listed"):
        source.open_observed(b"d/a.png", before)
    assert descriptors() <= open_files


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_reading_is_noticed_on_leaving(
    source: LocalSource, root: Path, change: Callable[[Path], None]
) -> None:
    open_files = descriptors()

    def read_meanwhile() -> None:
        with opened(source) as stream:
            stream.read(100)
            change(root / "d/a.png")
            stream.read(100)

    with pytest.raises(FileChanged) as raised:
        read_meanwhile()
    assert raised.value.retry == "now"
    assert descriptors() <= open_files


def test_an_error_of_the_body_is_not_covered_by_a_change(source: LocalSource, root: Path) -> None:
    stream = source.open_observed(b"d/a.png", observed(source))
    append(root / "d/a.png")
    stream.__exit__(KeyError, KeyError(), None)
    assert stream.closed


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "link", "nothing"])
def test_what_took_the_files_place_is_neither_waited_for_nor_followed(
    source: LocalSource, root: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = observed(source)
    path = root / "d/a.png"
    path.rename(root / "aside")
    monkeypatch.chdir(root / "d")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("a.png")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(root / "aside")
    expected = FileUnreadable if kind == "nothing" else FileChanged
    with pytest.raises(expected, match=r"d/a\.png"):
        source.open_observed(b"d/a.png", before)


def test_a_link_is_followed_only_where_the_source_was_told_to(source: LocalSource, root: Path) -> None:
    (root / "link.png").symlink_to("d/a.png")
    following = LocalSource(str(root), follow_symlinks=True)
    with opened(following, b"link.png") as stream:
        assert stream.read() == CONTENT
    with pytest.raises(FileChanged, match="symbolic link"):
        source.open_observed(b"link.png", observed(following, b"link.png"))


def test_a_file_without_permission_names_user_owner_and_remedy(
    source: LocalSource, root: Path, ordinary_user: Callable[[], AbstractContextManager[int]]
) -> None:
    (root / "d/a.png").chmod(0o200)
    with ordinary_user() as uid, pytest.raises(FileUnreadable) as raised:
        opened(source)
    assert f"uid {uid} has no permission (owner {os.geteuid()}:{os.getegid()}, mode 0200)" in raised.value.message
    assert f"setfacl -m u:{uid}:rX {root}/d/a.png" in raised.value.hint
    assert raised.value.retry == "later"


def test_a_file_that_another_program_has_for_itself_is_read_later(source: LocalSource, root: Path) -> None:
    """Samba takes such a lease for a client that writes; waiting for it could take the kernel's 45 seconds."""
    before = observed(source)
    signal_before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # how the kernel asks the holder to give it back
    holder = os.open(root / "d/a.png", os.O_RDWR)
    try:
        try:
            fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError:
            pytest.skip("NOT TESTED: this file system has no leases")
        with pytest.raises(FileUnreadable, match="another program has it open"):
            source.open_observed(b"d/a.png", before)
    finally:
        os.close(holder)
        signal.signal(signal.SIGIO, signal_before)


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read(),
        lambda stream: stream.read(10),
        lambda stream: stream.readall(),
        lambda stream: stream.readinto(bytearray(10)),
        digest,
    ],
)
def test_a_disk_that_fails_while_reading_makes_the_file_unreadable(
    source: LocalSource, root: Path, read: Callable[[BinaryIO], object]
) -> None:
    """The descriptor is exchanged for a folder's, whose reading fails as a dying disk's does."""
    stream = source.open_observed(b"d/a.png", observed(source))
    folder = os.open(root, os.O_RDONLY)
    os.dup2(folder, stream.fileno())
    os.close(folder)
    with pytest.raises(FileUnreadable, match=os.strerror(errno.EISDIR)):
        read(stream)
    stream.close()
