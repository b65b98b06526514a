"""A feed from a bucket, and files for it."""

from __future__ import annotations

from ..conftest import DIRECTORY, Installation
from .interference import Proxy
from .places import Bucket

PATIENTS = [f"p{number}" for number in range(12)]


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
