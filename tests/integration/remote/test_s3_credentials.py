"""Whom S3 is asked as: the keys that the config says, and others once those were rotated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_sync.config import Remote
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.s3 import client
from synapse_sync.sources.s3.source import S3Source

from .interference import Answer, Proxy, refusal
from .places import KEY, Bucket
from .test_conformance import listed


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 1)


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
