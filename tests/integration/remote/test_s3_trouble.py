"""Whatever becomes of a bucket and its objects while they are synced: each unit is there once, nothing wrongly gone."""

from __future__ import annotations

import pytest

from synapse_sync.sources.s3 import client, listing, reading

from ..conftest import PAIR, Installation, stored, until
from .feeds import PATIENTS, configured, fill
from .interference import Cut, Proxy, refusal
from .places import Bucket
from .spooled import with_upload


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)


def test_a_table_in_the_bucket_is_read(site: Installation, bucket: Bucket) -> None:
    fill(bucket)
    bucket.put("meta.csv", b"name,age\n" + "".join(f"{patient},4\n" for patient in PATIENTS).encode())
    configured(site, bucket)
    assert site.sync().exit_code == 0
    assert {unit["meta"].get("age") for unit in site.server.units(site.collection)} <= {4, "4"}
    assert set(site.units()) == set(PATIENTS)


def test_what_is_deleted_is_gone_and_what_is_back_is_as_if_never_gone(site: Installation, bucket: Bucket) -> None:
    fill(bucket)
    configured(site, bucket)
    site.sync()
    bucket.delete("p1/image.png")
    assert site.sync().counts["gone"] == 1
    assert site.files()["p1/image.png"][0] == "gone"
    bucket.put("p1/image.png", b"image of p1")
    assert site.sync().exit_code == 0
    assert len(site.units()) == len(PATIENTS)


@pytest.mark.parametrize("how", [Cut(200), refusal(503, "SlowDown"), refusal(403, "AccessDenied")])
def test_a_listing_that_fails_midway_takes_nothing_away(
    site: Installation, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: Cut
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    fill(bucket)
    configured(site, bucket, proxy)
    assert site.sync().exit_code == 0
    proxy.asked.clear()
    proxy.rule = lambda asked: how if asked.lists and sum(one.lists for one in proxy.asked) >= 7 else None
    bucket.delete("p0/image.png")
    failed = site.sync()
    assert failed.exit_code == 1
    assert bucket.name in failed.stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    proxy.rule = lambda _asked: None
    assert site.sync().counts["gone"] == 1


def test_a_bucket_that_was_removed_and_made_again_takes_nothing_away(site: Installation, bucket: Bucket) -> None:
    fill(bucket)
    configured(site, bucket)
    site.sync()
    bucket.remove()
    assert "no such bucket" in site.sync().stdout
    bucket.make()
    assert "where 24 files were known" in site.sync().stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    fill(bucket)
    assert site.sync().exit_code == 0
    assert len(site.units()) == len(PATIENTS)


def test_reads_that_break_are_made_good_and_nothing_is_sent_twice(
    site: Installation, bucket: Bucket, proxy: Proxy
) -> None:
    fill(bucket)
    configured(site, bucket, proxy)
    proxy.rule = lambda asked: Cut(3) if asked.method == "GET" and not asked.lists and asked.number % 3 == 0 else None
    site.sync()
    proxy.rule = lambda _asked: None
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert site.received() == sum(len(f"image of {patient}label of {patient}") for patient in PATIENTS)


def test_an_object_that_is_replaced_between_hashing_and_sending_is_never_registered_as_what_it_was(
    site: Installation, bucket: Bucket, proxy: Proxy
) -> None:
    for name, content in PAIR.items():
        bucket.put(name, str(content).encode())
    configured(site, bucket, proxy)
    with_upload(site, "spool_size = 0")  # else it is read once

    def replace() -> None:
        bucket.put("p1/image.png", b"another one")

    done: list[int] = []

    def rule(asked: object) -> None:
        if len([one for one in proxy.reads() if "image.png" in one.path]) == 2 and not done:
            done.append(1)
            replace()

    proxy.rule = rule
    site.sync()
    site.sync()
    assert [unit["image_1"] for unit in site.registered()] == [stored("another one")]


def test_the_daemon_polls_a_bucket(site: Installation, bucket: Bucket) -> None:
    configured(site, bucket, feed='poll_every = "1s"\nwait_optional = "0s"')
    daemon = site.process("run")
    try:
        fill(bucket)
        until(lambda: len(site.server.units(site.collection)) == len(PATIENTS), "the bucket's units are there")
    finally:
        daemon.terminate()
        assert daemon.wait(30) == 0
        print(daemon.communicate())
