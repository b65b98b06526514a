"""Feeds from storages that are buckets: their credentials come from the server, stay in memory, and may change."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.assembly import next_run, open_destination, put_to_work
from synapse_sync.config import Config, load, resolve
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import SourceUnavailable
from synapse_sync.ledger import Ledger, open_for_writing
from synapse_sync.steps import Work, scan, tables
from synapse_sync.steps.tables import table_settles_at
from synapse_sync.storages import Storages

from ..conftest import DIRECTORY, STEM, Installation
from ..test_storages import options as options
from .feeds import PATIENTS, fill
from .interference import Answer, Asked, Proxy, refusal
from .places import Bucket

OLD, NEW = "of-the-storage-first", "of-the-storage-later"
HIDDEN = (OLD, NEW, "AKIAFIRST", "AKIALATER")


class Service:
    """A bucket that only the storage's present access key opens, and the storage of the server's that tells it."""

    def __init__(self, site: Installation, bucket: Bucket, proxy: Proxy) -> None:
        self.site, self.bucket, self.proxy = site, bucket, proxy
        self.accepted = "AKIAFIRST"
        proxy.rule = self._judge
        self.storage = site.server.create_storage("minio", self.configuration("AKIAFIRST", OLD))

    def configuration(self, key: str, secret: str, bucket: str = "") -> dict[str, Any]:
        return {
            "bucket_name": bucket or self.bucket.name,
            "access_key": key,
            "secret_key": secret,
            "endpoint_url": f"http://127.0.0.1:{self.proxy.port}",
        }

    def told(self, key: str, secret: str, bucket: str = "", name: str = "NAS") -> None:
        """What the server says of the storage from now on."""
        self.site.server.change_storage(self.storage, "minio", self.configuration(key, secret, bucket), name)

    def configure(self, tables: str = DIRECTORY) -> None:
        self.site.configure(extra=tables, feed='wait_optional = "0s"')
        config = Path(self.site.config)
        config.write_text(config.read_text().replace('path = "share"', f'storage = {self.storage}\npath = "in"'))

    def _judge(self, asked: Asked) -> Answer | None:
        used = re.search(r"Credential=([^/]+)/", asked.headers.get("authorization", ""))
        return None if used and used[1] == self.accepted else refusal(403, "InvalidAccessKeyId")


@pytest.fixture
def s3_port(_servers: Callable[[str], int]) -> int:
    """moto takes every key, so that these tests say which ones count; SeaweedFS knows its own alone."""
    return _servers("moto")


@pytest.fixture
def service(site: Installation, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Service:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    return Service(site, bucket, proxy)


def assert_hidden(site: Installation, *printed: str) -> None:
    """No secret is in the ledger, beside it, or in what was printed."""
    files = [path for path in site.folder.iterdir() if path.is_file()]
    texts = [*printed, *(path.read_bytes().decode(errors="replace") for path in files)]
    assert not [secret for secret in HIDDEN for text in texts if secret in text]


def test_a_bucket_is_read_with_the_storages_keys_which_are_written_nowhere(service: Service) -> None:
    site, bucket = service.site, service.bucket
    fill(bucket)
    service.configure()
    place = f"{bucket.url}".removesuffix("/")

    checked = site.type("config", "check")
    assert f"storage {service.storage} (NAS, minio), path in → {place}" in checked.stdout
    looked = site.type("doctor", "--json")
    assert {one["level"] for one in json.loads(looked.stdout)["findings"] if one["area"] == "folder"} == {"ok"}
    planned = site.type("plan", "--json")
    assert json.loads(planned.stdout)["feeds"][0]["totals"]["to_register"] == len(PATIENTS)
    done = site.type("once")
    assert done.exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    why = site.type("why", f"{place}/p1/image.png")
    assert "registered" in why.stdout

    shown = [site.type(*command) for command in (("config", "show"), ("config", "schema"), ("status",), ("runs",))]
    backup = site.type("ledger", "backup", str(site.folder / "copy.db"))
    every = [checked, looked, planned, done, why, backup, *shown]
    assert_hidden(site, *(text for one in every for text in (one.stdout, one.stderr)))


def test_an_older_backend_that_keeps_the_keys_leaves_them_to_the_config(
    service: Service, options: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    options(sessions=False, storage_secrets=False)
    fill(service.bucket)
    service.configure(f'{DIRECTORY}[feeds.remote]\naccess_key_env = "NAS_KEY"\nsecret_key_env = "NAS_SECRET"\n')
    monkeypatch.setenv("NAS_KEY", "AKIAFIRST")
    monkeypatch.setenv("NAS_SECRET", "of this machine's own")
    assert service.site.sync().exit_code == 0
    assert set(service.site.units()) == set(PATIENTS)


class AtWork:
    """The feed, put to work in this process, at a time that the test sets."""

    def __init__(self, service: Service, config: Config, ledger: Ledger, destination: Destination) -> None:
        self.site = service.site
        self.now = time.time()
        self.storages = Storages(destination, clock=lambda: self.now)
        self._begin = partial(
            put_to_work, config, config.feeds[0], ledger, destination,
            patient=False, clock=lambda: self.now, storages=self.storages,
        )  # fmt: skip
        self.work = self._begin()

    def again(self) -> Work:
        """As the daemon does it where the feed is astray."""
        self.work = self._begin()
        return self.work

    def look(self) -> None:
        """List it."""
        self.work = next_run(self.work)
        scan(self.work)

    @property
    def asked(self) -> int:
        return self.site.requests("POST storages/{id}/session/")


@pytest.fixture
def at_work(service: Service) -> Iterator[Callable[..., AtWork]]:
    """The feed is put to work when this is called, with these tables in its config."""
    with ExitStack() as opened:

        def begin(tables: str = DIRECTORY, settle: str = "0s") -> AtWork:
            service.configure(tables)
            file = Path(service.site.config)
            file.write_text(file.read_text().replace('settle = "0s"', f'settle = "{settle}"'))
            config = load(file)
            destination = opened.enter_context(open_destination(config, resolve(config)))
            ledger = opened.enter_context(open_for_writing(service.site.ledger, create=True))
            return AtWork(service, config, ledger, destination)

        yield begin


def test_keys_that_were_rotated_are_taken_up_after_a_refusal_and_nothing_looks_gone_or_new(
    service: Service, at_work: Callable[..., AtWork]
) -> None:
    fill(service.bucket)
    feed = at_work()
    feed.look()
    before = service.site.ledger_text()
    service.accepted = "AKIALATER"
    service.told("AKIALATER", NEW)

    with pytest.raises(SourceUnavailable, match="does not know the access key"):
        feed.look()
    feed.look()

    assert service.site.ledger_text() == before
    assert not feed.work.is_astray()


def test_a_session_is_asked_for_anew_before_it_ends(
    service: Service, at_work: Callable[..., AtWork], options: Callable[..., None]
) -> None:
    options(session_seconds=600.0)
    feed = at_work()
    began = feed.now
    feed.look()
    asked = feed.asked
    feed.now = began + 500
    feed.look()
    assert feed.asked == asked

    service.accepted = "AKIALATER"
    service.told("AKIALATER", NEW)
    feed.now = began + 550
    feed.look()

    assert feed.asked == asked + 1


def test_a_storage_that_moves_while_it_is_read_is_followed(service: Service, at_work: Callable[..., AtWork]) -> None:
    fill(service.bucket)
    feed = at_work()
    feed.look()
    other = Bucket(service.bucket.port)
    service.told("AKIAFIRST", OLD, other.name)
    assert not feed.work.is_astray()

    feed.now += 3600

    assert feed.work.is_astray()
    with pytest.raises(SourceUnavailable, match=f"which was s3://{service.bucket.name}/in") as moved:
        feed.look()
    assert OLD not in str(moved.value)
    assert feed.again().sources[""].root == f"s3://{other.name}/in"


def test_a_server_that_is_away_does_not_keep_a_storage_that_is_known_from_being_read(
    service: Service, at_work: Callable[..., AtWork]
) -> None:
    fill(service.bucket)
    feed = at_work()
    service.site.server.fault("POST storages/{id}/session/", "status", times=None, code=503)
    feed.now += 3600
    feed.look()
    assert not feed.work.is_astray()
    assert service.site.rows("SELECT count(*) FROM files") == [(2 * len(PATIENTS),)]


def test_a_storage_that_becomes_another_bucket_is_like_a_changed_path(service: Service) -> None:
    site = service.site
    fill(service.bucket)
    service.configure()
    site.sync()
    before = site.units()
    service.told("AKIAFIRST", OLD, name="renamed")
    text = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == text
    other = Bucket(service.bucket.port)
    other.put("p77/image.png", b"image of p77")
    other.put("p77/label.json", b"label of p77")
    service.told("AKIAFIRST", OLD, other.name)
    site.sync()
    assert set(site.units()) == {*before, "p77"}


def test_keys_that_are_refused_are_told_without_themselves(service: Service) -> None:
    service.accepted = "nobody"
    service.configure()
    done = service.site.type("once")
    assert done.exit_code == 1
    assert "does not know the access key" in done.stdout
    assert_hidden(service.site, done.stdout, done.stderr)


def test_images_of_a_storage_and_labels_of_a_share_make_units(service: Service) -> None:
    site = service.site
    service.bucket.put("a.png", b"an image")
    site.write({"a.json": "a label"})
    assets = (
        f'[feeds.assets.image_1]\npath = "in"\nstorage = {service.storage}\n[feeds.assets.label_1]\npath = "share"\n'
    )
    site.configure(extra=f"{STEM}{assets}")
    assert site.sync().exit_code == 0
    assert set(site.units()) == {"a"}


ROWS = "name,age\n" + "".join(f"{patient},4\n" for patient in PATIENTS)
TABLE = '[feeds.metadata]\ntable = "tables/patients.csv"\n'


def ages(site: Installation) -> set[str]:
    return {str(unit["meta"].get("age")) for unit in site.server.units(site.collection)}


def test_a_table_elsewhere_on_the_storage_is_read_and_again_when_it_changes(service: Service) -> None:
    site, client = service.site, service.bucket.client
    fill(service.bucket)
    service.configure(f"{DIRECTORY}{TABLE}")

    lacking = site.sync()
    assert lacking.exit_code == 1
    assert f"s3://{service.bucket.name}/tables/patients.csv is not there" in lacking.feed["paused"]
    assert not site.units()

    client.put_object(Bucket=service.bucket.name, Key="tables/patients.csv", Body=ROWS.replace("p3,4\n", "").encode())
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS) - {"p3"}
    assert ages(site) == {"4"}
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before

    client.put_object(Bucket=service.bucket.name, Key="tables/patients.csv", Body=ROWS.encode())
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)


def test_a_table_that_the_filters_leave_out_of_a_bucket_is_read(service: Service) -> None:
    site, bucket = service.site, service.bucket
    fill(bucket)
    bucket.put("tables/patients.csv", ROWS.encode())
    site.configure(
        feed='wait_optional = "0s"\ninclude = ["*.png", "label.json"]',
        extra=f'{DIRECTORY}{TABLE}[feeds.remote]\nendpoint_url = "http://127.0.0.1:{bucket.port}"\n'
        'access_key_env = "NAS_KEY"\nsecret_key_env = "NAS_KEY"\n',
    )
    config = Path(site.config)
    config.write_text(config.read_text().replace('path = "share"', f'path = "{bucket.url}"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_KEY", "AKIAFIRST")
        assert site.sync().exit_code == 0
    assert ages(site) == {"4"}


def test_a_table_of_a_bucket_is_given_time_to_settle(service: Service, at_work: Callable[..., AtWork]) -> None:
    service.bucket.client.put_object(Bucket=service.bucket.name, Key="tables/patients.csv", Body=ROWS.encode())
    feed = at_work(DIRECTORY + TABLE, settle="30s")
    feed.look()
    assert table_settles_at(feed.work) == feed.now + 30
    service.bucket.client.put_object(Bucket=service.bucket.name, Key="tables/patients.csv", Body=ROWS.encode() * 2)
    feed.now += 20
    feed.look()
    assert table_settles_at(feed.work) == feed.now + 30
    feed.now += 31
    feed.look()
    assert table_settles_at(feed.work) is None


def test_a_table_that_is_too_large_to_be_copied_pauses_the_feed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_COPIED", 10)
    fill(service.bucket)
    service.bucket.client.put_object(Bucket=service.bucket.name, Key="tables/patients.csv", Body=ROWS.encode())
    service.configure(f"{DIRECTORY}{TABLE}")
    assert "are read" in service.site.sync().feed["paused"]
    assert not service.site.units()


def test_sidecars_in_a_bucket_are_read(service: Service) -> None:
    fill(service.bucket)
    service.bucket.put("p3/image.meta.json", b'{"age": 4}')
    service.configure(f"{DIRECTORY}[feeds.metadata]\nsidecar = true\n")
    assert service.site.sync().exit_code == 0
    assert ages(service.site) == {"4", "None"}
    service.bucket.put("p4/image.meta.json", b'{"age": 5}')
    service.bucket.put("p98/image.png", b"image of p98")
    service.bucket.put("p98/label.json", b"label of p98")
    service.bucket.put("p98/label.meta.json", b'{"age": 6}')
    service.site.sync()
    assert ages(service.site) == {"4", "6", "None"}
