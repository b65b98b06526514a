"""What Google Cloud Storage alone does: what it stores compressed, keys of any form, and pauses that it names."""

from __future__ import annotations

import os
from typing import Any

import pytest

from synapse_sync.errors import FileUnreadable, SourceUnavailable
from synapse_sync.records import Directory, Untakeable
from synapse_sync.sources import http_asking, remote_reading
from synapse_sync.sources.versions import version_of

from .fake_gcs import GcsBucket, refused
from .interference import Answer, Asked, Proxy
from .test_conformance import listed

CONTENT = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts, and none but one."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(http_asking, "PAUSE", 0.0)
    monkeypatch.setattr(http_asking, "ATTEMPTS", 1)


def reads(asked: Asked) -> bool:
    return "alt=media" in asked.path


def test_what_is_stored_compressed_is_read_as_it_is_stored_from_wherever(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    stored = gcs.put_gzipped("a", os.urandom(5000) + CONTENT)
    source = gcs.source(endpoint=gcs_proxy.url)
    observed = listed(source)[b"a"]
    assert observed.size == len(stored)
    with source.open_observed(b"a", observed) as stream:
        assert stream.read(len(stored) + 1) == stored
        stream.seek(1000)
        assert stream.read(100) == stored[1000:1100]
    unpacked = f"x-goog-generation: {version_of(observed)}\r\nx-goog-stored-content-encoding: gzip\r\n"
    gcs_proxy.rule = lambda asked: Answer(200, "x" * len(stored), unpacked) if reads(asked) else None
    with pytest.raises(FileUnreadable, match="as it is stored"), source.open_observed(b"a", observed) as stream:
        stream.read(1)


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_again_after_the_pause_that_it_names_within_bounds(
    gcs: GcsBucket, gcs_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(http_asking, "ATTEMPTS", 4)
    monkeypatch.setattr(http_asking, "LONGEST_PAUSE", 0.1)
    gcs.put("a", b"1")
    busy = refused(status, headers="Retry-After: 3600\r\n")
    gcs_proxy.rule = lambda asked: busy if asked.number < 4 else None
    assert set(listed(gcs.source(endpoint=gcs_proxy.url))) == {b"a"}
    gcs_proxy.rule = lambda _asked: busy
    gcs_proxy.asked.clear()
    with pytest.raises(SourceUnavailable) as told:
        listed(gcs.source(endpoint=gcs_proxy.url))
    assert told.value.hint
    assert len(gcs_proxy.asked) == 4


@pytest.mark.parametrize("answer", [Answer(302, "", "Location: http://127.0.0.1:1/\r\n"), Answer(200, "[]")])
def test_an_answer_that_leads_elsewhere_or_is_no_object_is_none(
    gcs: GcsBucket, gcs_proxy: Proxy, answer: Answer
) -> None:
    gcs_proxy.rule = lambda _asked: answer
    with pytest.raises(SourceUnavailable, match=gcs.name):
        listed(gcs.source(endpoint=gcs_proxy.url))


def test_keys_that_are_no_files_are_told_unless_the_filters_leave_them_out(gcs: GcsBucket) -> None:
    bucket = GcsBucket(gcs.server, prefix="")
    for key in ("a", "a/child", "d/", "../up", "x//y", "/abs"):
        bucket.put(key, b"" if key.endswith("/") else b"1")

    def told(**options: Any) -> set[str]:
        return {item.name for item in bucket.source(**options).listing() if isinstance(item, Untakeable)}

    files = [item for item in bucket.source().listing() if isinstance(item, Directory)]
    assert {(item.path, name) for item in files for name in item.files} == {(b"", b"a"), (b"a", b"child")}
    assert told() == {"../up", "x//y", "/abs"}
    assert told(exclude=["x/", "up"]) == {"/abs"}
