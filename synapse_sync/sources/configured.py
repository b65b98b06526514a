"""The source that a feed's or an asset's path means."""

from __future__ import annotations

from synapse_sync.config import AssetRoot, scheme_of
from synapse_sync.errors import ConfigError
from synapse_sync.sources.base import Source
from synapse_sync.sources.local import LocalSource


def source_of(root: AssetRoot) -> Source:
    """A local folder, or what is behind a URL; what reads that is loaded only now. Raises ConfigError."""
    if root.remote is None:
        return local_source(root)
    scheme = scheme_of(root.path)
    if scheme == "s3":
        from synapse_sync.sources.s3.source import S3Source

        return S3Source(
            root.path,
            root.remote,
            recursive=root.recursive,
            include=root.include,
            exclude=root.exclude,
            grant=root.grant,
        )
    if scheme == "sftp":
        from synapse_sync.sources.sftp.source import SftpSource

        return SftpSource(
            root.path,
            root.remote,
            recursive=root.recursive,
            follow_symlinks=root.follow_symlinks,
            include=root.include,
            exclude=root.exclude,
            grant=root.grant,
        )
    if scheme == "smb":
        from synapse_sync.sources.smb.source import SmbSource

        return SmbSource(
            root.path,
            root.remote,
            recursive=root.recursive,
            include=root.include,
            exclude=root.exclude,
            grant=root.grant,
        )
    raise ConfigError(f"{root.path}: this version does not read {scheme}:// paths", hint="see config.example.toml")


def local_source(root: AssetRoot) -> LocalSource:
    """The local folder that a path without a scheme means. Raises ConfigError for a pattern that can match nothing."""
    return LocalSource(
        root.path,
        recursive=root.recursive,
        follow_symlinks=root.follow_symlinks,
        include=root.include,
        exclude=root.exclude,
    )
