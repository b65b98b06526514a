"""Bad input and broken surroundings: one clear message, the right exit code, and nothing lost when it is over."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synapse_sync.devserver import DevServer, Options

from .conftest import DIRECTORY, PAIR, Installation, Printed, stored, typed, until

# One after the other: what one of them mounts, all who watch are told of.
pytestmark = pytest.mark.xdist_group("mounts")

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}


def says_once(printed: Printed, words: str, *, code: int) -> None:
    """One error with these words and a hint, and the exit code."""
    assert printed.exit_code == code, printed
    lines = printed.stderr.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [line for line in lines if words in line], printed
    assert len([line for line in lines if words in line]) == 1, printed


def test_a_folder_that_does_not_exist_pauses_its_feed_until_it_does(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.share.rmdir()

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert outcome.feed["paused"].startswith(f"the folder {site.share} can't be listed: it is not there")
    assert outcome.feed["run"]["problems"] == [outcome.feed["paused"]]
    assert site.run("status").exit_code == 1
    site.share.mkdir()
    site.write(PAIR)
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.sync().feed["paused"] == ""


def test_one_paused_feed_does_not_stop_another(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    config = (site.folder / "config.toml").read_text()
    other = config[config.index("[[feeds]]") :].replace('"scans"', '"others"').replace('"share"', '"nowhere"')
    (site.folder / "config.toml").write_text(config.replace("[[feeds]]", other + "[[feeds]]"))
    site.write(PAIR)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert {feed["name"]: bool(feed["paused"]) for feed in outcome.json["feeds"]} == {"others": True, "scans": False}
    assert site.registered() == [REGISTERED]


def test_a_share_that_is_not_mounted_pauses_its_feed_and_nothing_is_believed_gone(site: Installation) -> None:
    """What is left at its place is an empty folder."""
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/image.png": "another image"})
    site.sync()
    site.share.rename(site.folder / "share on its server")
    site.share.mkdir()
    site.server.reset_stats()

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "another, empty folder is at the place where 3 files were known" in outcome.feed["paused"]
    assert "mount it, then run again" in outcome.feed["paused"]
    assert "gone" not in site.run("status", "--json").json["feeds"][0]["files"]
    site.share.rmdir()
    (site.folder / "share on its server").rename(site.share)
    site.write({"p2/label.json": "another label"})
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "registered"}
    assert site.received() == len("another image") + len("another label")


def test_what_is_left_in_a_mount_point_while_its_disk_is_missing_is_not_taken_for_the_disk(
    site: Installation, mount: Callable[..., None]
) -> None:
    """Nothing is believed gone and nothing of it is sent, however often it is looked at; not so where it is a disk."""
    site.configure(extra=DIRECTORY)
    for name in ("disk", "another disk"):
        mount("-t", "tmpfs", "tmpfs", site.folder / name)
    mount("--bind", site.folder / "disk", site.share)
    site.write({**PAIR, "p2/image.png": "another image"})
    site.sync()
    before = site.states()
    subprocess.run(["umount", site.share], check=True)
    site.write(["p3/image.png", "p3/label.json"])

    for _ in range(3):
        outcome = site.sync()
        assert outcome.exit_code == 1
        assert "with 2 other files, is at the place where 3 files were known" in outcome.feed["paused"]
        assert "gone" not in site.run("status", "--json").json["feeds"][0]["files"]
    assert site.states() == before

    mount("--bind", site.folder / "disk", site.share)
    site.write({"p2/label.json": "another label"})
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "registered"}
    subprocess.run(["umount", site.share], check=True)
    mount("--bind", site.folder / "another disk", site.share)
    site.write(["p4/image.png", "p4/label.json"])
    assert site.sync().exit_code == 0
    assert site.states()["p4"] == "registered"


def test_a_share_that_was_copied_to_a_new_disk_is_read_again_and_nothing_is_sent(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.share.rename(site.folder / "old disk")
    shutil.copytree(site.folder / "old disk", site.share)
    site.server.reset_stats()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["read_files"] == 2
    assert site.registered() == [REGISTERED]
    assert site.received() == 0


def test_a_collection_that_does_not_exist_pauses_its_feed(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    config = (site.folder / "config.toml").read_text()
    (site.folder / "config.toml").write_text(config.replace("data_collection = 1", "data_collection = 999"))

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "could not open data collection 999: the server answered 404" in outcome.feed["paused"]
    assert "check data_collection of the feed" in outcome.feed["paused"]
    (site.folder / "config.toml").write_text(config)
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_a_token_that_the_server_refuses_ends_with_3_and_the_listing_is_kept(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    (site.folder / "token").write_text("syn_wrong")

    outcome = site.sync()

    assert outcome.exit_code == 3
    assert len(outcome.feed["run"]["problems"]) == 1
    assert "the server answered 401" in outcome.feed["run"]["problems"][0]
    assert "replace the token" in outcome.feed["run"]["problems"][0]
    assert outcome.feed["account"]["in_progress"] == 2
    (site.folder / "token").write_text(site.server.options.token)
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_no_token_is_a_matter_of_configuration(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    (site.folder / "token").unlink()

    says_once(site.type("once"), f"the token file {site.folder}/token can't be read", code=2)
    assert not site.ledger.exists()


@pytest.fixture
def restarted(lonely_site: Installation) -> Iterator[DevServer]:
    """The same backend at the same address, to be started after the first was stopped."""
    first = lonely_site.server
    server = DevServer(Options(data=first.options.data, port=int(first.url.rpartition(":")[2])))
    yield server
    server.stop()


def test_a_server_that_is_down_ends_with_3_and_the_next_run_goes_on(
    lonely_site: Installation, restarted: DevServer, impatient: None
) -> None:
    site = lonely_site
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "an image"})
    site.sync()
    site.server.stop()
    site.write({"p1/label.json": "a label", "p2/image.png": "another image", "p2/label.json": "another label"})

    outcome = site.sync()

    assert outcome.exit_code == 3
    assert len(outcome.feed["run"]["problems"]) == 1
    assert "no connection" in outcome.feed["run"]["problems"][0]
    assert outcome.feed["paused"] == ""
    assert outcome.feed["account"]["in_progress"] == 4, "listing, reading and grouping need no server"
    assert outcome.feed["units"] == {"ready": 2}
    restarted.start()
    site.server = restarted
    assert site.sync().exit_code == 0
    assert len(site.registered()) == 2
    assert REGISTERED in site.registered()


def test_a_server_that_is_down_from_the_first_run_on(
    lonely_site: Installation, restarted: DevServer, impatient: None
) -> None:
    site = lonely_site
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.stop()

    outcome = site.sync()

    assert outcome.exit_code == 3
    assert outcome.feed["account"]["in_progress"] == 2
    restarted.start()
    site.server = restarted
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_without_a_config_every_place_that_was_looked_at_is_told(site: Installation) -> None:
    printed = typed("once")

    assert printed.exit_code == 2
    assert printed.stderr.startswith("error: no config file was found\n")
    assert "/etc/synapse-sync/config.toml" in printed.stderr
    says_once(typed("--config", "/nowhere/config.toml", "once"), "there is no config file /nowhere/config.toml", code=2)


def test_every_mistake_in_a_config_is_told_at_once(site: Installation) -> None:
    (site.folder / "config.toml").write_text(
        '[server]\nurl = "ftp://x"\nread_timeout = 30\n[ledgr]\n'
        '[[feeds]]\nname = "a:b"\npath = "share"\nsettle = "soon"\n'
    )

    printed = site.type("once")

    assert printed.exit_code == 2
    lines = printed.stderr.splitlines()
    assert lines[0] == f"error: {site.config} has 6 problems"
    places = [line.split(":")[0].strip() for line in lines[1:7]]
    assert sorted(places) == sorted(
        [
            "line 2, server.url",
            "line 3, server.read_timeout",
            "line 4, ledgr",
            "line 5, feeds[0].data_collection",
            "line 6, feeds[0].name",
            "line 8, feeds[0].settle",
        ]
    )
    assert not site.ledger.exists()


UNKNOWN = {
    "a feed, once": (["once", "nothing"], "there is no feed nothing"),
    "a feed, plan": (["plan", "nothing"], "there is no feed nothing"),
    "a feed, status": (["status", "nothing"], "the ledger knows no feed nothing"),
    "a feed, files": (["files", "--feed", "nothing"], "the ledger knows no feed nothing"),
    "a feed, runs": (["runs", "--feed", "nothing"], "the ledger knows no feed nothing"),
    "a key, units": (["units", "show", "nothing"], "there is no unit nothing"),
    "a key, retry": (["retry", "scans:nothing"], "there is no unit scans:nothing"),
    "a state, files": (["files", "--state", "ready"], "ready is no state of a file"),
    "a state, units": (["units", "--state", "gone"], "gone is no state of a unit"),
    "a path": (["files", "show", "nothing.png"], "no feed has a file nothing.png"),
    "a run": (["runs", "show", "999"], "there is no run 999"),
    "nothing to retry": (["retry"], "retry takes the KEYs of units, or --all"),
    "keys and all": (["retry", "p1", "--all"], "retry takes the KEYs of units, or --all"),
}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that has synced once; only looked at."""
    folder = tmp_path_factory.mktemp("used")
    with DevServer(Options(data=folder / "backend")) as server:
        site = Installation(folder, server)
        site.configure(extra=DIRECTORY)
        site.write(PAIR)
        (folder / "token").write_text(server.options.token)
        assert site.sync().exit_code == 0
        yield site


