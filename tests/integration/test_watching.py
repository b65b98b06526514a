"""What is looked at and when: real events, mounts and ledger; after each look the ledger has what the disk has.

A look at single folders must be enough wherever events tell; the tests say where a look at everything is expected.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Look
from synapse_sync.sources import mounts
from synapse_sync.watching import watch

from .conftest import Installation, until
from .watched import Watched, watching

# One after the other: what one of them mounts, all who watch are told of.
pytestmark = pytest.mark.xdist_group("mounts")


@pytest.fixture
def watched(site: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watched]]:
    monkeypatch.setattr(watch, "CHECK", 0.2)
    monkeypatch.setattr(watch, "CHECK_MISSING", 0.2)
    with watching(site) as watched:
        yield watched


def test_without_a_change_nothing_is_due_and_nothing_written(watched: Callable[..., Watched]) -> None:
    one = watched()
    one.site.write(["a/b.png"])
    one.follows()
    one.look()
    before = one.work.ledger.query("last_runs", feed=None, limit=100)

    assert one.look() == []
    assert one.work.ledger.query("last_runs", feed=None, limit=100) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda share: (share / "new.png").write_bytes(b"1"),
        lambda share: (share / "a/new.png").write_bytes(b"1"),
        lambda share: (share / "a/one.png").unlink(),
        lambda share: (share / "a/one.png").rename(share / "b/one.png"),
        lambda share: (share / "a/one.png").rename(share / "a/two.png"),
        lambda share: (share / "a").rename(share / "c"),
        lambda share: (share / "a").rename(share / "b/a"),
        lambda share: shutil.rmtree(share / "a"),
        lambda share: shutil.copytree(share / "a", share / "b/copy"),
        lambda share: (shutil.rmtree(share / "a"), (share / "a").write_bytes(b"a file now")),
        lambda share: ((share / "a").rename(share / "c"), (share / "a").mkdir(), (share / "a/x.png").write_bytes(b"1")),
        lambda share: ((share / "a").rename(share / "c"), (share / "b").rename(share / "a")),
        lambda share: os.makedirs(share / "x/y/z/w") or (share / "x/y/z/w/deep.png").write_bytes(b"1"),
        lambda share: shutil.rmtree(share / "a/deep"),
        lambda share: (share / "a-b/sibling.png").unlink(),
    ],
)
def test_a_change_is_found_by_looking_where_it_was(
    watched: Callable[..., Watched], change: Callable[[Path], object]
) -> None:
    one = watched()
    one.site.write(["a/one.png", "a/deep/er/x.png", "a/deep/y.png", "a-b/sibling.png", "b/other.png", "top.png"])
    one.follows()

    change(one.site.share)
    one.follows()
    (one.site.share / "b").mkdir(exist_ok=True)
    (one.site.share / "b/after.png").write_bytes(b"1")
    one.follows()


def test_a_file_that_is_moved_between_folders_keeps_its_row(watched: Callable[..., Watched]) -> None:
    one = watched()
    one.site.write(["a/one.png", "b/other.png"])
    one.follows()
    ids = {row["id"] for row in one.work.ledger.query("list_files", feed=one.work.id, state=None, limit=9)}
    (one.site.share / "a/one.png").rename(one.site.share / "b/one.png")
    one.follows()

    rows = one.work.ledger.query("list_files", feed=one.work.id, state=None, limit=9)
    assert {row["id"] for row in rows} == ids


def test_what_links_lead_to_is_not_gone_because_it_may_not_be_looked_at(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = watched(feed="follow_symlinks = true")
    outside = one.site.folder / "outside"
    (outside / "folder/deep").mkdir(parents=True)
    for name in ("folder/a.png", "folder/deep/b.png", "c.png"):
        (outside / name).write_bytes(b"1")
    (one.site.share / "folder").symlink_to(outside / "folder")
    (one.site.share / "c.png").symlink_to(outside / "c.png")
    one.watch.look_everywhere()
    one.look()
    known = {b"folder/a.png", b"folder/deep/b.png", b"c.png"}
    assert one.known() == known

    def stat(path: Any, **options: Any) -> os.stat_result:
        if path in (b"folder", b"c.png"):
            raise PermissionError(errno.EACCES, "permission denied")
        return found(path, **options)

    found = os.stat
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", stat)
        one.watch.look_everywhere()
        one.look()
    assert one.known() == known


def test_a_root_that_is_replaced_is_watched_anew(watched: Callable[..., Watched]) -> None:
    one = watched()
    one.site.write(["a/one.png"])
    one.follows()
    one.site.share.rename(one.site.folder / "old")
    until(lambda: one.news > 1, "the root is missed")
    with pytest.raises(SourceUnavailable):
        one.look()
    one.site.share.mkdir()
    one.site.write(["a/two.png"])
    # Another folder is at this place: what is new counts, what is missing does not yet.
    until(lambda: one.look() is not None and b"a/two.png" in one.known(), "the root is found again")
    one.site.write(["a/three.png"])
    until(lambda: one.look() is not None and b"a/three.png" in one.known(), "the new root is watched")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """mount(folder): a small file system of its own there; ended with the test."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: file systems are mounted by root only")
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(folder)], check=True)
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)


