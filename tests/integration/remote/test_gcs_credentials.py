"""Whom a bucket of Google Cloud Storage is asked as: fake-gcs-server takes anybody, so what it is sent counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.config import Remote
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources import http_asking as client
from synapse_sync.sources import remote_reading
from synapse_sync.sources.gcs.source import GcsSource

from .fake_gcs import GcsBucket, refused
from .interference import Proxy
from .starting import free_port
from .test_conformance import CONTENT, listed
from .token_server import Tokens, serving


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of whoever runs this; no pauses between attempts, and none but one."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    tokens = Tokens(tmp_path)
    with serving(tokens.says) as address:
        tokens.write(address)
        yield tokens


def said_by(proxy: Proxy) -> list[str]:
    return [asked.headers.get("authorization", "none") for asked in proxy.asked]


def test_credentials_come_from_where_the_config_says(
    gcs: GcsBucket, gcs_proxy: Proxy, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login kim password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def told(**access: Any) -> str:
        source = GcsSource(gcs.url, Remote(endpoint_url=gcs_proxy.url, **access))
        with pytest.raises(SourceUnavailable) as error:
            listed(source)
        assert error.value.hint
        return error.value.message

    assert "there are no credentials" in told()
    listed(gcs.source(endpoint=gcs_proxy.url))
    listed(gcs.source(endpoint=gcs_proxy.url, access={"credentials_file": str(tokens.key)}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.key))
    source = gcs.source(endpoint=gcs_proxy.url, access={"read_timeout": "5s"})
    listed(source)
    listed(source)
    assert said_by(gcs_proxy) == ["none", "Bearer token-1", "Bearer token-2", "Bearer token-2"]
    assert all(b"grant_type" in body for body in tokens.asked)
    for wrong, words in (
        ("{}", "is none of"),
        ("no json", "is none of"),
        ('{"type": "service_account"}', "is none of"),
        (
            '{"type": "authorized_user", "client_id": "", "client_secret": "", "refresh_token": "", "expiry": 5}',
            "is none",
        ),
    ):
        (tmp_path / "wrong.json").write_text(wrong)
        assert words in told(credentials_file=str(tmp_path / "wrong.json"))
    assert "can't be read" in told(credentials_file=str(tmp_path / "missing.json"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    assert "missing.json" in told()


def test_a_token_is_had_anew_before_it_ends_and_once_for_all_threads(
    gcs: GcsBucket, gcs_proxy: Proxy, tokens: Tokens
) -> None:
    gcs.put("a", CONTENT)
    observed = listed(gcs.source())[b"a"]
    source = gcs.source(endpoint=gcs_proxy.url, access={"credentials_file": str(tokens.key)})
    threads = [threading.Thread(target=listed, args=(source,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(said_by(gcs_proxy)) == {"Bearer token-1"}
    source._gcs.client()._signs._credentials.expiry = None  # type: ignore[attr-defined]
    source._gcs.client()._signs._credentials.token = None  # type: ignore[attr-defined]
    gcs_proxy.asked.clear()
    with source.open_observed(b"a", observed) as stream:
        assert stream.read(len(CONTENT)) == CONTENT
    assert set(said_by(gcs_proxy)) == {"Bearer token-2"}


def test_credentials_that_are_refused_are_told_and_met_anew_by_the_next_listing(
    gcs: GcsBucket, gcs_proxy: Proxy, tokens: Tokens
) -> None:
    gcs.put("a", CONTENT)
    observed = listed(gcs.source())[b"a"]
    source = gcs.source(endpoint=gcs_proxy.url, access={"credentials_file": str(tokens.key)})
    tokens.refuses = True
    with pytest.raises(SourceUnavailable, match=f"{gcs.name}.*refused, or have expired: invalid_grant") as told:
        listed(source)
    assert "gcloud auth" in (told.value.hint or "")
    with pytest.raises(SourceUnavailable, match="refused"), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    tokens.refuses = False
    gcs_proxy.rule = lambda asked: refused(401, "authError") if "token-1" in asked.headers["authorization"] else None
    with pytest.raises(SourceUnavailable, match="not accepted") as told:
        listed(source)
    assert "token-" not in str(told.value)
    assert set(listed(source)) == {b"a"}  # another token, of credentials that were looked up anew
    tokens.refuses = True
    source._gcs.client()._signs._credentials.token = None  # type: ignore[attr-defined]
    with pytest.raises(SourceUnavailable) as told, source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert "in/a" in told.value.message
    assert "can't be read: the credentials are refused" in told.value.message


def test_who_gives_the_credentials_may_be_out_of_reach(gcs: GcsBucket, tokens: Tokens) -> None:
    tokens.write(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SourceUnavailable, match="who gives the credentials can't be reached"):
        listed(gcs.source(access={"credentials_file": str(tokens.key)}))
