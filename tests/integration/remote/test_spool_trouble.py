"""Whatever becomes of a spool: nothing is lost, nothing waits for ever, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from synapse_sync.sources import remote_reading
from synapse_sync.sources import spool as spools
from synapse_sync.sources.s3 import client

from ..conftest import IMAGE, LABEL, PAIR, Installation, stored, until
from .feeds import PATIENTS, configured, fill
from .interference import Asked, Proxy
from .places import Bucket
from .spooled import in_spool, times_read, with_upload

BYTES = sum(len(f"image of {patient}label of {patient}") for patient in PATIENTS)


@pytest.fixture
def s3_port(_servers: Callable[[str], int]) -> int:
    """The real one alone: a second service would only do the same again, as none of this is about the service."""
    return _servers("seaweedfs")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    monkeypatch.setattr(spools, "LEFT_FREE", 0)


def test_files_that_are_kept_are_private(site: Installation, bucket: Bucket, proxy: Proxy) -> None:
    fill(bucket)
    configured(site, bucket, proxy.port)
    seen: list[tuple[int, int]] = []

    def rule(_asked: Asked) -> None:
        seen.extend((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) for path in in_spool(site))

    proxy.rule = rule
    site.sync()
    assert set(seen) == {(0o600, 0o700)}


def test_an_object_larger_than_the_spool_is_read_twice_and_others_once(
    site: Installation, bucket: Bucket, proxy: Proxy
) -> None:
    fill(bucket)
    bucket.put("p3/image.png", b"large" * 100)
    configured(site, bucket, proxy.port)
    with_upload(site, 'spool_size = "100B"')
    assert site.sync().counts["read_twice"] == 1
    assert Counter(Counter(asked.path for asked in proxy.reads()).values()) == {1: 2 * len(PATIENTS) - 1, 2: 1}
    assert stored("large" * 100) in {unit["image_1"] for unit in site.registered()}


def test_a_full_spool_keeps_nothing_from_going_on_while_the_server_is_away(
    site: Installation, bucket: Bucket, proxy: Proxy, impatient: None
) -> None:
    to_server = Proxy(int(site.server.url.rpartition(":")[2].partition("/")[0]))
    to_server.up()
    bucket.put("p0/image.png", b"image of p0")
    bucket.put("p0/label.json", b"label of p0")
    configured(site, bucket, proxy.port)
    with_upload(site, 'spool_size = "60B"')
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace(site.server.url, to_server.url))
    site.sync()  # the collection is known
    fill(bucket)
    to_server.down()
    proxy.asked.clear()
    assert site.sync().exit_code == 3
    assert {state for state, _ in site.files().values()} == {"checksummed"}  # all were read although none could go
    assert times_read(proxy) == {1}
    to_server.up()
    assert site.sync().exit_code == 0
    to_server.down()
    assert set(site.units()) == set(PATIENTS)


def test_what_the_server_has_does_not_stay_in_the_spool(site: Installation, bucket: Bucket, proxy: Proxy) -> None:
    """Nor what it refuses."""
    fill(bucket)
    configured(site, bucket, proxy.port)
    site.sync()
    site.run("forget", "--registered", "scans:p1")
    proxy.asked.clear()
    assert site.sync().exit_code == 0
    assert not in_spool(site)


def test_an_object_that_is_replaced_while_it_is_read_leaves_nothing_behind(
    site: Installation, bucket: Bucket, proxy: Proxy
) -> None:
    for name, content in PAIR.items():
        bucket.put(name, str(content).encode())
    configured(site, bucket, proxy.port)
    done: list[int] = []

    def rule(asked: Asked) -> None:
        if asked.method == "HEAD" and "image.png" in asked.path and not done:
            done.append(1)
            bucket.put("p1/image.png", b"another one")

    proxy.rule = rule
    site.sync()
    assert done
    site.sync()
    assert [unit["image_1"] for unit in site.registered()] == [stored("another one")]
    assert not in_spool(site)


def test_what_is_changed_in_the_spool_is_read_from_where_it_came(
    site: Installation, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bucket)
    configured(site, bucket)
    opened = spools.Kept.opened

    def tampered(kept: spools.Kept) -> object:
        kept._content.path and os.unlink(kept._content.path)
        return opened(kept)

    monkeypatch.setattr(spools.Kept, "opened", tampered)
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert site.received() == BYTES


def test_a_folder_that_cannot_be_written_is_told_once_and_objects_are_read_twice(
    site: Installation, bucket: Bucket, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    fill(bucket)
    configured(site, bucket, proxy.port)
    (site.folder / "file").write_text("no folder")
    with_upload(site, f'spool = "{site.folder}/file"')
    assert site.sync().exit_code == 0
    (told,) = [record.getMessage() for record in caplog.records if "spool" in record.getMessage()]
    assert "read twice" in told
    assert times_read(proxy) == {2}


@pytest.fixture
def small_disk(as_root: None, tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_once_and_objects_are_read_twice(
    site: Installation, bucket: Bucket, proxy: Proxy, caplog: pytest.LogCaptureFixture, small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fill(bucket)
    bucket.put("p3/image.png", os.urandom(200_000))
    configured(site, bucket, proxy.port)
    with_upload(site, f'spool = "{small_disk}"')
    monkeypatch.setattr(spools, "LEFT_FREE", -(1 << 30))  # what is free is not looked at: writing fails
    assert site.sync().exit_code == 0
    told = [record.getMessage() for record in caplog.records if "spool" in record.getMessage()]
    assert len(told) == 1
    assert "its disk is full" in told[0]
    assert set(site.units()) == set(PATIENTS)
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("after", [1, 8, 20, 27, 40])
def test_a_killed_process_loses_nothing_and_what_it_left_is_removed(
    site: Installation, bucket: Bucket, proxy: Proxy, after: int
) -> None:
    fill(bucket)
    configured(site, bucket, proxy.port)
    site.sync("--no-wait") if after == 1 else None
    started = site.process("once")

    def rule(asked: Asked) -> None:
        if asked.number == after:
            started.send_signal(signal.SIGKILL)

    proxy.asked.clear()
    proxy.rule = rule
    started.communicate()
    proxy.rule = lambda _asked: None
    (site.folder / "spool").mkdir(exist_ok=True)
    (site.folder / "spool/somebody's").write_text("stays")
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert len(site.registered()) == len(PATIENTS)
    assert [path.name for path in (site.folder / "spool").iterdir()] == ["somebody's"]
    assert max(times_read(proxy)) <= 2


def test_the_daemon_reads_each_object_once(site: Installation, bucket: Bucket, proxy: Proxy) -> None:
    configured(site, bucket, proxy.port, feed='poll_every = "1s"\nwait_optional = "0s"')
    daemon = site.process("run")
    try:
        fill(bucket)
        until(lambda: len(site.server.units(site.collection)) == len(PATIENTS), "the bucket's units are there")
        assert times_read(proxy) == {1}
    finally:
        daemon.terminate()
        assert daemon.wait(30) == 0
        daemon.communicate()
    assert not in_spool(site)


def test_without_a_spool_objects_are_read_twice(site: Installation, bucket: Bucket, proxy: Proxy) -> None:
    fill(bucket)
    configured(site, bucket, proxy.port)
    with_upload(site, "spool_size = 0")
    assert site.sync().counts["read_twice"] == 2 * len(PATIENTS)
    assert times_read(proxy) == {2}
    assert not (site.folder / "spool").exists()


def test_the_bound_holds_while_everything_is_read_once(
    site: Installation, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading waits for what is being sent: nothing has to go, and nothing is read again."""
    for number in range(40):
        bucket.put(f"p{number}/image.png", f"{number:02}".encode() * 500)
        bucket.put(f"p{number}/label.json", f"{number:02}".encode() * 499)
    configured(site, bucket, proxy.port)
    with_upload(site, f'spool = "{site.folder}/kept"', 'spool_size = "5KB"')
    most = [0]

    def rule(_asked: Asked) -> None:
        sizes = 0
        for path in in_spool(site, "kept"):
            try:
                sizes += path.stat().st_size
            except FileNotFoundError:
                continue
        most.append(sizes)

    proxy.rule = rule
    done = site.sync()
    assert done.exit_code == 0
    assert len(site.units()) == 40
    assert times_read(proxy) == {1}
    assert 1000 < max(most) <= 5000