def test_what_is_mounted_inside_is_listed_and_watched(
    watched: Callable[..., Watched], disk: Callable[[Path], None]
) -> None:
    one = watched()
    one.site.write(["in/hidden.png", "top.png"])
    one.follows()
    disk(one.site.share / "in")
    one.site.write(["in/there.png"])
    until(lambda: one.settled() and Look() in one.looks, "what is on the new file system is known")
    one.site.write(["in/later.png"])
    one.follows()


def test_a_mount_inside_that_goes_away_is_noticed(
    watched: Callable[..., Watched], disk: Callable[[Path], None]
) -> None:
    one = watched()
    one.site.write(["in/hidden.png", "top.png"])
    one.watch.look_everywhere()
    until(one.settled, "what is below is known")
    before = one.news
    disk(one.site.share / "in")
    until(lambda: one.news > before, "the mount is noticed")  # one that came and went at once would change nothing
    one.site.write(["in/there.png"])
    until(one.settled, "all is known")
    subprocess.run(["umount", str(one.site.share / "in")], check=True)
    until(lambda: Look() in one.look(), "everything is listed")
    one.site.write(["in/below.png"])
    until(lambda: one.look() is not None and b"in/below.png" in one.known(), "what was below is watched")


def test_where_polling_is_asked_for_no_event_is_needed(watched: Callable[..., Watched]) -> None:
    one = watched(feed='watch = "poll"\npoll_every = "10s"')
    one.site.write(["a/one.png", "b/c/two.png"])
    assert one.look() == []

    looks = one.look(ahead=10.0)
    while one.known() != one.there():
        looks += one.look(ahead=10.0)
    assert all(look.folders is not None for look in looks)
    assert one.report == "0 by events, 4 by polling"


@contextmanager
def silence(one: Watched) -> Iterator[None]:
    """Within it, nothing that happens is heard of."""
    events = one.watch._roots[""]._events
    assert events is not None
    events.on_event = lambda _event: None  # type: ignore[method-assign]
    yield
    time.sleep(0.2)  # the reader of events has had its turn
    del events.on_event


def test_a_root_whose_events_do_not_tell_is_polled_from_then_on(watched: Callable[..., Watched]) -> None:
    one = watched(feed='poll_every = "10s"')
    one.site.write(["a/one.png"])
    one.follows()
    one.watch.look_everywhere()
    one.look()
    with silence(one):
        one.site.write(["a/untold.png"])
    one.work.clock = lambda: time.time() + 60.0
    one.watch.look_everywhere()
    one.look()
    assert one.report == "2 by events, 0 by polling"  # its event may still be on its way
    one.look(ahead=60.0)

    assert one.report == "0 by events, 2 by polling"
    (report,) = one.watch.report()
    assert report.missed == 1
    assert "did not tell" in report.why


