"""What fails between us and a bucket of Google Cloud Storage: a listing that is cut concludes nothing, a read goes on.

fake-gcs-server ignores `fields` and ifGenerationMatch and knows no credentials; where these matter, the test's own
answers stand for the service (interference.Answer); for credentials see test_gcs_credentials.
"""

from __future__ import annotations

import gc
import os
import resource
import ssl
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.checksum import digest
from synapse_sync.config import Remote
from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources import remote_reading
from synapse_sync.sources.gcs import client, listing
from synapse_sync.sources.gcs.source import GcsSource
from synapse_sync.sources.versions import version_of

from .fake_gcs import FakeGcs, GcsBucket, refused
from .interference import Answer, Asked, Cut, Proxy
from .test_conformance import listed
from .token_server import serving

CONTENT = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts, and none but one."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)


def reads(asked: Asked) -> bool:
    return "alt=media" in asked.path


def observed_in(bucket: GcsBucket, content: bytes = CONTENT) -> Observation:
    bucket.put("a", content)
    return listed(bucket.source())[b"a"]


NO_PAGE = [Answer(200, "<html/>"), Answer(200, ""), Answer(200, "{}"), Answer(200, "[]"), Answer(302, "")]


@pytest.mark.parametrize("how", [Cut(), Cut(300), refused(500), refused(403, "forbidden"), *NO_PAGE])
def test_a_listing_that_fails_on_page_7_is_no_listing_and_the_next_one_is_whole(
    gcs: GcsBucket, gcs_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: Cut | Answer
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    for number in range(24):
        gcs.put(f"{number:02}", b"1")
    source = gcs.source(endpoint=gcs_proxy.url)
    gcs_proxy.rule = lambda asked: how if asked.number == 7 else None
    with pytest.raises(SourceUnavailable, match=gcs.name):
        listed(source)
    assert len(listed(source)) == 24
    assert source.list_requests == 7 + 8
    assert len(gcs_proxy.asked) == 7 + 8  # none for an object


def test_a_page_that_breaks_off_is_asked_for_again(
    gcs: GcsBucket, gcs_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 4)
    gcs.put("a", b"1")
    gcs_proxy.rule = lambda asked: Cut(100) if asked.number < 4 else None
    assert set(listed(gcs.source(endpoint=gcs_proxy.url))) == {b"a"}


def test_a_listing_that_names_the_same_page_again_is_none(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    source = gcs.source(endpoint=gcs_proxy.url)
    gcs_proxy.rule = lambda _asked: Answer(200, '{"kind": "storage#objects", "nextPageToken": "x"}')
    with pytest.raises(SourceUnavailable, match="repeats itself"):
        listed(source)


def test_a_listing_that_hangs_is_given_up_and_the_next_one_is_whole(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    gcs.put("a", b"1")
    source = gcs.source(endpoint=gcs_proxy.url, access={"anonymous": True, "read_timeout": "1s"})
    over = threading.Event()
    gcs_proxy.rule = lambda _asked: over.wait(30) and None
    with pytest.raises(SourceUnavailable, match="stopped answering"):
        listed(source)
    over.set()
    assert set(listed(source)) == {b"a"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_again_after_the_pause_that_it_names_within_bounds(
    gcs: GcsBucket, gcs_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 4)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.1)
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


def test_a_service_that_is_down_is_told_and_used_again_once_it_is_up(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    observed = observed_in(gcs)
    source = gcs.source(endpoint=gcs_proxy.url)
    assert listed(source)[b"a"] == observed
    gcs_proxy.down()
    with pytest.raises(SourceUnavailable, match="can't be reached"):
        listed(source)
    gcs_proxy.up()
    asked = len(gcs_proxy.asked)
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert len(gcs_proxy.asked) == asked  # it rests until a listing succeeds, so that no file waits for it in vain
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream)[0].size == len(CONTENT)


def test_a_server_that_is_stopped_while_it_is_listed_and_read_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    server = FakeGcs(tmp_path, keeps=True)
    proxy = Proxy(server.port)
    proxy.up()
    try:
        bucket = GcsBucket(server)
        observed = observed_in(bucket)
        source = bucket.source(endpoint=proxy.url)
        proxy.rule = lambda asked: Cut(100, server.stop)
        with pytest.raises(SourceUnavailable, match=bucket.name):
            listed(source)
        server.start()
        proxy.rule = lambda asked: Cut(100_000, server.restart) if len(proxy.asked) == 3 else None
        assert listed(source) == {b"a": observed}
        with source.open_observed(b"a", observed) as stream:
            assert stream.read(len(CONTENT)) == CONTENT
        assert [asked.headers.get("range", "") for asked in proxy.asked if reads(asked)][1].startswith("bytes=")
    finally:
        proxy.down()
        server.stop()


@pytest.mark.parametrize("after", [0, 1, 100_000, len(CONTENT) - 1])
def test_a_read_goes_on_where_the_connection_broke(gcs: GcsBucket, gcs_proxy: Proxy, after: int) -> None:
    observed = observed_in(gcs)
    with gcs.source().open_observed(b"a", observed) as stream:
        expected = digest(stream)
    gcs_proxy.rule = lambda asked: Cut(after) if asked.number == 1 else None
    with gcs.source(endpoint=gcs_proxy.url).open_observed(b"a", observed) as stream:
        assert digest(stream) == expected
    first, second, last = gcs_proxy.asked
    assert "range" not in first.headers
    assert ("range" in second.headers) == (after > 0)
    assert not reads(last)
    assert all(f"ifGenerationMatch={version_of(observed)}&" in asked.path for asked in gcs_proxy.asked)


def test_an_object_that_is_replaced_while_its_connection_is_lost_has_changed(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    observed = observed_in(gcs)
    source = gcs.source(endpoint=gcs_proxy.url)
    gcs_proxy.rule = lambda asked: Cut(100_000, lambda: gcs.put("a", CONTENT[::-1]))
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        digest(stream)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("status", "error"), [(412, FileChanged), (404, FileUnreadable), (403, FileUnreadable)])
def test_what_the_service_says_of_another_generation_a_deleted_or_a_forbidden_object(
    gcs: GcsBucket, gcs_proxy: Proxy, status: int, error: type[Exception], number: int
) -> None:
    observed = observed_in(gcs, b"1")
    source = gcs.source(endpoint=gcs_proxy.url)
    gcs_proxy.rule = lambda asked: refused(status) if asked.number == number else None
    expected = FileChanged if (status, number) == (404, 2) else error
    with pytest.raises(expected, match=gcs.name), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    gcs.put("b", b"2")
    with source.open_observed(b"b", listed(source)[b"b"]) as stream:  # others are read all the same
        assert stream.read(2) == b"2"


def test_a_connection_that_breaks_again_and_again_is_given_up(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    observed = observed_in(gcs)
    source = gcs.source(endpoint=gcs_proxy.url)
    gcs_proxy.rule = lambda asked: Cut()
    with pytest.raises(SourceUnavailable, match="breaks again"), source.open_observed(b"a", observed) as stream:
        digest(stream)
    assert len(gcs_proxy.asked) == remote_reading.TRIES


def test_an_answer_that_names_no_generation_is_not_taken_for_the_object(gcs: GcsBucket, gcs_proxy: Proxy) -> None:
    observed = observed_in(gcs)
    source = gcs.source(endpoint=gcs_proxy.url)
    gcs_proxy.rule = lambda asked: Answer(200, "x" * len(CONTENT))
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        stream.read(1)


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


def test_a_little_is_read_of_many_objects_over_one_connection(gcs: GcsBucket) -> None:
    for number in range(5):
        gcs.put(str(number), b"x" * 2000)
    source = gcs.source()
    found = listed(source)
    for path, observed in found.items():
        with source.open_observed(path, observed) as stream:
            assert stream.read(1) == b"x"
    pools = source._gcs.client()._session.get_adapter("http://").poolmanager.pools  # type: ignore[attr-defined]
    assert sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - it is no dict == 1


def test_connections_are_closed_with_the_source_and_no_thread_is_left(gcs: GcsBucket) -> None:
    gcs.put("a", CONTENT)
    threads, before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        source = gcs.source()
        with source.open_observed(b"a", listed(source)[b"a"]) as stream:
            stream.read(1)
    del source, stream
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert threading.active_count() <= threads


def test_a_certificate_of_its_own_is_trusted_where_the_config_names_it(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([*command, "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=-3)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(lambda _path, _body: (200, {"kind": "storage#objects"}), context) as address:

        def source(**access: Any) -> GcsSource:
            return GcsSource("gs://bucket", Remote(endpoint_url=address, anonymous=True, **access))

        with pytest.raises(SourceUnavailable, match="certificate") as told:
            listed(source())
        assert "ca_bundle" in (told.value.hint or "")
        assert listed(source(ca_bundle=str(certificate))) == {}


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


def test_a_million_keys_take_no_more_memory_than_a_thousand(gcs: GcsBucket) -> None:
    """All in one directory; the server is left out, which takes most of the time."""
    numbers = count()

    def page(_question: Any) -> dict[str, Any]:
        number = next(numbers)
        about = {
            "size": "1",
            "generation": "1795615702316149",
            "md5Hash": "ndTkYSaMgDT1yFZOFVxnpg==",
            "timeCreated": "2026-03-01T12:00:00.25Z",
        }
        items = [{"name": f"in/d/{number:04}{key:04}", **about} for key in range(1000)]
        return {"kind": "storage#objects", "items": items} | ({"nextPageToken": str(number)} if number < 999 else {})

    source = gcs.source()
    source._ask_for_page = page  # type: ignore[method-assign]
    found, high = 0, 0
    for item in source.listing():
        assert isinstance(item, Directory)
        found += len(item.files)
        high = high or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert found == 1_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - high < 16 << 10  # KiB


def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    gcs: GcsBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = gcs.source()
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(SourceUnavailable) as error:
        list(source.listing())
    assert error.value.hint == "pip install 'synapse-sync[gcs]'"