def test_what_no_unit_waits_for_any_more_does_not_stay(site: Installation, bucket: Bucket) -> None:
    """The daemon goes on; what it has read of a changed object is held back by a policy."""
    configured(site, bucket, feed='poll_every = "1s"\nwait_optional = "0s"')
    daemon = site.process("run")
    try:
        fill(bucket)
        until(lambda: len(site.server.units(site.collection)) == len(PATIENTS), "the bucket's units are there")
        bucket.put("p1/image.png", b"another one")
        until(lambda: "changed after the unit was registered" in site.reason("p1"), "the change is held")
        until(lambda: not in_spool(site), "nothing is kept of it")
    finally:
        daemon.terminate()
        assert daemon.wait(30) == 0
        daemon.communicate()


def test_feeds_of_one_process_share_the_bound(site: Installation, bucket: Bucket, proxy: Proxy) -> None:
    second = Bucket(bucket.port)
    for number in range(20):
        for where in (bucket, second):
            where.put(f"p{number}/image.png", f"{where.name[-2:]}{number:02}".encode() * 250)
            where.put(f"p{number}/label.json", f"{where.name[-2:]}{number:02}".encode() * 249)
    configured(site, bucket, proxy.port, feed='wait_optional = "0s"')
    with_upload(site, 'spool_size = "5KB"')
    config = site.folder / "config.toml"
    text = config.read_text()
    other = site.server.create_collection("other", specs=[IMAGE, LABEL])
    feed = text[text.index("[[feeds]]") :].replace('"scans"', '"others"', 1)
    feed = feed.replace(bucket.url, second.url)
    config.write_text(text + feed.replace(f"data_collection = {site.collection}", f"data_collection = {other}"))
    most = [0]

    def rule(_asked: Asked) -> None:
        sizes = []
        for path in in_spool(site):
            with suppress(FileNotFoundError):
                sizes.append(path.stat().st_size)
        most.append(sum(sizes))

    proxy.rule = rule
    daemon = site.process("run")
    try:
        collections = (site.collection, other)
        until(lambda: [len(site.server.units(each)) for each in collections] == [20, 20], "all units are there")
    finally:
        daemon.terminate()
        assert daemon.wait(30) == 0
        daemon.communicate()
    assert 0 < max(most) <= 5000
