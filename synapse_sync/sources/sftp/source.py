"""A folder of an SSH server as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO, cast

from synapse_sync.config import Host, Remote, host_and_path
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, Observation, RootIdentity, Untakeable
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote import RemoteSource, root_number
from synapse_sync.sources.remote_reading import Lost
from synapse_sync.sources.sftp.client import Client, connect
from synapse_sync.sources.sftp.listing import Walk, full_path
from synapse_sync.sources.sftp.reading import ObservedSftpFile
from synapse_sync.sources.sftp.refusals import refusal
from synapse_sync.sources.sftp.session import Refused

HOME = "/~/"
"""What a path begins with that is meant from the user's home folder on the server, as curl has it."""


class SftpSource(RemoteSource):
    """The files below `root`, sftp://HOST/PATH. Implements sources.base.Source; see RemoteSource."""

    certain_after = 2.0  # SFTP tells times in whole seconds

    def __init__(
        self,
        root: str,
        access: Remote,
        *,
        recursive: bool = True,
        follow_symlinks: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        grant: Grant | None = None,
    ) -> None:
        self._host = host_and_path(root)
        connection = Connection(partial(connect, self._host, access, grant), Client.close, Client.usable)
        super().__init__(root, connection, recursive=recursive, include=include, exclude=exclude)
        self._sftp = connection
        self._user = self._host.user or access.user
        self._follow = follow_symlinks
        self._path = _path_of(self._host)

    def identity(self) -> RootIdentity:
        """A number for server, user and path. Asks nothing: whether it is there, a listing tells."""
        return root_number(self._host.name.lower(), str(self._host.port), self._user, self._host.path)

    def listing(
        self,
        start: bytes = b"",
        descends: Callable[[bytes], bool] | None = None,  # noqa: ARG002 - it is listed as a whole, or not at all
    ) -> Iterator[Directory | Untakeable]:
        """Everything, in pieces; see Source.listing. Some four requests for a folder, and none for a file.

        Raises SourceUnavailable where a folder can't be listed to its end: after it nothing may be concluded.
        """
        if start:
            raise ValueError(f"{self.root} is listed as a whole")
        return self._taken(self._pieces())

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The file, held against its observation; see ObservedSftpFile for what it raises."""
        full = full_path(self._path, path)
        opened = ObservedSftpFile(self._sftp, full, self.describe_path(path), observed, follow=self._follow)
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        client = self._sftp.client(resting=False)
        try:
            with client.session() as session:
                enters = self.filters.enters
                walk = Walk(session, self._path, enters, self._count, self._recursive, self._follow)
                yield from walk.pieces()
        except Lost:
            self._sftp.broken(client)
            raise

    def _count(self, requests: int) -> None:
        self.list_requests += requests

    def _failures(self) -> tuple[type[Exception], ...]:
        return Lost, Refused

    def _refusal(self, error: Exception) -> Refusal:
        return refusal(error)


def _path_of(host: Host) -> bytes:
    """What the server is asked for; a relative path is from the user's home folder."""
    path = host.path + "/" if host.path == HOME[:-1] else host.path
    return (path.removeprefix(HOME) or "." if path.startswith(HOME) else path).encode("utf-8", "surrogateescape")
