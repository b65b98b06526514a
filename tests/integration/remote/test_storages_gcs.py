"""Feeds from storages that are buckets of Google Cloud Storage: the server hands out the key of a service account.

fake-gcs-server takes anybody, so a proxy says whose tokens count; the tokens come from servers of the tests' own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources import http_asking as client

from ..conftest import DIRECTORY, Installation
from ..test_storages import options as options
from .fake_gcs import GcsBucket, refused
from .feeds import PATIENTS, fill
from .interference import Answer, Asked, Proxy
from .test_storages_s3 import AtWork
from .test_storages_s3 import at_work as at_work
from .token_server import Tokens, serving

NO_KEY = "its credentials are no service account's key"


class Service:
    """A bucket that only tokens for the storage's present account open, and the storage of the server's that tells it.

    first, later: two accounts. accepted: whose tokens count.
    """

    def __init__(self, site: Installation, bucket: GcsBucket, proxy: Proxy, first: Tokens, later: Tokens) -> None:
        self.site, self.bucket, self.proxy, self.first, self.later = site, bucket, proxy, first, later
        self.accepted = first
        proxy.rule = self._judge
        self.storage = site.server.create_storage("gcs", self.configuration(first))

    def configuration(self, tokens: Tokens, bucket: str = "", **other: Any) -> dict[str, Any]:
        return {"bucket_name": bucket or self.bucket.name, "credentials": json.loads(tokens.key.read_text()), **other}

    def told(self, tokens: Tokens, bucket: str = "", **other: Any) -> None:
        """What the server says of the storage from now on."""
        self.site.server.change_storage(self.storage, "gcs", self.configuration(tokens, bucket, **other))

    def configure(self, tables: str = DIRECTORY, access: str = "") -> None:
        remote = f'[feeds.remote]\nendpoint_url = "{self.proxy.url}"\n{access}'
        self.site.configure(extra=f"{tables}{remote}", feed='wait_optional = "0s"')
        config = Path(self.site.config)
        config.write_text(config.read_text().replace('path = "share"', f'storage = {self.storage}\npath = "in"'))

    def assert_hidden(self, *printed: str) -> None:
        """No part of a key and no token is in the ledger, beside it, or in what was printed."""
        keys = [json.loads(tokens.key.read_text())["private_key"] for tokens in (self.first, self.later)]
        secrets = ["token-1", "BEGIN PRIVATE KEY", *(key.splitlines()[3] for key in keys)]
        files = [path for path in self.site.folder.iterdir() if path.is_file()]
        texts = [*printed, *(path.read_bytes().decode(errors="replace") for path in files)]
        assert not [secret for secret in secrets for text in texts if secret in text]

    def _judge(self, asked: Asked) -> Answer | None:
        counts = asked.headers.get("authorization", "").startswith(f"Bearer {self.accepted.named}")
        return None if counts else refused(401, "authError")


@pytest.fixture
def service(
    site: Installation, gcs: GcsBucket, gcs_proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    (tmp_path / "keys").mkdir()
    with ExitStack() as serves:
        accounts = [Tokens(tmp_path / "keys", named) for named in ("first-", "later-")]
        for tokens in accounts:
            tokens.write(serves.enter_context(serving(tokens.says)))
        yield Service(site, gcs, gcs_proxy, *accounts)


@pytest.mark.parametrize("as_text", [False, True], ids=["an object", "as text"])
def test_a_bucket_is_read_with_the_storages_account_which_is_written_nowhere(service: Service, as_text: bool) -> None:
    site, bucket = service.site, service.bucket
    fill(bucket)
    service.configure()
    if as_text:
        service.told(service.first, credentials=service.first.key.read_text())

    checked = site.type("config", "check")
    place = f"{bucket.url} at {service.proxy.url}"
    assert f"storage {service.storage} (NAS, gcs), path in → {place}" in checked.stdout
    looked = site.type("doctor", "--json")
    assert {one["level"] for one in json.loads(looked.stdout)["findings"] if one["area"] == "folder"} == {"ok"}
    done = site.type("once", "--json")
    assert done.exit_code == 0
    assert set(site.units()) == set(PATIENTS)

    shown = [site.type(*command) for command in (("config", "show"), ("status",), ("runs",), ("plan", "--json"))]
    backup = site.type("ledger", "backup", str(site.folder / "copy.db"))
    service.assert_hidden(
        *(text for one in (checked, looked, done, backup, *shown) for text in (one.stdout, one.stderr))
    )


def test_an_older_backend_that_keeps_the_key_leaves_it_to_the_config(
    service: Service, options: Callable[..., None]
) -> None:
    options(sessions=False, storage_secrets=False)
    fill(service.bucket)
    service.configure(access=f'credentials_file = "{service.first.key}"\n')
    assert service.site.sync().exit_code == 0
    assert set(service.site.units()) == set(PATIENTS)


def test_an_account_that_was_replaced_is_taken_up_after_a_refusal_and_nothing_looks_gone_or_new(
    service: Service, at_work: Callable[..., AtWork]
) -> None:
    fill(service.bucket)
    feed = at_work()
    feed.look()
    before = service.site.ledger_text()
    service.accepted = service.later
    service.told(service.later)

    with pytest.raises(SourceUnavailable, match="the credentials are not accepted"):
        feed.look()
    feed.look()

    assert service.site.ledger_text() == before
    assert not feed.work.is_astray()
    assert service.later.given == 1


def test_a_key_that_was_deleted_and_gets_no_token_any_more_is_fetched_anew(
    service: Service, at_work: Callable[..., AtWork]
) -> None:
    fill(service.bucket)
    service.first.lasts = 1
    feed = at_work()
    feed.look()
    before = service.site.ledger_text()
    service.first.refuses, service.accepted = True, service.later
    service.told(service.later)

    with pytest.raises(SourceUnavailable, match="refused, or have expired: invalid_grant") as told:
        feed.look()
    assert "the storage in Synapse" in (told.value.hint or "")
    feed.look()

    assert service.site.ledger_text() == before


def test_an_account_that_is_asked_for_again_in_time_is_taken_up_without_a_refusal(
    service: Service, at_work: Callable[..., AtWork], options: Callable[..., None]
) -> None:
    options(session_seconds=600.0)
    feed = at_work()
    began = feed.now
    feed.look()
    asked = feed.asked
    feed.now = began + 500
    feed.look()
    assert (feed.asked, service.first.given) == (asked, 1)

    service.accepted = service.later
    service.told(service.later)
    feed.now = began + 550
    feed.look()

    assert (feed.asked, service.later.given) == (asked + 1, 1)


def test_a_storage_that_moves_while_it_is_read_is_followed(service: Service, at_work: Callable[..., AtWork]) -> None:
    feed = at_work()
    feed.look()
    other = GcsBucket(service.bucket.server)
    service.told(service.first, other.name)

    feed.now += 3600

    assert feed.work.is_astray()
    with pytest.raises(SourceUnavailable, match=f"which was gs://{service.bucket.name}/in"):
        feed.look()
    assert feed.again().sources[""].root == f"gs://{other.name}/in"
    feed.look()


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nnone\n"}, "it is not whole"),
        ({"type": "external_account", "credential_source": {"file": "/etc/passwd"}}, NO_KEY),
        ("/etc/scans-reader.json", NO_KEY),
    ],
)
def test_a_key_that_can_not_be_used_is_told_without_it(service: Service, credentials: Any, words: str) -> None:
    service.told(service.first, credentials=credentials)
    service.configure()
    done = service.site.type("once")
    assert done.exit_code == 1
    assert words in done.stdout
    service.assert_hidden(done.stdout, done.stderr)
    assert not service.proxy.asked


def test_an_account_that_may_not_read_is_told_without_its_key(service: Service) -> None:
    service.accepted = service.later
    service.configure()
    done = service.site.type("once")
    assert done.exit_code == 1
    assert "the credentials are not accepted" in done.stdout
    service.assert_hidden(done.stdout, done.stderr)
