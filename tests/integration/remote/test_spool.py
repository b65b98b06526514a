"""Remote files on their way: read once, kept on the disk meanwhile, never more than the spool may hold."""

from __future__ import annotations

import os

import pytest

from synapse_sync.sources import remote_reading
from synapse_sync.sources import spool as spools
from synapse_sync.sources.s3 import client

from ..conftest import Installation
from .feeds import PATIENTS, configured, fill
from .interference import Proxy
from .places import Bucket, RemotePlace
from .spooled import times_read, with_upload

BYTES = sum(len(f"image of {patient}label of {patient}") for patient in PATIENTS)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    monkeypatch.setattr(spools, "LEFT_FREE", 0)


@pytest.mark.parametrize("route", ["auto", "chunked"])
def test_every_object_is_read_once_and_the_spool_is_empty_afterwards(
    site: Installation, bucket: Bucket, proxy: Proxy, route: str
) -> None:
    fill(bucket)
    configured(site, bucket, proxy.port)
    with_upload(site, f'route = "{route}"')
    done = site.sync()
    assert done.exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert times_read(proxy) == {1}
    assert "read_twice" not in done.counts
    assert site.received() == BYTES
    assert os.listdir(site.folder / "spool") == []


def test_files_of_every_kind_of_source_are_kept_from_being_read_to_being_sent(
    site: Installation, remote: RemotePlace
) -> None:
    fill(remote)
    configured(site, remote)
    done = site.sync()
    assert (done.exit_code, len(site.units())) == (0, len(PATIENTS))
    assert done.counts["read_files"] == done.counts["sent_files"] == 2 * len(PATIENTS)
    assert "read_twice" not in done.counts
