"""From what the server tells of a storage to a place that this machine reads (protocol §9)."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import Remote
from synapse_sync.destinations.synapse.storages import OPEN
from synapse_sync.errors import StorageUnusable
from synapse_sync.grants import Secrets
from synapse_sync.records import StorageSession
from synapse_sync.storages.translation import PlacedRoot, placed_root

SECRET = "s3cr3t-of-the-storage"
KEYS = {"access_key": f"AK-{SECRET}", "secret_key": SECRET}
S3 = {"bucket_name": "scans", **KEYS}
ACCOUNT = json.dumps({"type": "service_account", "private_key": SECRET})
GCS = {"bucket_name": "scans", "credentials": ACCOUNT}

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    **{key: {"location": "/volume1"} for key in ("local", "file_system")},
    **dict.fromkeys(("s3", "amazon_s3", "minio"), S3),
    **dict.fromkeys(("gcs", "gs", "gcp"), GCS),
    "sftp": {"host": "nas", "username": "me", "password": SECRET},
    "smb": {"host": "nas", "share": "scans", "password": SECRET},
    **{key: {"base_url": "https://nas", "headers": json.dumps({"X-Key": SECRET})} for key in ("http", "https")},
    "synology": {"url": "https://nas", "username": "me", "password": SECRET, "otp_code": SECRET},
    "azure": {"account_key": SECRET},
    "ftp": {"host": "nas", "password": SECRET},
    "digital_ocean": S3,
    "one_of_tomorrow": {"key": SECRET},
}
READ = {"local", "file_system", "s3", "amazon_s3", "minio", "gcs", "gs", "gcp", "sftp", "smb", "http", "https"}


def session(provider: str, configuration: dict[str, Any]) -> StorageSession:
    """As the destination makes it of an answer."""
    settings = {key: value for key, value in configuration.items() if key in OPEN}
    return StorageSession(provider, settings, Secrets({k: v for k, v in configuration.items() if k not in OPEN}))


def placed(provider: str, configuration: dict[str, Any], path: str = "a/b", access: Remote | None = None) -> PlacedRoot:
    return placed_root(11, session(provider, configuration), path, access)


def refused(provider: str, configuration: dict[str, Any], access: Remote | None = None) -> str:
    with pytest.raises(StorageUnusable) as error:
        placed(provider, configuration, access=access)
    assert error.value.hint
    return str(error.value)


@pytest.mark.parametrize("provider", CONFIGURATIONS)
def test_every_provider_is_read_or_refused_by_its_name_and_no_secret_is_shown(provider: str) -> None:
    configuration = CONFIGURATIONS[provider]
    if provider in READ:
        found = placed(provider, configuration)
        told = [repr(found), found.address, str(found.remote)]
    else:
        told = [refused(provider, configuration)]
        assert f"storage 11 ({provider}): this version reads no storage of" in told[0]
    assert SECRET not in str([*told, session(provider, configuration)])


def test_what_is_read_by_its_url_alone_is_refused_with_the_path_to_write() -> None:
    assert "remove storage, write ftp://HOST/PATH" in refused("ftp", CONFIGURATIONS["ftp"])
    assert "remove storage, write az://CONTAINER/PREFIX" in refused("azure", CONFIGURATIONS["azure"])


@pytest.mark.parametrize(("path", "folder"), [(".", "/volume1"), ("a", "/volume1/a"), ("a/b", "/volume1/a/b")])
def test_a_local_location_is_a_folder(path: str, folder: str) -> None:
    assert placed("local", {"location": "/volume1/"}, path) == PlacedRoot(folder)


@pytest.mark.parametrize(("path", "url"), [(".", "s3://scans"), ("a", "s3://scans/a"), ("a/b", "s3://scans/a/b")])
def test_a_bucket_is_a_url_with_its_region_endpoint_and_keys(path: str, url: str) -> None:
    found = placed("amazon_s3", S3, path)
    assert (found.path, found.address) == (url, url)
    assert found.remote == Remote(region="us-east-1", endpoint_url="")
    assert found.secrets.get("secret_key") == SECRET
    minio = placed("minio", {**S3, "endpoint_url": "http://nas:9000/", "region_name": "eu"}, path)
    assert minio.address == f"{url} at http://nas:9000"
    assert minio.remote is not None
    assert (minio.remote.region, minio.remote.endpoint_url) == ("eu", "http://nas:9000")


@pytest.mark.parametrize(("path", "url"), [(".", "gs://scans"), ("a", "gs://scans/a"), ("a/b", "gs://scans/a/b")])
def test_a_bucket_of_googles_is_a_url_with_its_service_account(path: str, url: str) -> None:
    found = placed("gcs", {**GCS, "project": "lab"}, path)
    assert (found.path, found.address, found.remote) == (url, url, Remote())
    assert found.secrets.get("credentials") == ACCOUNT
    emulated = Remote.model_validate({"endpoint_url": "http://nas:4443"})
    assert placed("gcs", GCS, path, emulated).address == f"{url} at http://nas:4443"
    assert not placed("gcs", {"bucket_name": "scans"}).secrets
    for own in ({"anonymous": True}, {"credentials_file": "/etc/key.json"}):
        access = Remote.model_validate(own)
        taken = placed("gcs", {**GCS, "credentials": SECRET}, access=access)
        assert (taken.remote, bool(taken.secrets)) == (access, False)


@pytest.mark.parametrize(
    ("told", "path", "url"),
    [
        ({}, ".", "sftp://nas/"),
        ({}, "a/b", "sftp://nas/a/b"),
        ({"port": 22, "root_path": "/"}, "a", "sftp://nas/a"),
        ({"port": "22", "root_path": "/volume1/"}, ".", "sftp://nas/volume1"),
        ({"port": 2222, "root_path": "/volume1"}, "a/b", "sftp://nas:2222/volume1/a/b"),
        ({"host": "fe80::1"}, "a", "sftp://[fe80::1]/a"),
    ],
)
def test_a_folder_of_an_ssh_server_is_a_url_with_its_user_and_password(
    told: dict[str, Any], path: str, url: str
) -> None:
    found = placed("sftp", {"host": "nas", "username": "me", "password": SECRET, **told}, path)
    assert found.path == url.removesuffix("/")
    assert found.remote is not None
    assert found.remote.user == "me"
    assert found.secrets.get("password") == SECRET
    own = Remote.model_validate({"user": "other", "key_file": "/etc/key", "host_key": f"SHA256:{'A' * 43}"})
    access = placed("sftp", {"host": "nas", "username": "me", "password": SECRET}, access=own)
    assert (access.remote, bool(access.secrets)) == (own, False)


@pytest.mark.parametrize(
    ("told", "url", "user"),
    [
        ({"username": "me"}, "smb://nas/scans/a", "me"),
        ({"username": "me", "domain": "LAB", "port": 445, "root_path": "/"}, "smb://nas/scans/a", "LAB\\me"),
        ({"root_path": "/b/", "port": 4450, "share": "/scans"}, "smb://nas:4450/scans/b/a", ""),
    ],
)
def test_a_share_is_a_url_with_its_user_and_password(told: dict[str, Any], url: str, user: str) -> None:
    found = placed("smb", {"host": "nas", "share": "scans", "password": SECRET, **told}, "a")
    assert found.path == url
    assert found.remote is not None
    assert (found.remote.user, found.remote.encrypt) == (user, True)
    assert found.secrets.get("password") == SECRET
    plain = placed("smb", {"host": "nas", "share": "scans", "encrypt": False})
    assert plain.remote is not None
    assert not plain.remote.encrypt
    assert not placed("smb", CONFIGURATIONS["smb"], access=Remote(password_env="A")).secrets


def test_what_the_config_says_goes_before_what_the_server_tells() -> None:
    told = {**S3, "endpoint_url": "http://minio:9000", "region_name": "eu"}
    access = Remote.model_validate({"endpoint_url": "https://outside", "connect_timeout": "3s"})
    found = placed("minio", told, access=access)
    assert found.remote is not None
    assert (found.remote.endpoint_url, found.remote.region) == ("https://outside", "eu")
    assert found.remote.connect_timeout == 3.0
    assert found.secrets
    for own in (Remote(profile="mine"), Remote(anonymous=True), Remote(access_key_env="A", secret_key_env="B")):
        assert not placed("minio", told, access=own).secrets


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://nas", ".", "https://nas/"),
        ("https://nas:8443/my%20scans/", "a b", "https://nas:8443/my scans/a b"),
        ("http://nas/scans", ".", "http://nas/scans"),
    ],
)
def test_a_web_servers_address_is_one_of_a_folder_of_it(base_url: str, path: str, url: str) -> None:
    headers = {"headers": json.dumps({"X-Key": SECRET})}
    found = placed("https", {"base_url": base_url, **headers}, path)
    assert found.path.rstrip("/") == url.rstrip("/")
    assert found.secrets.get("headers") == headers["headers"]
    assert not placed("https", {"base_url": base_url, **headers}, access=Remote(token_env="A")).secrets


def test_keys_that_the_server_keeps_to_itself_are_looked_for_where_the_config_says() -> None:
    assert not placed("s3", {"bucket_name": "scans"}).secrets


@pytest.mark.parametrize(
    ("provider", "configuration", "words"),
    [
        ("local", {}, "its configuration has no location"),
        ("local", {"location": ""}, "its configuration has no location"),
        ("file_system", {"location": "volume1"}, "is no absolute path"),
        ("s3", KEYS, "its configuration has no bucket_name"),
        ("s3", {**S3, "bucket_name": 5}, "its configuration has no bucket_name"),
        ("s3", {**S3, "bucket_name": f"me:{SECRET}@host"}, "its bucket_name holds a secret"),
        ("s3", {**S3, "bucket_name": "a/b"}, "its bucket_name has a slash"),
        ("s3", {**S3, "bucket_name": "a b"}, "its bucket_name does not begin with the name of a bucket"),
        ("s3", {"bucket_name": "scans", "access_key": SECRET}, "has access_key alone"),
        ("s3", {"bucket_name": "scans", "secret_key": SECRET}, "has secret_key alone"),
        ("minio", {**S3, "endpoint_url": f"https://me:{SECRET}@nas"}, "its endpoint_url is no http or https URL"),
        ("minio", {**S3, "endpoint_url": "nas:9000"}, "its endpoint_url is no http or https URL"),
        ("minio", {**S3, "endpoint_url": ["http://nas"]}, "its endpoint_url is no http or https URL"),
        ("minio", {**S3, "region_name": {"a": 1}}, "or its region_name no text"),
        ("gcs", {"credentials": ACCOUNT}, "its configuration has no bucket_name"),
        ("gs", {**GCS, "bucket_name": "a/b"}, "its bucket_name has a slash"),
        ("gcp", {**GCS, "credentials": f"/etc/{SECRET}.json"}, "its credentials are no service account's key, as JSON"),
        ("gcs", {**GCS, "credentials": json.dumps([SECRET])}, "its credentials are no service account's key"),
        ("gcs", {**GCS, "credentials": f'{{"type": "external_account", "a": "{SECRET}"}}'}, "its credentials are no"),
        ("smb", {"host": "nas"}, "its configuration has no share"),
        ("smb", {"host": "nas", "share": "a/b"}, "its share is no name of one"),
        ("http", {}, "its configuration has no base_url"),
        ("http", {"base_url": f"https://me:{SECRET}@nas"}, "its base_url is no http or https URL of a folder"),
        ("https", {"base_url": "nas/scans"}, "its base_url is no http or https URL of a folder"),
        ("https", {"base_url": "https://nas/?k=" + SECRET}, "its base_url is no http or https URL of a folder"),
        ("https", {"base_url": "https://nas/%ff"}, "its base_url is no http or https URL of a folder"),
        ("https", {"base_url": "https://nas", "headers": SECRET}, "its headers are no texts by their names"),
        ("https", {"base_url": "https://nas", "headers": f'["{SECRET}"]'}, "its headers are no texts by their names"),
        *(
            ("https", {"base_url": "https://nas", "headers": json.dumps(headers)}, "its headers are no texts by")
            for headers in ({"X-Key": f"{SECRET}\r\nX: 1"}, {"키": SECRET}, {"X Y": SECRET}, {"": SECRET})
        ),
        ("sftp", {"password": SECRET}, "its configuration has no host"),
        ("sftp", {"host": f"me:{SECRET}@nas"}, "its host is no name of a server"),
        ("sftp", {"host": "me@nas"}, "its host is no name of a server"),
        ("sftp", {"host": "a/b"}, "its host is no name of a server"),
        ("sftp", {"host": "nas", "port": 70000}, "its host or port does not begin with a server's name"),
    ],
)
def test_what_is_missing_or_wrong_is_said_without_a_secret(
    provider: str, configuration: dict[str, Any], words: str
) -> None:
    said = refused(provider, configuration)
    assert words in said
    assert SECRET not in said


def test_the_address_is_the_same_whatever_the_credentials() -> None:
    other = {**S3, "access_key": "other", "secret_key": "another"}
    assert placed("s3", S3).address == placed("s3", other).address == placed("s3", {"bucket_name": "scans"}).address


@given(st.dictionaries(st.sampled_from(["access_key", "secret_key", "password"]), st.text(min_size=8), min_size=1))
def test_secrets_show_their_names_alone_and_leave_the_process_nowhere(values: dict[str, str]) -> None:
    secrets = Secrets(values)
    shown = f"{secrets} {secrets!r} {[secrets]} {StorageSession('s3', {}, secrets)}"
    assert not [
        value for value in values.values() if value in shown and value not in f"{Secrets(dict.fromkeys(values, ''))}"
    ]
    assert {name: secrets.get(name) for name in values} == values
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="stay in this process"):
            leave(secrets)
    with pytest.raises(TypeError):
        vars(secrets)


PEM = "-----BEGIN PRIVATE KEY-----\nTUlJRX\nZ1RJQk\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("kept", [PEM, json.dumps({"type": "service_account", "private_key": PEM})])
def test_a_line_of_a_key_is_a_secret_as_well(kept: str) -> None:
    given_to: list[str] = []
    Secrets({"key": kept, "password": SECRET, "headers": json.dumps(["a"])}).give_to(given_to.append)
    assert {kept, SECRET, "TUlJRX", "Z1RJQk"} <= set(given_to)
    assert "service_account" not in given_to


def test_the_value_of_a_header_is_a_secret_as_well() -> None:
    given_to: list[str] = []
    Secrets({"headers": json.dumps({"X-Key": SECRET})}).give_to(given_to.append)
    assert SECRET in given_to
