"""Object stores of each kind, with a proxy before their service that interferes; and how each kind talks.

What all of them must survive is tested of all of them (test_objects_*); what is of one alone stands in its own tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from synapse_sync.records import Observation
from synapse_sync.sources import http_asking, remote_reading
from synapse_sync.sources.azure import listing as azure_listing
from synapse_sync.sources.azure.pages import Page
from synapse_sync.sources.gcs import listing as gcs_listing
from synapse_sync.sources.s3 import client as s3_client
from synapse_sync.sources.s3 import listing as s3_listing
from synapse_sync.sources.versions import version_of

from . import azurite, fake_gcs, interference
from .azurite import Container
from .fake_gcs import GcsBucket
from .interference import Answer, Asked, Cut, Proxy
from .places import Bucket


class Speech(NamedTuple):
    """How a kind of service talks.

    refused: an error of this status, in its own form. same_again: a page that names a next one, always the same.
    is_for: whether a request is for what was observed alone. begins: from where on it reads. page: what a source makes
    of a page with these keys, and one that follows it or none. listing, client: the modules with what tests change.
    """

    refused: Callable[[int, str], Answer]
    same_again: str
    is_for: Callable[[Asked, Observation], bool]
    begins: Callable[[Asked], str]
    page: Callable[[Sequence[str], str], Any]
    listing: ModuleType
    client: ModuleType
    library: str
    extra: str
    scheme: str


MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def _s3_refused(status: int, headers: str) -> Answer:
    codes = {403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed", 429: "SlowDown", 503: "SlowDown"}
    return interference.refusal(status, codes.get(status, "InternalError"))._replace(headers=headers)


def _s3_page(keys: Sequence[str], after: str) -> dict[str, Any]:
    items = [{"Key": key, "Size": 1, "LastModified": MOMENT, "ETag": f'"{key}"'} for key in keys]
    return {"IsTruncated": bool(after), "NextContinuationToken": after, "Contents": items}


def _gcs_page(keys: Sequence[str], after: str) -> dict[str, Any]:
    about = {"size": "1", "generation": "1795615702316149", "timeCreated": "2026-03-01T12:00:00.25Z"}
    items = [{"name": key, "md5Hash": "ndTkYSaMgDT1yFZOFVxnpg==", **about} for key in keys]
    return {"kind": "storage#objects", "items": items} | ({"nextPageToken": after} if after else {})


def _azure_page(keys: Sequence[str], after: str) -> Page:
    return Page([(key.encode(), Observation(1, 1, 0, "0x8DE77")) for key in keys], after)


S3 = Speech(
    _s3_refused,
    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>",
    lambda asked, observed: asked.headers.get("if-match") == observed.token,
    lambda asked: asked.headers.get("range", ""),
    _s3_page,
    s3_listing,
    s3_client,
    "botocore.session",
    "s3",
    "s3",
)
GCS = Speech(
    lambda status, headers: fake_gcs.refused(status, headers=headers),
    json.dumps({"kind": "storage#objects", "nextPageToken": "x"}),
    lambda asked, observed: f"ifGenerationMatch={version_of(observed)}&" in asked.path,
    lambda asked: asked.headers.get("range", ""),
    _gcs_page,
    gcs_listing,
    http_asking,
    "google.auth",
    "gcs",
    "gs",
)
AZURE = Speech(
    lambda status, headers: azurite.refused(status, headers=headers),
    "<EnumerationResults><NextMarker>x</NextMarker></EnumerationResults>",
    lambda asked, observed: asked.headers.get("if-match") == f'"{version_of(observed)}"',
    lambda asked: asked.headers.get("x-ms-range", ""),
    _azure_page,
    azure_listing,
    http_asking,
    "azure.storage",
    "azure",
    "az",
)
SPEECH = {Bucket: S3, GcsBucket: GCS, Container: AZURE}


@dataclass
class Store:
    """An empty bucket, and the proxy in front of its service. kind: of the server."""

    kind: str
    bucket: Any
    proxy: Proxy = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.bucket.port)
        self.speech = SPEECH[type(self.bucket)]

    @property
    def name(self) -> str:
        """The bucket's."""
        return str(self.bucket.name)

    def put(self, path: str, content: bytes) -> None:
        self.bucket.put(path, content)

    def source(self, access: dict[str, Any] | None = None, **options: Any) -> Any:
        """One that asks through the proxy."""
        known = {"anonymous": True, **(access or {})} if self.speech is GCS else access
        return self.bucket.source(endpoint=self.proxy.url, access=known, **options)

    def refused(self, status: int, headers: str = "") -> Answer:
        """What the service says when it refuses."""
        return self.speech.refused(status, headers)

    def fails(self, how: str) -> Cut | Answer:
        """One of WAYS."""
        by = {"it breaks off at once": Cut(), "it breaks off in the middle": Cut(200)}
        return by.get(how) or (self.refused(int(how)) if how.isdigit() else Answer(200, how.removeprefix("says ")))


WAYS = ["it breaks off at once", "it breaks off in the middle", "500", "403", "says <html/>", "says ", "says {}"]
"""How an answer to a listing fails."""


def at_once(store: Store, monkeypatch: pytest.MonkeyPatch, attempts: int = 1) -> None:
    """No pauses between attempts, and so many attempts."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(store.speech.client, "PAUSE", 0.0, raising=False)
    monkeypatch.setattr(store.speech.client, "ATTEMPTS", attempts)
