"""What Azure Blob Storage alone does: whom it is asked as, its kinds of blobs, what it archives, pauses that it names.

Azurite checks keys and signatures; what Entra and the service say beyond that, the tests say.
"""

from __future__ import annotations

import gzip
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import BlobType

from synapse_sync.config import Remote
from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.logs.entries import redacted
from synapse_sync.records import Directory, Untakeable
from synapse_sync.sources import http_asking, remote_reading
from synapse_sync.sources.azure import credentials
from synapse_sync.sources.azure.accounts import Account, account_of
from synapse_sync.sources.azure.source import AzureSource

from ..conftest import Installation
from .azurite import ACCOUNT, KEY, Container, refused
from .feeds import configured, fill
from .interference import Answer, Proxy
from .test_conformance import listed, read_while

EMPTY = Answer(200, "<EnumerationResults><NextMarker/></EnumerationResults>")
TOKEN = "e30.a-token-of-entra"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts, and none but one."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(http_asking, "PAUSE", 0.0)
    monkeypatch.setattr(http_asking, "ATTEMPTS", 1)


@pytest.fixture
def proxy(azure: Container) -> Any:
    proxy = Proxy(azure.port)
    proxy.up()
    yield proxy
    proxy.down()


CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"


def by_key(place: str) -> str:
    """A connection string."""
    return f"{place};AccountName={ACCOUNT};AccountKey={KEY}"


def told(source: AzureSource) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as error:
        listed(source)
    assert error.value.hint
    return error.value


def test_credentials_come_from_where_the_config_says_or_from_azures_own_variables(
    azure: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.put("a", b"1")
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("SCANS_KEY", KEY)
    assert set(listed(azure.source(access={"account_key_env": "SCANS_KEY"}))) == {b"a"}
    unset = told(azure.source(access={"account_key_env": "NOT_SET"}))
    assert "NOT_SET, which the config names, is not set" in str(unset)
    monkeypatch.setenv("SCANS_KEY", "x")
    assert "is none" in str(told(azure.source(access={"account_key_env": "SCANS_KEY"})))
    monkeypatch.setenv(CONNECTION, by_key(f"BlobEndpoint={azure.address}"))
    assert set(listed(azure.source())) == {b"a"}
    assert set(listed(AzureSource(azure.url, Remote()))) == {b"a"}  # which names the account as well
    monkeypatch.setenv(CONNECTION, KEY)
    assert "holds no connection string" in str(told(azure.source()))
    assert KEY not in str(told(azure.source()))
    monkeypatch.delenv(CONNECTION)
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    assert set(listed(azure.source())) == {b"a"}
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "another")  # that is whose key it is then
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # not this machine's own
    assert "there are no credentials" in str(told(azure.source()))


def test_the_account_is_the_one_that_the_config_names_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def account(**access: Any) -> Account:
        return account_of(Remote(**access))

    with pytest.raises(SourceUnavailable, match="which storage account"):
        account()
    with pytest.raises(SourceUnavailable, match=r"^az://scans/in: it is not said which storage account"):
        AzureSource("az://scans/in", Remote()).identity()
    monkeypatch.setenv(CONNECTION, "AccountName=north;AccountKey=eA==;EndpointSuffix=core.windows.net")
    assert account() == Account("north", "https://north.blob.core.windows.net")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "south")
    assert account() == Account("south", "https://south.blob.core.windows.net")
    assert account(account="west") == Account("west", "https://west.blob.core.windows.net")
    china = "https://east.blob.core.chinacloudapi.cn"
    assert account(endpoint_url=china) == Account("east", china)
    private = "https://blob.example.org"
    assert account(endpoint_url=private, account="east") == Account("east", private)
    assert account(endpoint_url=private) == Account("", private)
    monkeypatch.setenv("SCANS_KEY", KEY)
    why = told(AzureSource("az://scans", Remote(endpoint_url=private, account_key_env="SCANS_KEY")))
    assert "without the account's name" in str(why)