@pytest.mark.parametrize(("command", "words"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_there_is_told_with_what_there_is(used: Installation, command: list[str], words: str) -> None:
    before = used.ledger_text()

    printed = used.type(*command)

    says_once(printed, words, code=2)
    assert "→" in printed.stderr
    assert printed.stdout == ""
    assert used.ledger_text() == before


@pytest.mark.parametrize(
    "command",
    [["status"], ["files"], ["units"], ["runs"], ["retry", "--all"], ["ledger", "check"], ["ledger", "export"]],
    ids=" ".join,
)
def test_without_a_ledger_none_is_made(site: Installation, command: list[str]) -> None:
    site.configure(extra=DIRECTORY)

    says_once(site.type(*command), f"there is no ledger at {site.ledger} yet", code=4)

    assert not site.ledger.exists()
    assert {path.name for path in site.folder.iterdir()} == {"config.toml", "share", "token"}


def test_a_locked_ledger_is_told_with_the_process_that_holds_it(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault("POST v2/data-units/bulk-create/", "delay", seconds=600)
    other = site.process("once")
    try:
        until(lambda: site.requests("POST v2/data-units/bulk-create/"), "the other process is at its last step")
        says_once(site.type("once"), f"another synapse-sync (process {other.pid}) is working", code=4)
        says_once(site.type("retry", "--all"), f"another synapse-sync (process {other.pid}) is working", code=4)
        assert site.type("status").exit_code == 0, "looking is always possible"
        assert site.type("plan").exit_code == 0
    finally:
        other.kill()
        other.communicate()


def test_a_corrupt_ledger_is_told_and_left_as_it_is(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    whole = site.ledger.read_bytes()
    pages = bytearray(whole)
    pages[8192:-4096] = b"\xa5" * (len(pages) - 12288)
    site.ledger.write_bytes(pages)

    for command in (["once"], ["plan"], ["ledger", "check"]):
        says_once(site.type(*command), f"the ledger {site.ledger} is damaged", code=4)
    assert site.ledger.read_bytes() == pages
    site.ledger.write_bytes(whole)
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to look like one" * 9, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_ledger_is_told_and_left_as_it_is(site: Installation, content: bytes) -> None:
    site.configure(extra=DIRECTORY)
    site.ledger.write_bytes(content)

    says_once(site.type("once"), f"the ledger {site.ledger} is damaged", code=4)

    assert site.ledger.read_bytes() == content
    site.ledger.unlink()


def test_a_newer_ledger_is_told_and_left_as_it_is(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    change(site.ledger, "INSERT INTO _sqlite_migrations VALUES (99, 'synapse_sync', '9999_new', '')")
    before = site.ledger_text()

    for command in (["once"], ["status"], ["plan"], ["retry", "--all"]):
        says_once(site.type(*command), "was written by a newer synapse-sync (it has 9999_new)", code=4)

    assert site.ledger_text() == before
    change(site.ledger, "DELETE FROM _sqlite_migrations WHERE id = 99")


def change(ledger: Path, statement: str) -> None:
    """Write to the ledger's file behind its back."""
    connection = sqlite3.connect(ledger)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def mount(as_root: None) -> Iterator[Callable[..., None]]:
    """What `mount` does with these words, the folder last; all of it ends with the test."""
    folders = []

    def mount(*words: object) -> None:
        folder = Path(str(words[-1]))
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"NOT TESTED: no file system can be mounted here: {done.stderr.decode()}")
        folders.append(folder)

    yield mount
    for folder in reversed(folders):
        subprocess.run(["umount", folder], check=False, capture_output=True)  # the test may have done so


@pytest.fixture
def small_disk(site: Installation, mount: Callable[..., None]) -> Path:
    """A file system of a MiB for the ledger."""
    disk = site.folder / "disk"
    mount("-t", "tmpfs", "-o", "size=1200k", "tmpfs", disk)
    return disk


def test_a_full_disk_is_told_and_the_next_run_goes_on_where_it_was(site: Installation, small_disk: Path) -> None:
    site.configure(extra=DIRECTORY)
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('"ledger.db"', '"disk/ledger.db"'))
    site.write([f"p{number:04}/{name}" for number in range(200) for name in ("image.png", "label.json")])

    full = site.type("once")

    says_once(full, "is full", code=4)
    assert "free some space" in full.stderr
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert site.type("once").exit_code == 0
    assert len(site.units()) == 200


def test_a_disk_without_any_room_is_told_before_a_ledger_is_begun(site: Installation, small_disk: Path) -> None:
    site.configure(extra=DIRECTORY)
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('path = "ledger.db"', f'path = "{small_disk}/ledger.db"'))
    site.write(PAIR)
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))

    printed = site.type("once")

    assert printed.exit_code == 4
    assert "is full" in printed.stderr or "No space left" in printed.stderr
    (small_disk / "filler").unlink()
    assert site.type("once").exit_code == 0
