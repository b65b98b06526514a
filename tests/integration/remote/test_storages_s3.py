"""Feeds from storages that are buckets: their credentials come from the server, stay in memory, and may change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.assembly import next_run, open_destination, put_to_work
from synapse_sync.config import load, resolve
from synapse_sync.errors import SourceUnavailable
from synapse_sync.ledger import open_for_writing
from synapse_sync.steps import scan
from synapse_sync.storages import Storages

from ..conftest import DIRECTORY, STEM, Installation, until
from ..test_daemon import QUICK, ended, running, status
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
        self.site.configure(extra=tables, head=QUICK, feed='wait_optional = "0s"')
        config = Path(self.site.config)
        config.write_text(config.read_text().replace('path = "share"', f'storage = {self.storage}\npath = "in"'))

    def _judge(self, asked: Asked) -> Answer | None:
        used = re.search(r"Credential=([^/]+)/", asked.headers.get("authorization", ""))
        return None if used and used[1] == self.accepted else refusal(403, "InvalidAccessKeyId")


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


def test_keys_that_were_rotated_are_taken_up_after_a_refusal_and_nothing_looks_gone_or_new(service: Service) -> None:
    site = service.site
    fill(service.bucket)
    service.configure()
    with running(site) as daemon:
        until(lambda: set(site.units()) == set(PATIENTS), "all is registered")
        history = site.rows("SELECT count(*) FROM history")
        service.accepted = "AKIALATER"
        service.told("AKIALATER", NEW)
        service.bucket.put("p99/image.png", b"image of p99")
        service.bucket.put("p99/label.json", b"label of p99")
        site.type("trigger")
        until(lambda: "p99" in site.units(), "what came after the rotation is registered")
        until(lambda: not status(site)["daemon"]["feeds"][0]["trouble"], "all is well")
        log = ended(daemon)
    assert site.rows("SELECT count(*) FROM history WHERE became = 'gone'") == [(0,)]
    assert site.rows("SELECT count(*) FROM files") == [(2 * len(PATIENTS) + 2,)]
    assert site.rows("SELECT count(*) FROM history")[0] > history[0]
    assert_hidden(site, log)


def test_a_session_is_asked_for_anew_before_it_ends_and_a_move_is_followed(
    service: Service, options: Callable[..., None]
) -> None:
    site, now = service.site, [0.0]
    fill(service.bucket)
    service.configure()
    options(session_seconds=600.0)
    config = load(Path(site.config))
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_writing(site.ledger, create=True) as ledger,
    ):
        storages = Storages(destination, clock=lambda: now[0])
        now[0] = destination_time = storages.session(service.storage).ends - 600.0
        (feed,) = config.feeds
        work = put_to_work(config, feed, ledger, destination, patient=False, clock=lambda: 1.0, storages=storages)
        scan(work)
        asked = site.requests("POST storages/{id}/session/")

        now[0] = destination_time + 500
        scan(next_run(work))
        assert site.requests("POST storages/{id}/session/") == asked
        service.accepted = "AKIALATER"
        service.told("AKIALATER", NEW)
        now[0] = destination_time + 550
        scan(next_run(work))
        assert site.requests("POST storages/{id}/session/") == asked + 1
        assert not work.is_astray()

        other = Bucket(service.bucket.port)
        service.told("AKIALATER", NEW, other.name)
        now[0] += 3600
        assert work.is_astray()
        with pytest.raises(SourceUnavailable, match=f"no longer s3://{service.bucket.name}/in") as moved:
            scan(next_run(work))
        assert NEW not in str(moved.value)
        assert (
            put_to_work(config, feed, ledger, destination, patient=False, clock=lambda: 1.0, storages=storages)
            .sources[""]
            .root
            == f"s3://{other.name}/in"
        )


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