def test_what_was_moved_in_right_before_a_rescan_is_no_miss(watched: Callable[..., Watched]) -> None:
    one = watched()
    one.watch.look_everywhere()
    one.look()
    outside = one.site.folder / "outside/deep"
    outside.mkdir(parents=True)
    (outside / "old.png").write_bytes(b"1")
    one.work.clock = lambda: time.time() + 60.0  # all of this is long ago by then
    (one.site.folder / "outside").rename(one.site.share / "inside")
    until(lambda: one.news > 0, "it is heard of")
    one.watch.look_everywhere()
    one.look()
    one.look(ahead=60.0)

    assert one.known() == {b"inside/deep/old.png"}
    assert one.report == "3 by events, 0 by polling"


def test_a_move_between_polled_folders_is_no_loss_and_no_new_file(watched: Callable[..., Watched]) -> None:
    one = watched(feed='watch = "poll"\npoll_every = "10s"')
    one.site.write(["a/one.png", "b/other.png"])
    while one.known() != one.there():
        one.look(ahead=10.0)
    ids = {row["id"] for row in one.work.ledger.query("list_files", feed=one.work.id, state=None, limit=9)}
    (one.site.share / "a/one.png").rename(one.site.share / "b/one.png")
    for folder in (b"b", b"a"):  # one end at a time, the worse one first
        root = one.watch._roots[""]
        root._polling.take = lambda _now, folder=folder: {folder}  # type: ignore[method-assign,misc]
        one.look()
        del root._polling.take
    looks = one.look(ahead=20.0)

    assert looks == [Look()], "a move is told by a listing of both its ends"
    assert one.known() == one.there()
    rows = one.work.ledger.query("list_files", feed=one.work.id, state=None, limit=9)
    assert {row["id"] for row in rows} == ids


def test_a_link_to_a_share_is_polled_like_the_share(
    watched: Callable[..., Watched], disk: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "SHARED", {"tmpfs"})
    one = watched()
    shutil.rmtree(one.site.share)
    disk(one.site.folder / "mounted")
    (one.site.folder / "mounted/in").mkdir()
    one.site.share.symlink_to(one.site.folder / "mounted/in")
    one.watch.look_everywhere()
    one.look()

    assert one.report == "0 by events, 1 by polling"
    (report,) = one.watch.report()
    assert "tmpfs does not tell" in report.why


def test_a_share_inside_a_watched_folder_is_polled_alone(
    watched: Callable[..., Watched], disk: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "SHARED", {"tmpfs"})
    one = watched()
    (one.site.share / "local").mkdir()
    disk(one.site.share / "share")
    (one.site.share / "share/below").mkdir()
    one.watch.look_everywhere()
    one.look()

    assert one.report == "2 by events, 2 by polling"


def test_a_feed_of_which_one_folder_is_missing_waits_for_it_and_then_has_all(watched: Callable[..., Watched]) -> None:
    share = watched().site.share
    (share / "images").mkdir()
    (share / "labels").mkdir()
    one = watched(extra='[feeds.assets.image_1]\npath = "share/images"\n[feeds.assets.label_1]\npath = "share/labels"')
    (share / "labels").rmdir()
    until(lambda: one.news > 1, "that it is gone has been heard")
    with pytest.raises(SourceUnavailable):
        one.look()
    (share / "images/a.png").write_bytes(b"1")
    heard = one.news
    with pytest.raises(SourceUnavailable):  # what is there is not looked at alone, as if all were well
        one.look(ahead=60.0)

    (share / "labels").mkdir()
    (share / "labels/b.png").write_bytes(b"1")
    until(lambda: one.news > heard, "the missing folder is seen")
    until(lambda: len(one.look() and one.known()) == 2, "both folders are listed")
