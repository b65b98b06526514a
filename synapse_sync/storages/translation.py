"""From a storage's provider and configuration (protocol §9) to a folder or URL with access to it. Pure.

No message and no field but the secrets holds a credential.
"""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from synapse_sync.config import Remote
from synapse_sync.config.paths import resolve_path
from synapse_sync.config.storage_paths import ROOT
from synapse_sync.errors import StorageUnusable
from synapse_sync.grants import NO_SECRETS, Secrets
from synapse_sync.records import StorageSession

_MOUNT = "mount it on this machine, remove storage and write the folder's path"
_AS_S3 = "it speaks S3: remove storage, write s3://BUCKET/PREFIX and its endpoint_url in [feeds.remote]"
_AS_AZ = "remove storage, write az://CONTAINER/PREFIX and account in [feeds.remote]"
_CORRECT = "have it corrected in Synapse"
_REGION = "us-east-1"  # where the configuration names none
SSH, SMB = 22, 445
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header (RFC 9110 5.6.2)
_BREAK = re.compile(r"[\0\r\n]")


class PlacedRoot(NamedTuple):
    """A path in a storage as this machine reaches it. remote: access to it where it is a URL, else None."""

    path: str
    remote: Remote | None = None
    secrets: Secrets = NO_SECRETS

    @property
    def address(self) -> str:
        """What tells it from every other place; the same however access to it changes."""
        return f"{self.path} at {self.remote.endpoint_url}" if self.remote and self.remote.endpoint_url else self.path


class _Asked(NamedTuple):
    """A path in a storage: the storage's number, what the server tells of it, and the access that the config gives."""

    number: int
    session: StorageSession
    path: str
    access: Remote

    def setting(self, name: str) -> str:
        """A setting that must be there. Raises StorageUnusable."""
        value = self.session.settings.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.unusable(f"its configuration has no {name}", "have it completed in Synapse")
        return value

    def unusable(self, what: str, hint: str) -> StorageUnusable:
        return StorageUnusable(f"storage {self.number} ({self.session.provider}): {what}", hint=hint)


def placed_root(number: int, session: StorageSession, path: str, access: Remote | None) -> PlacedRoot:
    """Where `path` (relative, config.storage_paths) of a storage is; access: what [feeds.remote] says, if there is one.

    What the config says goes before what the server tells: its address of a service may be one of an inner network.
    Raises StorageUnusable.
    """
    asked = _Asked(number, session, "" if path == ROOT else path, access or Remote())
    provider = session.provider.lower()
    if provider in _READ:
        return _READ[provider](asked)
    name, hint = _NOT_READ.get(provider, (f"provider {provider}", _MOUNT))
    raise asked.unusable(f"this version reads no storage of {name}", hint)


def _local(asked: _Asked) -> PlacedRoot:
    location = asked.setting("location")
    if not os.path.isabs(location):
        raise asked.unusable(f"its location {location} is no absolute path", _CORRECT)
    return PlacedRoot(os.path.normpath(os.path.join(location, asked.path)))


def _s3(asked: _Asked) -> PlacedRoot:
    return PlacedRoot(_in_bucket(asked, "s3"), _access_to_s3(asked), _keys(asked))


def _gcs(asked: _Asked) -> PlacedRoot:
    return PlacedRoot(_in_bucket(asked, "gs"), asked.access, _account(asked))


def _in_bucket(asked: _Asked, scheme: str) -> str:
    """The URL of the path in a storage that is a bucket."""
    bucket = asked.setting("bucket_name")
    if "/" in bucket:
        raise asked.unusable("its bucket_name has a slash", _CORRECT)
    try:
        return resolve_path(f"{scheme}://{bucket}/{asked.path}", "/")
    except ValueError as error:
        raise asked.unusable(f"its bucket_name {error}", _CORRECT) from None


def _access_to_s3(asked: _Asked) -> Remote:
    settings = asked.session.settings
    told = {"endpoint_url": settings.get("endpoint_url") or "", "region": settings.get("region_name") or _REGION}
    left = {name: value for name, value in told.items() if name not in asked.access.model_fields_set}
    try:
        checked = Remote.model_validate(left)
    except ValidationError:
        hint = "have it corrected in Synapse, or write endpoint_url and region in [feeds.remote]"
        raise asked.unusable("its endpoint_url is no http or https URL, or its region_name no text", hint) from None
    return asked.access.model_copy(update={name: getattr(checked, name) for name in left})


def _keys(asked: _Asked) -> Secrets:
    """Those of the storage, unless the config has its own, or the server keeps them to itself."""
    own = asked.access.access_key_env or asked.access.profile or asked.access.anonymous
    secrets = asked.session.secrets
    there = [name for name in ("access_key", "secret_key") if secrets.get(name)]
    if own or not there:
        return NO_SECRETS
    if len(there) == 1:
        raise asked.unusable(f"its configuration has {there[0]} alone", "have both keys registered in Synapse")
    return secrets


