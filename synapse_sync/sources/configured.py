"""The source that a feed's or an asset's path means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from synapse_sync.config import AssetRoot, scheme_of
from synapse_sync.errors import ConfigError
from synapse_sync.sources.base import Source
from synapse_sync.sources.local import LocalSource

_READERS: Mapping[str, tuple[str, str]] = {
    "s3": ("s3", "S3Source"),
    "gs": ("gcs", "GcsSource"),
    "az": ("azure", "AzureSource"),
    "sftp": ("sftp", "SftpSource"),
    "smb": ("smb", "SmbSource"),
    "ftp": ("ftp", "FtpSource"),
    "ftps": ("ftp", "FtpSource"),
    **dict.fromkeys(("webdav", "webdavs"), ("webdav", "WebdavSource")),
    **dict.fromkeys(("http", "https"), ("http", "HttpSource")),
}
"""What reads a kind of URL: its package here, and the class in its module `source`."""


def source_of(root: AssetRoot) -> Source:
    """A local folder, or what is behind a URL; what reads that is loaded only now. Raises ConfigError."""
    if root.remote is None:
        return local_source(root)
    scheme = scheme_of(root.path)
    if scheme not in _READERS:
        raise ConfigError(f"{root.path}: this version does not read {scheme}:// paths", hint="see config.example.toml")
    package, name = _READERS[scheme]
    reader: Callable[..., Source] = getattr(import_module(f"synapse_sync.sources.{package}.source"), name)
    return reader(
        root.path,
        root.remote,
        grant=root.grant,
        recursive=root.recursive,
        follow_symlinks=root.follow_symlinks,
        include=root.include,
        exclude=root.exclude,
    )


def local_source(root: AssetRoot) -> LocalSource:
    """The local folder that a path without a scheme means. Raises ConfigError for a pattern that can match nothing."""
    return LocalSource(
        root.path,
        recursive=root.recursive,
        follow_symlinks=root.follow_symlinks,
        include=root.include,
        exclude=root.exclude,
    )
