"""What a remote path and the access to it may say; secrets never stand in the file, nor in what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_sync.config import Config, Host, Share, bucket_and_prefix, host_and_path, loads, rules, share_and_path
from synapse_sync.config.paths import below_root
from synapse_sync.config.toml_text import toml_text
from synapse_sync.errors import ConfigError

SOURCE = Path("/conf/config.toml")
SECRET = "wJalrXUtnFEMI/K7MDENG"


def loaded(**feed: Any) -> Config:
    return loads(toml_text({"feeds": [{"name": "scans", "data_collection": 1, **feed}]}), SOURCE)


def problems(**feed: Any) -> list[str]:
    try:
        loaded(**feed)
    except ConfigError as error:
        if SECRET in " ".join(error.problems):
            raise AssertionError("a secret is repeated") from None
        return [words.partition(", ")[2] or words for words in error.problems]
    return []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("S3://bucket/a", ("bucket", "a/")),
        ("s3://bucket/a/b/", ("bucket", "a/b/")),
        ("s3://bucket/50% off?#1", ("bucket", "50% off?#1/")),
        ("s3://bucket/a//", ("bucket", "a//")),
        ("s3://bucket//", ("bucket", "/")),
        ("GS://my.bucket_1/a/b", ("my.bucket_1", "a/b/")),
        ("az://my-container/a/b", ("my-container", "a/b/")),
        ("AZ://$root", ("$root", "")),
    ],
)
def test_a_url_names_a_bucket_and_what_its_keys_begin_with_and_nothing_in_it_is_unquoted(
    written: str, meant: tuple[str, str]
) -> None:
    (root,) = loaded(path=written).feeds[0].asset_roots().values()
    assert bucket_and_prefix(root.path) == meant


@pytest.mark.parametrize("kind", ["s3", "gs"])
@pytest.mark.parametrize("place", ["", "/prefix", "user@bucket/a", "a:b/c"])
def test_a_url_without_a_bucket_is_none(kind: str, place: str) -> None:
    assert problems(path=f"{kind}://{place}") == [
        f"feeds[0].path: does not begin with the name of a bucket; write it like {kind}://bucket/prefix"
    ]


@pytest.mark.parametrize("place", ["", "/prefix", "user@scans/a", "a", "Scans", "my.bucket"])
def test_a_url_without_a_container_is_none(place: str) -> None:
    assert problems(path=f"az://{place}") == [
        "feeds[0].path: does not begin with the name of a container; write it like az://container/prefix"
    ]


def test_a_shared_access_signature_stands_in_no_url() -> None:
    (words,) = problems(path=f"az://scans/a?sv=2024&sig={SECRET}")
    assert "sas_token_env" in words
    (words,) = problems(path="az://scans", remote={"endpoint_url": f"https://scans.example.org/?sig={SECRET}"})
    assert "sas_token_env" in words


def test_access_to_a_storage_account_that_contradicts_itself_is_told() -> None:
    assert problems(path="az://scans", remote={"account_key_env": "A", "sas_token_env": "B"}) == [
        "feeds[0].remote.sas_token_env: names other credentials than account_key_env; remove one of them"
    ]
    assert problems(path="az://scans", remote={"anonymous": True, "sas_token_env": "B"}) == [
        "feeds[0].remote.anonymous: asks without credentials; remove it, or sas_token_env"
    ]
    assert "is no name of a storage account" in problems(path="az://scans", remote={"account": f"x;{SECRET}"})[0]
    assert problems(path="s3://bucket", remote={"account": "scans"}) == [
        "feeds[0].remote.account: is for az:// paths alone; remove it"
    ]


def test_the_same_container_of_two_accounts_is_two_places() -> None:
    def feeds(*accounts: str) -> Config:
        each = [{"name": a, "data_collection": 1, "path": "az://scans", "remote": {"account": a}} for a in accounts]
        return loads(toml_text({"feeds": each}), SOURCE)

    assert len(feeds("north", "south").feeds) == 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sftp://nas", Host("", "nas", 0, "/")),
        ("SFTP://nas/", Host("", "nas", 0, "/")),
        ("sftp://nas/srv/scans/", Host("", "nas", 0, "/srv/scans")),
        ("sftp://kim@nas.example.org:2222/~/a b%20#1", Host("kim", "nas.example.org", 2222, "/~/a b%20#1")),
        ("sftp://[fe80::1%eth0]:22/a", Host("", "fe80::1%eth0", 22, "/a")),
        ("ftp://nas/scans", Host("", "nas", 0, "/scans")),
        ("FTPS://kim@nas:990/~/", Host("kim", "nas", 990, "/~")),
        (
            "webdavs://kim@cloud/remote.php/dav/files/kim/a b%20#1/",
            Host("kim", "cloud", 0, "/remote.php/dav/files/kim/a b%20#1"),
        ),
        ("HTTPS://nas:8443", Host("", "nas", 8443, "/")),
    ],
)
def test_a_url_names_a_server_and_an_absolute_path_there(written: str, meant: Host) -> None:
    (root,) = loaded(path=written).feeds[0].asset_roots().values()
    assert host_and_path(root.path) == meant


@pytest.mark.parametrize(
    "url",
    [
        "sftp://",
        "sftp:///srv",
        "sftp://nas:0/a",
        "sftp://nas:99999/a",
        "sftp://@nas/a",
        *(f"sftp://{name}/a" for name in ("n s", "n\ns", "n?s", "n#s", "n%20s", "n\\s")),
    ],
)
def test_a_url_without_a_server_is_none(url: str) -> None:
    (words,) = problems(path=url)
    assert "does not begin with a server's name; write it like sftp://host/path" in words


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("smb://nas/scans", Share("", "nas", 0, "scans", "/")),
        ("SMB://kim@nas:1445/scans/ct 1/a#1/", Share("kim", "nas", 1445, "scans", "/ct 1/a#1")),
    ],
)
def test_a_url_names_a_share_and_a_path_in_it(written: str, meant: Share) -> None:
    (root,) = loaded(path=written).feeds[0].asset_roots().values()
    assert share_and_path(root.path) == meant


def test_a_url_without_a_share_is_none() -> None:
    assert problems(path="smb://nas/") == ["feeds[0].path: names no share; write it like smb://host/share/path"]
    assert "does not begin with a server's name; write it like smb://host/path" in problems(path="smb:///scans")[0]


def test_an_option_of_another_kind_of_path_is_told() -> None:
    assert problems(path="smb://nas/scans", remote={"known_hosts": "/k", "encrypt": True, "user": "D\\kim"}) == [
        "feeds[0].remote.known_hosts: is for sftp:// paths alone; remove it"
    ]
    assert problems(path="s3://bucket", remote={"user": "kim"}) == [
        "feeds[0].remote.user: is for sftp://, smb://, ftp://, ftps://, webdav://, webdavs://, http:// and https:// "
        "paths alone; remove it"
    ]
    assert problems(path="webdavs://nas/a", remote={"token_env": "A", "ca_bundle": "/c", "encrypt": True}) == [
        "feeds[0].remote.encrypt: is for smb:// paths alone; remove it"
    ]
    assert problems(path="sftp://nas/a", remote={"region": "eu", "user": "kim"}) == [
        "feeds[0].remote.region: is for s3:// paths alone; remove it"
    ]
    assert problems(path="s3://bucket", remote={"host_key": "SHA256:" + "a" * 43}) == [
        "feeds[0].remote.host_key: is for sftp:// paths alone; remove it"
    ]
    assert problems(path="sftp://nas/a", remote={"anonymous": True}) == [
        "feeds[0].remote.anonymous: is for s3://, gs:// and az:// paths alone; remove it"
    ]
    assert problems(path="gs://bucket", remote={"profile": "scans", "credentials_file": "/k"}) == [
        "feeds[0].remote.profile: is for s3:// paths alone; remove it"
    ]
    assert problems(path="ftp://nas/a", remote={"user": "kim", "password_env": "A", "implicit_tls": True}) == [
        "feeds[0].remote.implicit_tls: is for ftps:// paths alone; remove it"
    ]
    assert problems(path="ftps://nas/a", remote={"user": "kim", "ca_bundle": "/k", "implicit_tls": True}) == []
    both = {"image_1": {"path": "sftp://nas/a"}, "label_1": {"path": "s3://bucket"}}
    assert problems(assets=both, remote={"region": "eu", "user": "kim", "read_timeout": "5s"}) == []


def test_access_to_an_ssh_server_that_contradicts_itself_is_told() -> None:
    assert problems(path="sftp://nas", remote={"key_passphrase_env": "A"}) == [
        "feeds[0].remote.key_passphrase_env: is for a key_file; name the file as well"
    ]
    assert (
        "remove one or the other"
        in problems(path="sftp://nas", remote={"known_hosts": "/k", "host_key": "SHA256:" + "a" * 43})[0]
    )
    assert "is no fingerprint" in problems(path="sftp://nas", remote={"host_key": "ab:cd"})[0]
    for scheme in ("sftp", "ftp", "ftps"):
        assert "names a user" in problems(path=f"{scheme}://kim@nas/a", remote={"user": "lee"})[0]


def test_access_to_a_web_server_that_contradicts_itself_is_told() -> None:
    both = {"user": "kim", "password_env": "A", "token_env": "B"}
    assert problems(path="https://nas/a", remote=both) == [
        "feeds[0].remote.token_env: is another login than password_env; remove one or the other"
    ]
    assert "names a user" in problems(path="webdav://kim@nas/a", remote={"user": "lee"})[0]
    for path in ("webdav://nas/a", "ftp://nas/a", "smb://nas/a"):
        assert problems(path=path, remote={"password_env": "A"}) == [
            "feeds[0].path: needs a user for its password_env; write user in [feeds.remote]"
        ]
    assert problems(path="sftp://nas/a", remote={"password_env": "A"}) == []  # it is who runs synapse-sync
    assert not problems(path="webdav://kim@nas/a", remote={"password_env": "A"})


def test_a_web_server_without_encryption_is_warned_of() -> None:
    for scheme in ("http", "webdav"):
        (words,) = loaded(path=f"{scheme}://nas:8080/scans").warnings
        assert words.endswith(f"is not encrypted: what is read can be seen and changed on its way; use {scheme}s://")
        assert loaded(path=f"{scheme}://127.0.0.1/scans").warnings == []
        assert loaded(path=f"{scheme}s://nas/scans").warnings == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("s3://bucket", "s3"),
        ("gs://bucket", "gcs"),
        ("az://box", "azure"),
        ("sftp://nas", "sftp"),
        ("smb://nas/scans", "smb"),
    ],
)
def test_what_is_not_installed_is_warned_of_with_the_command(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parent_is_missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    for missing in (lambda _name: None, parent_is_missing):
        monkeypatch.setattr(rules, "find_spec", missing)
        (words,) = loaded(path=path).warnings
        assert f"pip install 'synapse-sync[{kind}]'" in words


@pytest.mark.parametrize("scheme", ["s3", "gs", "az", "sftp", "smb", "ftp", "ftps", "webdavs", "https"])
def test_a_secret_in_a_url_is_refused_with_the_way_to_do_it(scheme: str) -> None:
    (words,) = problems(path=f"{scheme}://AKIA:{SECRET.replace('/', '')}@bucket/prefix")
    assert "holds a secret" in words
    assert "[feeds.remote]" in words


@pytest.mark.parametrize("key", ["secret_key", "aws_secret_access_key", "Password", "session_token", "key"])
def test_a_secret_in_the_table_is_refused_with_the_way_to_do_it(key: str) -> None:
    (words,) = problems(path="s3://bucket", remote={key: SECRET})
    assert "no secret stands in this file" in words
    assert "access_key_env" in words
    assert "credentials_file" in words
    assert "password_env" in words


def test_other_mistakes_in_the_table() -> None:
    assert problems(path="s3://bucket", remote={"end_point_url": "x"}) == [
        "feeds[0].remote.end_point_url: unknown key; did you mean 'endpoint_url'?"
    ]
    assert problems(path="s3://bucket", remote={"secret_key_env": SECRET}) == [
        "feeds[0].remote.secret_key_env: is not the name of an environment variable; the secret itself does not stand "
        "in this file"
    ]
    assert "holds a user or password" in problems(path="s3://b1", remote={"endpoint_url": f"https://u:{SECRET}@h"})[0]
    assert "is not an http or https URL" in problems(path="s3://b1", remote={"endpoint_url": "minio:9000"})[0]


def test_access_that_contradicts_itself_or_is_of_no_use_is_told() -> None:
    assert problems(path="s3://bucket", remote={"access_key_env": "A"}) == [
        "feeds[0].remote.access_key_env: access_key_env and secret_key_env go together; write both"
    ]
    assert problems(path="s3://bucket", remote={"anonymous": True, "profile": "scans"}) == [
        "feeds[0].remote.anonymous: asks without credentials; remove it, or profile"
    ]
    assert problems(path="gs://bucket", remote={"anonymous": True, "credentials_file": "/k"}) == [
        "feeds[0].remote.anonymous: asks without credentials; remove it, or credentials_file"
    ]
    keys = {"access_key_env": "A", "secret_key_env": "B"}
    assert problems(path="s3://bucket", remote={**keys, "profile": "scans"}) == [
        "feeds[0].remote.profile: names other credentials than access_key_env, secret_key_env; remove one or the other"
    ]
    assert problems(path="/srv/scans", remote={"region": "eu"}) == [
        "feeds[0].remote: is for a URL as path, like s3://bucket/prefix, or a storage; remove it"
    ]
    assets = {"image_1": {"path": "/srv/images", "remote": {"region": "eu"}}, "label_1": {"path": "s3://bucket"}}
    assert problems(assets=assets) == [
        "feeds[0].assets.image_1.remote: is for a URL as path, like s3://bucket/prefix, or a storage; remove it"
    ]


def test_an_asset_has_its_own_access_or_the_feeds_and_a_local_one_has_none() -> None:
    assets = {
        "image_1": {"path": "/srv/images"},
        "label_1": {"path": "s3://labels"},
        "mask_1": {"path": "s3://masks", "remote": {"region": "ap"}},
    }
    roots = loaded(assets=assets, remote={"region": "eu"}).feeds[0].asset_roots()
    assert {spec: root.remote and root.remote.region for spec, root in roots.items()} == {
        "image_1": None,
        "label_1": "eu",
        "mask_1": "ap",
    }


def test_the_same_bucket_of_two_services_is_two_places() -> None:
    def both(second: str) -> str:
        feeds = [
            {"name": name, "data_collection": 1, "path": "s3://bucket", "remote": {"endpoint_url": endpoint}}
            for name, endpoint in (("one", "https://a.example"), ("two", second))
        ]
        try:
            loads(toml_text({"feeds": feeds}), SOURCE)
        except ConfigError as error:
            return error.problems[0]
        return ""

    assert both("https://b.example") == ""
    assert "sends the same folder" in both("https://a.example/")


def test_an_address_without_encryption_is_warned_of_unless_it_is_this_machine() -> None:
    def warnings(address: str) -> list[str]:
        return loaded(path="s3://bucket", remote={"endpoint_url": address}).warnings

    assert "not encrypted" in warnings("http://nas:9000")[0]
    assert warnings("http://127.0.0.1:9000") == warnings("https://nas:9000") == []


def test_ftp_without_encryption_is_warned_of_unless_it_is_this_machine_and_takes_nothing_to_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "find_spec", lambda _name: None)
    (words,) = loaded(path="ftp://nas/scans").warnings
    assert words == "ftp://nas/scans is not encrypted: what is read can be seen and changed on its way; use ftps://"
    assert loaded(path="ftp://127.0.0.1/scans").warnings == loaded(path="ftps://nas/scans").warnings == []


@pytest.mark.parametrize(
    ("typed", "root", "relative"),
    [
        ("/srv/a/b.png", "/srv/a", "b.png"),
        ("x/../b.png", "/srv/a", "b.png"),
        ("/srv/b.png", "/srv/a", None),
        ("/srv/a", "/srv/a", None),
        ("s3://bucket/a/b.png", "s3://bucket/a", "b.png"),
        ("s3://bucket/ab/c", "s3://bucket/a", None),
        ("s3://bucket/a/", "s3://bucket/a", None),
        ("/srv/a/b.png", "s3://bucket/a", None),
        ("b.png", "s3://bucket/a", "b.png"),
        ("s3://bucket/a/b", "/srv/a", None),
    ],
)
def test_a_path_that_a_person_types_is_below_a_root_or_not(typed: str, root: str, relative: str | None) -> None:
    assert below_root(typed, root) == relative