def test_a_shared_access_signature_lets_in_and_stands_in_no_message_and_no_log(
    azure: Container, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(credentials, "is_unprotected", lambda _address: False)
    monkeypatch.setattr(http_asking, "ATTEMPTS", 2)
    caplog.set_level(logging.INFO)
    azure.put("d/a", b"1")
    access = {"sas_token_env": "SCANS_SAS"}
    for signature in (azure.signature(), "?" + azure.signature() + "\n"):
        monkeypatch.setenv("SCANS_SAS", signature)
        source = azure.source(endpoint=proxy.url, access=access)
        found = listed(source)
        with source.open_observed(b"d/a", found[b"d/a"]) as stream:
            assert stream.read(2) == b"1"
    assert all("sig=" in asked.path and "authorization" not in asked.headers for asked in proxy.asked)
    secret = signature.partition("sig=")[2].strip()
    messages = []
    for wrong in (azure.signature(ends=timedelta(hours=-1)), azure.signature(rights="r"), "sv=2021-12-02&sig=x"):
        monkeypatch.setenv("SCANS_SAS", wrong)
        messages.append(str(told(azure.source(access=access))))
    monkeypatch.setenv("SCANS_SAS", signature)
    proxy.down()
    messages.append(str(told(azure.source(endpoint=proxy.url, access=access))))
    assert secret not in " ".join(messages)
    assert "sig=" not in " ".join(messages)
    assert secret in caplog.text  # urllib3 says what it asks for again
    assert secret not in redacted(caplog.text)
    monkeypatch.delenv("SCANS_SAS")
    monkeypatch.setenv(CONNECTION, f"BlobEndpoint={azure.address};SharedAccessSignature={azure.signature()}")
    assert set(listed(azure.source())) == {b"d/a"}
    monkeypatch.delenv(CONNECTION)
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", azure.signature())
    assert set(listed(azure.source())) == {b"d/a"}


def test_no_token_and_no_signature_goes_over_an_unencrypted_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("SCANS_SAS", "sig=x")
    for access in ({}, {"sas_token_env": "SCANS_SAS"}):
        why = told(AzureSource("az://scans", Remote(endpoint_url="http://nas.example.org/scans", **access)))
        assert "is not encrypted" in str(why)


def test_a_key_that_was_rotated_is_met_by_the_next_listing(azure: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.put("a", b"1")
    source = azure.source()
    monkeypatch.setenv("AZURE_STORAGE_KEY", "b2xk" + KEY[4:])
    assert "not accepted" in str(told(source))
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    assert set(listed(source)) == {b"a"}


def test_a_feed_whose_key_was_rotated_pauses_says_so_and_goes_on(
    site: Installation, azure: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(azure)
    configured(site, azure)
    assert site.sync().exit_code == 0
    monkeypatch.setenv("AZURE_STORAGE_KEY", "b2xk" + KEY[4:])
    failed = site.sync()
    assert failed.exit_code == 1
    assert azure.name in failed.stdout
    assert "not accepted" in failed.stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    assert site.sync().exit_code == 0


class Entra:
    """Who gives tokens, each for so many seconds; or refuses."""

    def __init__(self) -> None:
        self.given, self.lasts, self.refuses = 0, 3600, ""

    def get_token(self, scope: str) -> AccessToken:
        assert scope == "https://storage.azure.com/.default"
        if self.refuses:
            raise ClientAuthenticationError(self.refuses)
        self.given += 1
        return AccessToken(f"{TOKEN}-{self.given}", int(credentials.time.time()) + self.lasts)


def test_an_identitys_token_is_had_anew_before_it_ends_and_refusals_are_told(
    azure: Container, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    entra = Entra()
    monkeypatch.setattr(credentials, "_identity", lambda _access: entra)
    monkeypatch.setattr(credentials, "is_unprotected", lambda _address: False)
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    proxy.rule = lambda _asked: EMPTY
    source = azure.source(endpoint=proxy.url)
    for lasts in (3600, 3600, 200, 200, 200):
        entra.lasts = lasts
        listed(source)
    assert entra.given == 1
    source._azure.client()._signs._token = None  # type: ignore[attr-defined]
    for _ in range(3):
        listed(source)
    entra.refuses = "AADSTS7000215: Invalid client secret provided: s3cr3t"
    listed(source)  # with the one that still lasts
    entra.lasts, entra.refuses = -1, ""
    listed(source)
    entra.refuses = "AADSTS7000215: Invalid client secret provided: s3cr3t"
    why = str(told(source))
    assert "AADSTS7000215" in why
    assert "s3cr3t" not in why
    assert [asked.headers["authorization"] for asked in proxy.asked] == [
        f"Bearer {TOKEN}-{number}" for number in (*[1] * 5, 2, 3, 4, 4, 5)
    ]
    entra.refuses = ""
    proxy.rule = lambda _asked: refused(403, "AuthorizationPermissionMismatch")
    assert "Storage Blob Data Reader" in (told(source).hint or "")


def test_no_credentials_at_all_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # not this machine's own
    why = told(AzureSource("az://scans", Remote(account="nowhere")))
    assert "there are no credentials" in why.message
    assert "az login" in (why.hint or "")


def test_an_archived_blob_is_told_with_what_to_do_and_others_are_read(azure: Container, proxy: Proxy) -> None:
    azure.put("a", b"1")
    azure.put("b", b"2")
    source = azure.source(endpoint=proxy.url)
    found = listed(source)
    proxy.rule = lambda asked: refused(409, "BlobArchived") if asked.path.endswith("/a") else None
    with pytest.raises(FileUnreadable, match="archived") as error, source.open_observed(b"a", found[b"a"]) as stream:
        stream.read(1)
    assert "rehydrate" in (error.value.hint or "")
    with source.open_observed(b"b", found[b"b"]) as stream:
        assert stream.read(2) == b"2"


def test_a_blob_that_grows_is_another_one_after_each_append_and_vouches_for_nothing(azure: Container) -> None:
    grows = azure.client.get_blob_client("in/log")
    grows.create_append_blob()
    grows.append_block(b"one")
    source = azure.source()
    first = listed(source)[b"log"]
    assert (first.size, source.vouched(first)) == (3, "")
    with pytest.raises(FileChanged):
        read_while(source, b"log", first, lambda: grows.append_block(b"two"))
    second = listed(source)[b"log"]
    assert second.token != first.token
    with source.open_observed(b"log", second) as stream:
        assert stream.read(7) == b"onetwo"
    azure.put("disk", b"x" * 512, blob_type=BlobType.PAGEBLOB)
    disk = listed(source)[b"disk"]
    with source.open_observed(b"disk", disk) as stream:
        assert stream.read(1000) == b"x" * 512
    assert source.vouched(disk) == ""


def test_what_is_stored_compressed_is_read_as_it_is_stored_from_wherever(azure: Container) -> None:
    from azure.storage.blob import ContentSettings

    stored = gzip.compress(bytes(range(256)) * 100)
    azure.put("a", stored, content_settings=ContentSettings(content_encoding="gzip"))
    source = azure.source()
    observed = listed(source)[b"a"]
    assert observed.size == len(stored)
    with source.open_observed(b"a", observed) as stream:
        assert stream.read(len(stored) + 1) == stored
        stream.seek(100)
        assert stream.read(100) == stored[100:200]


def test_snapshots_folders_and_names_that_are_no_paths_are_no_files(azure: Container) -> None:
    azure.put("d", b"", metadata={"hdi_isfolder": "true"})
    azure.put("d/a", b"1")
    azure.put("a", b"1")
    azure.put("a/child", b"1")
    for odd in ("x//y", "/abs", "e/"):
        azure.put(odd, b"" if odd.endswith("/") else b"1")
    azure.client.get_blob_client("in/a").create_snapshot()
    found = list(azure.source().listing())
    files = [(item.path, name) for item in found if isinstance(item, Directory) for name in item.files]
    assert sorted(files) == [(b"", b"a"), (b"a", b"child"), (b"d", b"a")]
    assert {item.name for item in found if isinstance(item, Untakeable)} == {"x//y", "/abs"}


def test_a_change_of_what_is_said_about_a_blob_is_a_change(azure: Container) -> None:
    azure.put("a", b"1")
    source = azure.source()
    before = listed(source)[b"a"]
    azure.client.get_blob_client("in/a").set_blob_metadata({"checked": "yes"})
    assert listed(source)[b"a"] != before


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_again_after_the_pause_that_it_names_within_bounds(
    azure: Container, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(http_asking, "ATTEMPTS", 4)
    monkeypatch.setattr(http_asking, "LONGEST_PAUSE", 0.1)
    azure.put("a", b"1")
    busy = refused(status, "ServerBusy", "Retry-After: 3600\r\n")
    proxy.rule = lambda asked: busy if asked.number < 4 else None
    assert set(listed(azure.source(endpoint=proxy.url))) == {b"a"}
    proxy.rule = lambda _asked: busy
    proxy.asked.clear()
    assert "fewer requests" in str(told(azure.source(endpoint=proxy.url)))
    assert len(proxy.asked) == 4


def test_an_answer_that_leads_elsewhere_is_none(azure: Container, proxy: Proxy) -> None:
    proxy.rule = lambda _asked: Answer(302, "", "Location: http://127.0.0.1:1/\r\n")
    assert azure.name in str(told(azure.source(endpoint=proxy.url)))


def test_a_container_that_was_removed_and_made_again_is_empty_at_first(azure: Container) -> None:
    azure.put("a", b"1")
    source = azure.source()
    listed(source)
    azure.remove()
    assert "there is no such container" in str(told(source))
    azure.make()
    assert listed(source) == {}
