"""From a bucket into a collection, through the command line: exactly once, whatever becomes of the bucket meanwhile."""

from __future__ import annotations

import pytest

from synapse_sync.sources.s3 import client, listing, reading

from ..conftest import DIRECTORY, PAIR, STEM, Installation, stored, until
from .conftest import ALL
from .interference import Cut, Proxy, refusal
from .places import Bucket

PATIENTS = [f"p{number}" for number in range(12)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)


def configured(site: Installation, bucket: Bucket, proxy: Proxy | None = None, feed: str = "") -> None:
    """One feed from the bucket."""
    port = proxy.port if proxy else bucket.port
    site.configure(feed=feed, extra=f'{DIRECTORY}[feeds.remote]\nendpoint_url = "http://127.0.0.1:{port}"\n')
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('path = "share"', f'path = "{bucket.url}"'))


def fill(bucket: Bucket) -> None:
    for patient in PATIENTS:
        bucket.put(f"{patient}/image.png", f"image of {patient}".encode())
        bucket.put(f"{patient}/label.json", f"label of {patient}".encode())


def test_each_unit_of_a_bucket_is_registered_once_and_a_second_run_changes_nothing(
    site: Installation, bucket: Bucket
) -> None:
    fill(bucket)
    configured(site, bucket)
    first = site.sync()
    assert first.exit_code == 0
    assert first.counts["list_requests"] == 1
    assert set(site.units()) == set(PATIENTS)
    before = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == before
    assert stored("image of p3") in {unit["image_1"] for unit in site.registered()}


def test_plan_why_and_config_check_know_the_bucket(site: Installation, bucket: Bucket) -> None:
    fill(bucket)
    configured(site, bucket)
    assert bucket.url in site.type("config", "check").stdout
    planned = site.run("plan", "--json").json["feeds"][0]
    assert planned["totals"]["to_register"] == len(PATIENTS)
    site.sync()
    (story,) = site.run("why", f"{bucket.url}/p1/image.png", "--json").json
    assert story["unit"]["state"] == "registered"
    assert site.run("files", "show", f"{bucket.url}/p1/image.png", "--json").json[0]["unit"] == "scans:p1"


def test_images_of_a_share_and_labels_of_a_bucket_make_units(site: Installation, bucket: Bucket) -> None:
    site.write({f"{patient}.png": f"image of {patient}" for patient in PATIENTS})
    for patient in PATIENTS:
        bucket.put(f"{patient}.json", f"label of {patient}".encode())
    site.configure(
        extra=f'{STEM}[feeds.assets.image_1]\npath = "share"\n[feeds.assets.label_1]\npath = "{bucket.url}"\n'
        f'[feeds.assets.label_1.remote]\nendpoint_url = "http://127.0.0.1:{bucket.port}"\n'
    )
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert {(unit["image_1"], unit["label_1"]) for unit in site.registered()} == {
        (stored(f"image of {patient}"), stored(f"label of {patient}")) for patient in PATIENTS
    }


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


@pytest.mark.skipif(not ALL, reason="NOT TESTED: 20,000 objects; SYNAPSE_SYNC_REMOTE=all does")
@pytest.mark.timeout(600)
def test_20_000_objects(site: Installation, bucket: Bucket) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda number: bucket.put(f"{number:05}.png", b"1"), range(20_000)):
            pass
    site.configure(
        specs=[{"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True}],
        extra=f'{STEM}[feeds.remote]\nendpoint_url = "http://127.0.0.1:{bucket.port}"\n',
    )
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('path = "share"', f'path = "{bucket.url}"'))
    counts = site.sync().counts
    assert (counts["new"], counts["list_requests"]) == (20_000, 20)
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before
