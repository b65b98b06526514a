"""A source whose server is talked with (SFTP, SMB, FTP): folders are listed one by one, files are kept open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, cast

from synapse_sync.config import Host
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.conversed_file import ConversedFile
from synapse_sync.sources.conversing import Client, Refused, refusal
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote import RemoteSource
from synapse_sync.sources.remote_reading import Lost
from synapse_sync.sources.remote_walk import Walk, full_path

HOME = "/~/"
"""What a path begins with that is meant from the user's home folder on the server, as curl has it."""


class ConversedSource(RemoteSource):
    """The files below a path of a server. A kind of source says how it is reached, and which one it is.

    A listing takes some four requests for a folder, and none for a file, unless the kind says otherwise.
    """

    certain_after = 2.0  # see sources.base.Source
    path = b"/"
    _connection: Connection[Client[Any]]

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The file, held against its observation; see RemoteFile for what it raises."""
        full = full_path(self.path, path)
        opened = ConversedFile(self._connection, full, self.describe_path(path), observed, follow=self._follow)
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        client = self._connection.client(resting=False)
        try:
            with client.talk() as talk:
                walk = Walk(talk, self.path, self.filters.enters, self._count, self._recursive, self._follow)
                yield from walk.pieces()
        except Lost:
            self._connection.broken(client)
            raise

    def _count(self, requests: int) -> None:
        self.list_requests += requests

    def _failures(self) -> tuple[type[Exception], ...]:
        return Lost, Refused

    def _refusal(self, error: Exception) -> Refusal:
        return refusal(error)


def path_there(host: Host) -> bytes:
    """What the server is asked for: an absolute path, or one from the user's home folder ("." is that itself)."""
    path = host.path + "/" if host.path == HOME[:-1] else host.path
    return (path.removeprefix(HOME) or "." if path.startswith(HOME) else path).encode("utf-8", "surrogateescape")