def _account(asked: _Asked) -> Secrets:
    """The storage's service account, unless the config has credentials, or the server keeps them to itself.

    Nothing but the key of one, as JSON: other credentials may name files and programs of this machine's to be read.
    """
    own = asked.access.credentials_file is not None or asked.access.anonymous
    text = asked.session.secrets.get("credentials")
    if own or not text:
        return NO_SECRETS
    try:
        is_account = json.loads(text)["type"] == "service_account"
    except (ValueError, LookupError, TypeError):
        is_account = False
    if not is_account:
        hint = "have that registered in Synapse, or name a file of this machine with credentials_file in [feeds.remote]"
        raise asked.unusable("its credentials are no service account's key, as JSON", hint)
    return asked.session.secrets


def _sftp(asked: _Asked) -> PlacedRoot:
    path = _on_server(asked, "sftp", SSH)
    own = asked.access.password_env or asked.access.key_file is not None
    access = _with(asked.access, user=str(asked.session.settings.get("username") or ""))
    return PlacedRoot(path, access, NO_SECRETS if own else asked.session.secrets)


def _smb(asked: _Asked) -> PlacedRoot:
    settings = asked.session.settings
    share = asked.setting("share").strip("/")
    if "/" in share:
        raise asked.unusable("its share is no name of one", _CORRECT)
    path = _on_server(asked, "smb", SMB, share)
    user, domain = str(settings.get("username") or ""), str(settings.get("domain") or "")
    encrypt = settings.get("encrypt") is not False
    access = _with(asked.access, user=f"{domain}\\{user}" if domain and user else user, encrypt=encrypt)
    return PlacedRoot(path, access, NO_SECRETS if asked.access.password_env else asked.session.secrets)


def _http(asked: _Asked) -> PlacedRoot:
    """A folder of a web server, which wants the headers that the storage names."""
    try:
        path = _folder_of(asked.setting("base_url").strip(), asked.path)
    except ValueError:
        path = ""
    if not path:
        raise asked.unusable("its base_url is no http or https URL of a folder", _CORRECT)
    headers = asked.session.secrets.get("headers")
    if asked.access.password_env or asked.access.token_env or not headers:
        return PlacedRoot(path, asked.access)
    try:
        told = json.loads(headers)
        valid = isinstance(told, dict) and all(map(_is_header, told.items()))
    except ValueError:
        valid = False
    if not valid:
        raise asked.unusable("its headers are no texts by their names", _CORRECT)
    return PlacedRoot(path, asked.access, asked.session.secrets)


def _is_header(told: tuple[str, object]) -> bool:
    name, value = told
    return _NAME.fullmatch(name) is not None and isinstance(value, str) and not _BREAK.search(value)


def _folder_of(base_url: str, path: str) -> str:
    """The URL of a path below an address, written plain; "" where that is none of a folder, or raises ValueError."""
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or "@" in address.netloc or address.query or address.fragment:
        return ""
    folder = unquote(address.path, errors="strict").strip("/")
    below = "/".join(part for part in (folder, path) if part)
    return resolve_path(f"{address.scheme}://{address.netloc}/{below}", "/")


def _on_server(asked: _Asked, scheme: str, usual_port: int, share: str = "") -> str:
    """The URL of the path on a storage that has a host, a port and a root_path."""
    host, port = asked.setting("host"), asked.session.settings.get("port") or usual_port
    if "/" in host or "@" in host:
        raise asked.unusable("its host is no name of a server", _CORRECT)
    folder = str(asked.session.settings.get("root_path") or "/").strip("/")
    below = "/".join(part for part in (share, folder, asked.path) if part)
    place = f"[{host}]" if ":" in host else host
    at_port = "" if str(port) == str(usual_port) else f":{port}"
    try:
        return resolve_path(f"{scheme}://{place}{at_port}/{below}", "/")
    except ValueError as error:
        raise asked.unusable(f"its host or port {error}", _CORRECT) from None


def _with(access: Remote, **told: Any) -> Remote:
    """The access, with what the server tells where the config says nothing."""
    return access.model_copy(
        update={name: value for name, value in told.items() if name not in access.model_fields_set}
    )


_READ: Mapping[str, Callable[[_Asked], PlacedRoot]] = {
    "local": _local,
    "file_system": _local,
    "s3": _s3,
    "amazon_s3": _s3,
    "minio": _s3,
    "gcs": _gcs,
    "gs": _gcs,
    "gcp": _gcs,
    "sftp": _sftp,
    "smb": _smb,
    "http": _http,
    "https": _http,
}
"""Providers that this version reads."""

_NOT_READ = {
    "azure": ("Azure", _AS_AZ),
    "digital_ocean": ("DigitalOcean Spaces", _AS_S3),
    "ftp": ("FTP", "remove storage, write ftp://HOST/PATH"),
    "synology": ("Synology's own interface", _MOUNT),
}
"""Providers that it does not: what they are called, and what to do."""
