"""Very many objects on real servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..conftest import STEM, Installation
from .places import Bucket


@pytest.mark.timeout(600)
def test_20_000_objects(site: Installation, bucket: Bucket) -> None:
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
