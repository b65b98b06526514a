"""What a local folder's listing says, on real file systems, with real names, links, rights and surprises."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, RootIdentity, Unreadable
from synapse_sync.sources.base import Source
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.reconcile import believable

# One after the other: what one of them mounts, all who watch are told of.
pytestmark = pytest.mark.xdist_group("mounts")

OrdinaryUser = Callable[[], AbstractContextManager[int]]


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def directories(source: LocalSource, start: bytes = b"") -> dict[bytes, set[bytes]]:
    """Each listed directory with the names in it; fails where a directory comes twice or could not be listed."""
    listed: dict[bytes, set[bytes]] = {}
    for item in source.listing(start):
        assert isinstance(item, Directory), item
        assert item.path not in listed
        listed[item.path] = set(item.files)
    return listed


def test_a_local_folder_is_a_source(root: Path) -> None:
    source: Source = LocalSource(str(root))
    assert source.root == str(root)


def test_each_directory_comes_once_with_its_files_and_the_root_first(root: Path) -> None:
    fill(root, "a.png", "d/b.png", "d/e/c.png")
    (root / "empty").mkdir()
    listed = directories(LocalSource(str(root)))
    assert next(iter(listed)) == b""
    assert listed == {b"": {b"a.png"}, b"d": {b"b.png"}, b"d/e": {b"c.png"}, b"empty": set()}


def test_an_observation_is_what_stat_says(root: Path) -> None:
    fill(root, "d/a.png")
    found = (root / "d/a.png").stat()
    listing = {item.path: item for item in LocalSource(str(root)).listing()}
    directory = listing[b"d"]
    assert isinstance(directory, Directory)
    assert directory.files == {b"a.png": (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)}
    assert directory.device == (root / "d").stat().st_dev


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.png",
        b"\xff\xfe not utf-8 %41.png",
        b"n" * 255,
        "🩻🫁.png".encode(),
        unicodedata.normalize("NFD", "스캔 사진.png").encode(),
        b" leading and trailing ",
        b"-rf *",
        b"back\\slash",
    ],
)
def test_every_name_that_a_file_system_allows_comes_back_as_its_bytes(root: Path, name: bytes) -> None:
    folder = os.path.join(os.fsencode(root), name)
    os.mkdir(folder)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(b"content")
    source = LocalSource(str(root))
    listing = {item.path: item for item in source.listing()}
    directory = listing[name]
    assert isinstance(directory, Directory)
    assert set(directory.files) == {name}
    with source.open_observed(name + b"/" + name, directory.files[name]) as stream:
        assert stream.read() == b"content"


def test_a_root_whose_name_is_not_utf8_is_listed_and_shown(root: Path) -> None:
    strange = os.path.join(os.fsencode(root), b"caf\xe9")
    os.mkdir(strange)
    with open(strange + b"/a.png", "wb"):
        pass
    source = LocalSource(os.fsdecode(strange))
    assert directories(source) == {b"": {b"a.png"}}
    assert source.describe_path(b"a.png") == f"{root}/caf%E9/a.png"
    assert source.describe_path(b"") == f"{root}/caf%E9"


def test_without_recursion_only_the_root_is_listed(root: Path) -> None:
    fill(root, "a.png", "d/b.png")
    assert directories(LocalSource(str(root), recursive=False)) == {b"": {b"a.png"}}
    assert directories(LocalSource(str(root), recursive=False), b"d") == {}


def test_a_listing_can_start_below_the_root_and_reads_no_further_than_it_is_taken(root: Path) -> None:
    fill(root, "a.png", "d/b.png", "d/e/c.png", "f/g.png", "@eaDir/h.png")
    source = LocalSource(str(root))
    assert directories(source, b"d") == {b"d": {b"b.png"}, b"d/e": {b"c.png"}}
    assert next(source.listing(b"d/e")).path == b"d/e"
    assert directories(source, b"@eaDir") == {}
    missing = list(source.listing(b"missing"))
    assert [type(item) for item in missing] == [Unreadable]
    assert "it is not there" in str(missing[0])


def test_excluded_folders_are_counted_and_not_entered(root: Path) -> None:
    fill(root, "a.png", "@eaDir/x.png", ".git/y", "raw/z.png", "d/@eaDir/x.png")
    source = LocalSource(str(root), exclude=["raw"])
    items = {item.path: item for item in source.listing()}
    assert {path: getattr(item, "excluded_folders", None) for path, item in items.items()} == {b"": 3, b"d": 1}
    assert source.keeps(b"", b"a.png")
    assert not source.keeps(b"raw", b"z.png")


def test_links_are_not_followed_and_broken_ones_are_no_failure(root: Path) -> None:
    fill(root, "a.png", "d/b.png")
    (root / "link.png").symlink_to("a.png")
    (root / "broken.png").symlink_to("nowhere")
    (root / "itself").symlink_to("itself")
    (root / "again").symlink_to("d")
    for follow in (False, True):
        listed = directories(LocalSource(str(root), follow_symlinks=follow))
        assert listed[b""] == ({b"a.png", b"link.png"} if follow else {b"a.png"})
        assert set(listed) == {b"", b"d"}, "what lies below the root has its own path already"


def test_followed_links_that_form_loops_end_and_list_nothing_twice(root: Path) -> None:
    fill(root, "in/a/b.png", "out/c/d.png")
    (root / "in/a/up").symlink_to("..")
    (root / "in/self").symlink_to(root / "in")
    (root / "in/z").symlink_to("../out")
    (root / "in/y").symlink_to("../out/c")
    (root / "out/c/back").symlink_to("../../in")
    expected = {b"": set(), b"a": {b"b.png"}, b"y": {b"d.png"}, b"z": set[bytes]()}
    for _ in range(2):
        assert directories(LocalSource(str(root / "in"), follow_symlinks=True)) == expected


def test_fifos_sockets_and_devices_are_counted_and_never_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(root, "a.png")
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    server.close()
    opened: list[object] = []
    watching = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open":
            opened.append(arguments[0])

    sys.addaudithook(hook)
    try:
        (item,) = LocalSource(str(root)).listing()
    finally:
        watching = False
    assert isinstance(item, Directory)
    assert (set(item.files), item.special) == ({b"a.png"}, 2)
    assert opened
    assert not [path for path in opened if b"fifo" in os.fsencode(str(path)) or b"socket" in os.fsencode(str(path))]


def test_an_unreadable_folder_is_named_with_what_to_do_while_the_rest_goes_on(
    root: Path, ordinary_user: OrdinaryUser
) -> None:
    fill(root, "a.png", "private/b.png", "unsearchable/c.png", "unsearchable/d/e.png", "z/f.png")
    (root / "private").chmod(0)
    (root / "unsearchable").chmod(0o444)
    with ordinary_user() as uid:
        items = {item.path: item for item in LocalSource(str(root)).listing()}
    (root / "unsearchable").chmod(0o755)
    (root / "private").chmod(0o755)
    unreadable = {path: item.reason for path, item in items.items() if isinstance(item, Unreadable)}
    assert unreadable.keys() == {b"private", b"unsearchable"}
    assert f"uid {uid} has no permission (owner" in unreadable[b"private"]
    assert f"sudo setfacl -m u:{uid}:rX {root}/private" in unreadable[b"private"]
    assert items.keys() == {b"", b"private", b"unsearchable", b"z"}


def test_what_a_link_leads_to_and_may_not_be_looked_at_is_told_as_a_folder_that_can_not_be_read(
    root: Path, ordinary_user: OrdinaryUser
) -> None:
    fill(root, "in/a.png", "closed/d/b.png", "closed/c.png")
    (root / "in/d").symlink_to(root / "closed/d")
    (root / "in/c.png").symlink_to(root / "closed/c.png")
    (root / "in/nowhere").symlink_to(root / "missing")
    (root / "closed").chmod(0)
    with ordinary_user():
        items = list(LocalSource(str(root / "in"), follow_symlinks=True).listing())
    (root / "closed").chmod(0o755)
    assert {item.path: type(item) for item in items} == {b"": Directory, b"c.png": Unreadable, b"d": Unreadable}


def test_a_folder_that_can_not_be_looked_at_does_not_hide_the_files_beside_it(
    root: Path, ordinary_user: OrdinaryUser
) -> None:
    """As a mount whose server died: its name is listed, but it can't be looked at. Here it is its parent's rights."""
    fill(root, "parent/dead/a.png", "parent/@eaDir/x")
    (root / "parent").chmod(0o444)
    with ordinary_user():
        items = {item.path: item for item in LocalSource(str(root)).listing()}
    (root / "parent").chmod(0o755)
    assert isinstance(items[b"parent"], Directory)
    assert isinstance(items[b"parent/dead"], Unreadable)
    assert b"parent/@eaDir" not in items, "nobody would enter it"


def test_a_root_that_is_missing_a_file_or_forbidden_is_unavailable_in_words(
    root: Path, ordinary_user: OrdinaryUser
) -> None:
    fill(root, "file", "forbidden/a.png")
    (root / "forbidden").chmod(0)
    for name, words in (
        ("missing", "it is not there"),
        ("file", "it is not a folder"),
        ("forbidden", "has no permission"),
    ):
        source = LocalSource(str(root / name))
        with ordinary_user():
            for look in (source.identity, lambda source=source: list(source.listing())):
                with pytest.raises(SourceUnavailable) as raised:
                    look()
                assert f"{root}/{name}" in raised.value.message
                assert words in raised.value.message
                assert raised.value.hint
    (root / "forbidden").chmod(0o755)


def test_files_and_folders_that_vanish_meanwhile_are_left_out(root: Path) -> None:
    fill(root, "a/b/c.png", "d/e.png")
    listing = LocalSource(str(root)).listing()
    next(listing)
    subprocess.run(["rm", "-r", root / "a", root / "d"], check=True)
    assert list(listing) == []


def test_a_root_that_is_replaced_while_it_is_listed_is_believed_in_nothing(root: Path) -> None:
    fill(root, "in/a.png", "in/d/b.png")
    listing = LocalSource(str(root / "in")).listing()
    next(listing)
    (root / "in").rename(root / "aside")
    (root / "in").mkdir()
    with pytest.raises(SourceUnavailable, match="replaced or unmounted"):
        list(listing)


def test_a_root_replaced_by_an_empty_folder_pauses_the_feed(root: Path) -> None:
    """As a mount point without its mount: the path is there, the folder is another one, and it holds nothing."""
    fill(root, "in/a.png")
    source = LocalSource(str(root / "in"))
    before = source.identity()
    assert isinstance(before, RootIdentity)
    (root / "in").rename(root / "aside")
    (root / "in").mkdir()
    listed = sum(len(names) for names in directories(source).values())
    assert believable(before, source.identity(), listed, files_known=1).use == "pause"


def test_a_share_that_goes_away_while_it_is_listed_leaves_its_folders_in_doubt(root: Path) -> None:
    """In a mount namespace of its own: a file system mounted below the root is detached in the middle of a walk."""
    (root / "share").mkdir()
    fill(root, "a.png")
    script = """
