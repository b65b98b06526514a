"""Whatever becomes of a bucket and its objects while they are synced: each unit is there once, nothing wrongly gone."""

from __future__ import annotations

import pytest

from synapse_sync.sources import remote_reading
from synapse_sync.sources.s3 import client, listing

from ..conftest import PAIR, Installation, stored
from .feeds import PATIENTS, configured, fill
from .interference import Cut, Proxy, refusal
from .places import Bucket
from .spooled import with_upload


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)


@pytest.mark.parametrize("how", [Cut(200), refusal(503, "SlowDown"), refusal(403, "AccessDenied")])
def test_a_listing_that_fails_midway_takes_nothing_away(
    site: Installation, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: Cut
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    fill(bucket)
    configured(site, bucket, proxy.port)
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


def test_reads_that_break_are_made_good_and_nothing_is_sent_twice(
    site: Installation, bucket: Bucket, proxy: Proxy
) -> None:
    fill(bucket)
    configured(site, bucket, proxy.port)
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
    configured(site, bucket, proxy.port)
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
