"""Whatever becomes of a bucket of Google Cloud Storage while it is synced: each unit is there once, nothing is lost."""

from __future__ import annotations

import pytest

from synapse_sync.sources import http_asking as client
from synapse_sync.sources import remote_reading
from synapse_sync.sources.gcs import listing
from synapse_sync.steps import vouching

from ..conftest import PAIR, Installation, stored
from .fake_gcs import GcsBucket, refused
from .feeds import PATIENTS, configured, fill
from .interference import Answer, Asked, Cut, Proxy
from .spooled import with_upload
from .vouched import Begin, content, md5, vouched_rows


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "PAUSE", 0.0)


@pytest.mark.parametrize("how", [Cut(200), refused(503), refused(401), Answer(200, "{}")])
def test_a_listing_that_fails_midway_takes_nothing_away(
    site: Installation, gcs: GcsBucket, gcs_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: Cut | Answer
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    fill(gcs)
    configured(site, gcs, gcs_proxy.port)
    assert site.sync().exit_code == 0
    gcs_proxy.asked.clear()
    gcs_proxy.rule = lambda asked: how if asked.lists and sum(one.lists for one in gcs_proxy.asked) >= 7 else None
    gcs.delete("p0/image.png")
    failed = site.sync()
    assert failed.exit_code == 1
    assert gcs.name in failed.stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    gcs_proxy.rule = lambda _asked: None
    assert site.sync().counts["gone"] == 1


def test_reads_that_break_are_made_good_and_nothing_is_sent_twice(
    site: Installation, gcs: GcsBucket, gcs_proxy: Proxy
) -> None:
    fill(gcs)
    configured(site, gcs, gcs_proxy.port)
    gcs_proxy.rule = lambda asked: Cut(3) if not asked.lists and asked.number % 3 == 0 else None
    site.sync()
    gcs_proxy.rule = lambda _asked: None
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert site.received() == sum(len(f"image of {patient}label of {patient}") for patient in PATIENTS)


def test_an_object_that_is_replaced_between_hashing_and_sending_is_never_registered_as_what_it_was(
    site: Installation, gcs: GcsBucket, gcs_proxy: Proxy
) -> None:
    for name, text in PAIR.items():
        gcs.put(name, str(text).encode())
    configured(site, gcs, gcs_proxy.port)
    with_upload(site, "spool_size = 0")  # else it is read once
    done: list[int] = []

    def rule(_asked: Asked) -> None:
        reads = [one for one in gcs_proxy.asked if "alt=media" in one.path and "image.png" in one.path]
        if len(reads) == 2 and not done:
            done.append(1)
            gcs.put("p1/image.png", b"another one")

    gcs_proxy.rule = rule
    site.sync()
    site.sync()
    assert done
    assert [unit["image_1"] for unit in site.registered()] == [stored("another one")]


def test_what_the_server_has_is_not_downloaded_by_the_word_of_the_service(
    begin: Begin, gcs: GcsBucket, gcs_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vouching, "ENOUGH", 4)
    for number in range(24):
        gcs.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(12, 24)], place=gcs, port=gcs_proxy.port)
    done = site.sync()
    assert done.exit_code == 0, done.error or done.stdout
    assert len(site.units()) == 24
    assert len([asked for asked in gcs_proxy.asked if "alt=media" in asked.path]) == 12
    assert done.counts["vouched_files"] == 12
    assert sorted(vouched_rows(site)) == sorted(md5(content(number)) for number in range(12, 24))