import subprocess, sys
from synapse_sync.sources.local import LocalSource
root = sys.argv[1]
def share(): subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root + "/share"], check=True)
def lose(): subprocess.run(["umount", "-l", root + "/share"], check=True)
def fill(): subprocess.run(["mkdir", "-p", root + "/share/x/y"], check=True)
def rest(listing): return sorted((type(item).__name__, item.path) for item in listing)
share(); fill()
listing = LocalSource(root).listing(); next(listing); lose(); print(rest(listing))
share(); fill()
listing = LocalSource(root).listing(); next(listing); next(listing); lose(); print(rest(listing))
share(); fill()
listing = LocalSource(root).listing(); next(listing); next(listing); next(listing); lose(); print(rest(listing))
"""
    command = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", script, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip("NOT TESTED: this machine allows no mount namespaces")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "[('Unreadable', b'share')]",
        "[('Unreadable', b'share/x')]",
        "[('Unreadable', b'share/x/y')]",
    ]


def test_a_time_beyond_what_the_ledger_can_hold_is_listed_and_read(root: Path) -> None:
    """Broken scanners write years like 2400; in nanoseconds that no longer fits 64 bits."""
    fill(root, "a.png")
    os.utime(root / "a.png", (0, 13_600_000_000))
    source = LocalSource(str(root))
    (item,) = source.listing()
    assert isinstance(item, Directory)
    observed = item.files[b"a.png"]
    assert observed.mtime_ns <= (1 << 63) - 1
    with source.open_observed(b"a.png", observed) as stream:
        assert stream.read() == b"a.png"


def test_a_root_whose_server_forgot_it_can_not_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An NFS handle that has become stale: the folder opens and says nothing about itself."""

    def stale(_descriptor: int) -> os.stat_result:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr("synapse_sync.sources.local.os", SimpleNamespace(**{**vars(os), "fstat": stale}))
    source = LocalSource(str(root))

    for use in (source.identity, lambda: list(source.listing())):
        with pytest.raises(SourceUnavailable, match="can't be listed"):
            use()
