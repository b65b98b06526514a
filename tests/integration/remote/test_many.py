"""Very many objects on real servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..conftest import STEM, Installation
from .azurite import Container
from .conftest import KINDS
from .fake_gcs import FakeGcs, GcsBucket
from .feeds import configured
from .places import Bucket, Folder, FtpFolder, RemotePlace
from .webbed import WebFolder

MANY = 20_000
REAL = [kind for kind in KINDS if kind not in ("moto", "python")]  # they would prove nothing more, in minutes


@pytest.fixture
def place(remote: RemotePlace, tmp_path: Path) -> Iterator[RemotePlace]:
    """Of each kind. fake-gcs-server has it on disk: in memory it goes through all objects for each that is put."""
    if not isinstance(remote, GcsBucket):
        yield remote
        return
    (tmp_path / "gcs").mkdir()
    server = FakeGcs(tmp_path / "gcs", keeps=True)
    yield GcsBucket(server)
    server.stop()


def put_many(place: RemotePlace) -> None:
    """Images; where a server has them as files, all but the first are copied on its disk, with what it says of it."""
    names = [f"{number:05}.png" for number in range(MANY)]
    place.put(names[0], b"1")
    folder: Path | None = None
    if isinstance(place, Folder):
        folder = place.root
    elif isinstance(place, GcsBucket):
        folder = place.server.folder / "objects" / place.name / place.prefix
    if folder is not None:
        for name in names[1:]:
            shutil.copy2(folder / names[0], folder / name)
        return
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda name: place.put(name, b"1"), names[1:]):
            pass


def asks_for_each(place: RemotePlace) -> bool:
    """Whether the server's lists tell too little: an FTP server's without MLSD, pages of links."""
    return (isinstance(place, FtpFolder) and not place.tells_all) or (
        isinstance(place, WebFolder) and place.asks_for_each
    )


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("remote", REAL, indirect=True)
def test_20_000_objects(site: Installation, place: RemotePlace) -> None:
    put_many(place)
    label = {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True}
    site.configure(specs=[label])
    configured(site, place, extra=STEM)
    counts = site.sync().counts
    assert counts["new"] == MANY
    pages = {Bucket: 20, GcsBucket: 20, Container: 4}.get(type(place))
    if pages is not None:
        assert counts["list_requests"] == pages
    elif not asks_for_each(place):
        assert counts["list_requests"] < 500
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before
