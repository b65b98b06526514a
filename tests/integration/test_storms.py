"""More at once than the kernel's queue holds: all is found, once things have come to rest, and then there is silence.

By default at a tenth of the size; SYNAPSE_SYNC_STORMS=full is for a step of .ci/run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from synapse_sync.records import Look

from .conftest import Installation, until
from .watched import Watched, watching

FULL = os.environ.get("SYNAPSE_SYNC_STORMS") == "full"

WRITE = """
import os, signal, sys
folders, files, stopped = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if stopped:
    os.kill(stopped, signal.SIGSTOP)
try:
    for folder in range(folders):
        os.makedirs(f"{folder % 10}/{folder}", exist_ok=True)
        for file in range(files):
            os.close(os.open(f"{folder % 10}/{folder}/{file}.png", os.O_CREAT | os.O_WRONLY))
finally:
    if stopped:
        os.kill(stopped, signal.SIGCONT)
"""


@pytest.fixture
def watched(site: Installation) -> Iterator[Callable[..., Watched]]:
    with watching(site) as watched:
        yield watched


def storm(one: Watched, folders: int, files: int, *, stopped: bool = False) -> subprocess.Popen[bytes]:
    """Another process writes so many files into each of so many folders; stopped: we stand still meanwhile."""
    numbers = [str(folders), str(files), str(os.getpid() if stopped else 0)]
    return subprocess.Popen([sys.executable, "-S", "-c", WRITE, *numbers], cwd=one.site.share)


def at_rest(one: Watched) -> None:
    """Nothing more is due, and what no longer changes is looked at no more."""
    until(lambda: one.look(ahead=30.0) == [], "nothing is due")
    heard = one.news
    time.sleep(0.5)
    assert one.news == heard, "something is due again though nothing has happened"
    assert one.look(ahead=30.0) == []


def test_many_files_in_many_new_folders(watched: Callable[..., Watched]) -> None:
    folders = 2000 if FULL else 200
    one = watched()
    writing = storm(one, folders, 10)
    looks: list[Look] = []
    while writing.poll() is None:
        looks += one.look(ahead=0.0)
        time.sleep(0.1)
    until(one.settled, "the ledger has what the disk has")

    assert len(one.known()) == folders * 10
    assert one.report == f"{folders + 11} by events, 0 by polling"
    at_rest(one)


def test_an_overflow_is_noticed_and_costs_no_file(watched: Callable[..., Watched]) -> None:
    folders, files = (100, 1000) if FULL else (20, 1000)
    one = watched()
    storm(one, folders, 1).wait()
    one.follows()
    storm(one, folders, files, stopped=True).wait()
    until(lambda: one.settled() and Look() in one.looks, "the overflow is noticed, and all is known")

    assert len(one.known()) == folders * files
    at_rest(one)
    (one.site.share / "0/0/after.png").write_bytes(b"1")
    one.follows()


@contextmanager
def short_queue() -> Iterator[int]:
    """Within it, whoever begins to watch gets a queue of this length; at full size what the kernel gives everybody."""
    queued = Path("/proc/sys/fs/inotify/max_queued_events")
    before = queued.read_text()
    if FULL:
        yield int(before)
        return
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: the length of the queue is set by root only")
    try:
        queued.write_text("500")
        yield 500
    finally:
        queued.write_text(before)


def test_an_overflow_with_more_watches_than_the_queue_holds_ends(site: Installation) -> None:
    """Taking each watch away and setting it again puts one event for each into the queue: it overflows for ever."""
    with ExitStack() as stack:
        with short_queue() as queued:
            watched = stack.enter_context(watching(site))
        one = watched()
        storm(one, queued + 200, 0).wait()
        until(lambda: one.look(ahead=30.0) == [], "all folders are known")
        storm(one, 20, 1000, stopped=True).wait()
        until(lambda: one.settled() and Look() in one.looks, "the overflow is noticed, and all is known")

        assert one.report == f"{queued + 211} by events, 0 by polling"
        at_rest(one)
        (one.site.share / "0/0/after.png").write_bytes(b"1")
        one.follows()


def test_a_large_tree_that_is_renamed_keeps_its_rows(watched: Callable[..., Watched]) -> None:
    folders = 1000 if FULL else 100
    one = watched()
    storm(one, folders, 10).wait()
    until(one.settled, "the tree is known")
    at_rest(one)
    ids = {row["id"] for row in one.work.ledger.query("list_files", feed=one.work.id, state=None, limit=10**9)}
    (one.site.share / "tree").mkdir()
    for number in range(10):
        (one.site.share / str(number)).rename(one.site.share / f"tree/{number}")
    one.follows()

    rows = one.work.ledger.query("list_files", feed=one.work.id, state=None, limit=10**9)
    assert {row["id"] for row in rows} == ids
    assert len(ids) == folders * 10
    (one.site.share / "tree/0/0/after.png").write_bytes(b"1")
    one.follows()


def test_a_large_tree_that_goes_away_leaves_no_watch(watched: Callable[..., Watched]) -> None:
    one = watched()
    storm(one, 300, 2).wait()
    until(one.settled, "the tree is known")
    shutil.rmtree(one.site.share / "0")
    (one.site.share / "1").rename(one.site.folder / "elsewhere")
    one.follows()

    until(lambda: one.look() is not None and one.report == "249 by events, 0 by polling", "no watch is left")
    at_rest(one)
    (one.site.folder / "elsewhere/1/untold.png").write_bytes(b"1")
    assert one.look() == []


LIMITED = """
import pathlib, sys
import pytest
pathlib.Path("/proc/sys/user/max_inotify_watches").write_text("20")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/integration/limited_watches.py"]))
"""


def test_a_container_has_limits_of_its_own() -> None:
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", LIMITED]
    done = subprocess.run(command, capture_output=True, text=True)
    if "unshare" in done.stderr:
        pytest.skip(f"NOT TESTED: no user namespace can be made here: {done.stderr.strip()}")

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_without_an_instance_everything_is_polled(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr("watchdog.observers.inotify_c.InotifyFD._create_inotify_fd", refused)
    with watching(site) as watched:
        one = watched(feed='poll_every = "10s"')
        one.site.write(["a/b.png"])
        while one.known() != one.there():
            one.look(ahead=10.0)
        (report,) = one.watch.report()
        assert report.by_events == 0
        assert "max_user_instances=" in report.remedy or "max_inotify_instances=" in report.remedy
