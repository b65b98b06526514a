"""What fails between us and a bucket: a listing that is cut concludes nothing, a read is taken up again or told."""

from __future__ import annotations

import resource
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.checksum import digest
from synapse_sync.config import Remote
from synapse_sync.errors import FileChanged, SourceUnavailable
from synapse_sync.records import Directory, Untakeable
from synapse_sync.sources import remote_reading
from synapse_sync.sources.s3 import client, listing
from synapse_sync.sources.s3.source import S3Source

from .conftest import ALL
from .interference import Answer, Cut, Proxy, refusal
from .places import KEY, Bucket
from .test_conformance import listed

CONTENT = bytes(range(256)) * 8192  # 2 MiB
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)


@pytest.mark.parametrize(
    "how", [Cut(), Cut(300), refusal(500, "InternalError"), Answer(200, "<html/>"), Answer(200, "")]
)
def test_a_listing_that_fails_on_page_7_is_no_listing_and_the_next_one_is_whole(
    bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: Cut | Answer
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    for number in range(24):
        bucket.put(f"{number:02}", b"1")
    source = bucket.source(endpoint=proxy.url)
    proxy.rule = lambda asked: how if asked.number == 7 else None
    with pytest.raises(SourceUnavailable, match=bucket.name):
        listed(source)
    assert len(listed(source)) == 24
    assert source.list_requests == 7 + 8


def test_a_service_that_is_down_is_told_and_used_again_once_it_is_up(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put("a", CONTENT)
    source = bucket.source(endpoint=proxy.url)
    observed = listed(source)[b"a"]
    proxy.down()
    with pytest.raises(SourceUnavailable, match="can't be reached"):
        listed(source)
    proxy.up()
    asked = len(proxy.asked)
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert len(proxy.asked) == asked  # it rests until a listing succeeds, so that no file waits for it in vain
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream)[0].size == len(CONTENT)


@pytest.mark.parametrize("after", [0, 1, 100_000, len(CONTENT) - 1])
def test_a_read_goes_on_where_the_connection_broke(bucket: Bucket, proxy: Proxy, after: int) -> None:
    bucket.put("a", CONTENT)
    source = bucket.source(endpoint=proxy.url)
    observed = listed(source)[b"a"]
    with bucket.source().open_observed(b"a", observed) as stream:
        expected = digest(stream)
    proxy.rule = lambda asked: Cut(after) if len(proxy.reads()) == 1 and asked.method == "GET" else None
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream) == expected
    first, second = proxy.reads()
    assert "range" not in first.headers
    assert all(asked.headers["if-match"] == observed.token for asked in (first, second))


def test_an_object_that_is_replaced_while_its_connection_is_lost_has_changed(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put("a", CONTENT)
    source = bucket.source(endpoint=proxy.url)
    observed = listed(source)[b"a"]
    proxy.rule = lambda asked: Cut(100_000, lambda: bucket.put("a", CONTENT[::-1])) if asked.method == "GET" else None
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        digest(stream)


def test_a_connection_that_breaks_again_and_again_is_given_up(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put("a", CONTENT)
    source = bucket.source(endpoint=proxy.url)
    observed = listed(source)[b"a"]
    proxy.rule = lambda asked: Cut() if asked.method == "GET" else None
    with pytest.raises(SourceUnavailable, match="breaks again"), source.open_observed(b"a", observed) as stream:
        digest(stream)
    assert len(proxy.reads()) == remote_reading.TRIES


def test_a_server_that_ignores_the_condition_gives_no_other_object(bucket: Bucket, proxy: Proxy) -> None:
    """Its answers name what they are about."""
    bucket.put("a", CONTENT)
    source = bucket.source(endpoint=proxy.url)
    observed = listed(source)[b"a"]
    proxy.rule = lambda asked: Answer(200, "x" * len(CONTENT)) if asked.method == "GET" else None
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        stream.read(1)


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_credentials_that_were_rotated_are_met_by_the_next_listing(
    bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    bucket.put("a", b"1")
    source = bucket.source(endpoint=proxy.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOLD")
    proxy.rule = lambda asked: refusal(403, code) if "AKIAOLD" in asked.headers["authorization"] else None
    with pytest.raises(SourceUnavailable) as refused:
        listed(source)
    assert refused.value.hint
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    assert set(listed(source)) == {b"a"}


def test_credentials_come_from_where_the_config_says(
    bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def key_of(**access: Any) -> str:
        list(S3Source(bucket.url, Remote(endpoint_url=proxy.url, **access)).listing())
        said = proxy.asked[-1].headers.get("authorization", "none")
        return said.partition("Credential=")[2].partition("/")[0] or said

    proxy.rule = lambda _asked: Answer(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    assert key_of() == KEY
    assert key_of(anonymous=True) == "none"
    monkeypatch.setenv("SCANS_KEY", "AKIASCANS")
    monkeypatch.setenv("SCANS_SECRET", "secret")
    assert key_of(access_key_env="SCANS_KEY", secret_key_env="SCANS_SECRET") == "AKIASCANS"
    (tmp_path / "credentials").write_text("[nas]\naws_access_key_id = AKIANAS\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert key_of(profile="nas") == "AKIANAS"
    for access, words in (
        ({"profile": "other"}, "the profile is not in"),
        (
            {"access_key_env": "NOT_SET", "secret_key_env": "SCANS_SECRET"},
            "NOT_SET, which the config names, is not set",
        ),
    ):
        with pytest.raises(SourceUnavailable, match=words):
            key_of(**access)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceUnavailable, match="no credentials"):
        key_of()


def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = bucket.source()
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(SourceUnavailable) as error:
        list(source.listing())
    assert error.value.hint == "pip install 'synapse-sync[s3]'"


def test_keys_that_are_no_files_are_told_unless_the_filters_leave_them_out(s3_port: int) -> None:
    bucket = Bucket(s3_port, prefix="")
    for key in ("a", "a/child", "a/child2/", "d/"):
        bucket.put(key, b"" if key.endswith("/") else b"1")
    page = {"IsTruncated": False, "Contents": [_item(key) for key in ("../up", "x//y", "/abs", "ok")]}

    def told(**options: Any) -> set[str]:
        source = bucket.source(**options)
        source._ask_for_page = lambda **_question: page  # type: ignore[method-assign]
        return {item.name for item in source.listing() if isinstance(item, Untakeable)}

    assert set(listed(bucket.source())) >= {b"a"}
    assert told() == {"../up", "x//y", "/abs"}
    assert told(exclude=["x/", "up"]) == {"/abs"}


def test_a_million_keys_take_no_more_memory_than_a_thousand(bucket: Bucket) -> None:
    """All in one directory; the server is left out, which takes most of the time."""
    pages, keys = 1000 if ALL else 100, 1000
    numbers = count()

    def page(**_question: Any) -> dict[str, Any]:
        number = next(numbers)
        contents = [_item(f"in/d/{number:04}{key:04}") for key in range(keys)]
        return {"IsTruncated": number < pages - 1, "NextContinuationToken": str(number), "Contents": contents}

    source = bucket.source()
    source._ask_for_page = page  # type: ignore[method-assign]
    found, high = 0, 0
    for item in source.listing():
        assert isinstance(item, Directory)
        found += len(item.files)
        high = high or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert found == pages * keys
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - high < 16 << 10  # KiB


def _item(key: str) -> dict[str, Any]:
    return {"Key": key, "Size": 1, "LastModified": MOMENT, "ETag": f'"{key}"'}
