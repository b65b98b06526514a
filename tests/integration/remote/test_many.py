"""Very many objects on real servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..conftest import STEM, Installation
from .fake_gcs import GcsBucket
from .feeds import configured
from .places import Bucket, RemotePlace
from .webbed import WebFolder


@pytest.mark.timeout(1200)  # fake-gcs-server goes through all its objects for each request
def test_20_000_objects(site: Installation, remote: RemotePlace) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda number: remote.put(f"{number:05}.png", b"1"), range(20_000)):
            pass
    label = {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True}
    site.configure(specs=[label])
    configured(site, remote, extra=STEM)
    counts = site.sync().counts
    assert counts["new"] == 20_000
    if isinstance(remote, Bucket | GcsBucket):
        assert counts["list_requests"] == 20
    elif not (isinstance(remote, WebFolder) and remote.asks_for_each):
        assert counts["list_requests"] < 500
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before
