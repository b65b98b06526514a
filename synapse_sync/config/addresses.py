"""What the URL of a remote path means: s3://BUCKET/PREFIX, sftp://USER@HOST:PORT/PATH, smb://HOST/SHARE/PATH. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple


def scheme_of(url: str) -> str:
    """What stands before "://" in a URL."""
    return url.partition("://")[0]


class Host(NamedTuple):
    """A server and a path there: "" for a user or port (0) that the URL does not name."""

    user: str
    name: str
    port: int
    path: str


_HOST = re.compile(r"(?:([^@:/]+)@)?(\[[0-9A-Za-z:.%]+\]|[^@:/\[\]\s?#%\\]+)(?::(\d{1,5}))?")


def host_and_path(url: str) -> Host:
    """What "sftp://USER@HOST:PORT/PATH" means, as resolve_path leaves it. Raises ValueError where it names no host.

    Nothing is unquoted. The path is absolute; "/" where there is none.
    """
    place, slash, path = url.partition("://")[2].partition("/")
    found = _HOST.fullmatch(place)
    if found is None or int(found[3] or 1) not in range(1, 65536):
        raise ValueError(f"does not begin with a server's name; write it like {scheme_of(url)}://host/path")
    return Host(found[1] or "", found[2].strip("[]"), int(found[3] or 0), slash + path or "/")


def bucket_and_prefix(url: str) -> tuple[str, str]:
    """("bucket", "prefix/") of "s3://bucket/prefix", as resolve_path leaves it; ("bucket", "") of a whole one.

    Nothing is unquoted. What was typed with two slashes at its end keeps one, and means keys that have both.
    """
    bucket, slash, prefix = url.partition("://")[2].partition("/")
    return bucket, prefix + slash


class Share(NamedTuple):
    """A share of a server, and a path in it; see Host."""

    user: str
    name: str
    port: int
    share: str
    path: str


def share_and_path(url: str) -> Share:
    """What "smb://USER@HOST:PORT/SHARE/PATH" means, as resolve_path leaves it. Raises ValueError if there is none."""
    host = host_and_path(url)
    share, slash, path = host.path.removeprefix("/").partition("/")
    if not share:
        raise ValueError("names no share; write it like smb://host/share/path")
    return Share(host.user, host.name, host.port, share, slash + path or "/")
