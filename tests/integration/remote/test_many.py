"""Very many objects on real servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..conftest import STEM, Installation
from .azurite import Container
from .fake_gcs import GcsBucket
from .feeds import configured
from .places import Bucket, RemotePlace


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
    pages = {Bucket: 20, GcsBucket: 20, Container: 4}.get(type(remote))
    assert counts["list_requests"] == pages if pages else counts["list_requests"] < 500
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before
