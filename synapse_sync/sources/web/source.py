"""A folder of a web server as a source, whichever way it is listed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO, Unpack, cast

from synapse_sync.config import Remote, host_and_path, scheme_of
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, Observation, RootIdentity, Untakeable
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.conversing import Folders
from synapse_sync.sources.conversing import Refused as FolderRefused
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote import RemoteSource, Wanted, root_number
from synapse_sync.sources.remote_walk import Walk, full_path
from synapse_sync.sources.web.client import Client, connect
from synapse_sync.sources.web.reading import WebFile
from synapse_sync.sources.web.refusals import failures, refusal

_PROTOCOLS = {"http": "http", "https": "https", "webdav": "http", "webdavs": "https"}


class WebSource(RemoteSource):
    """The files below `root`, SCHEME://HOST/PATH, which is plain text: "%20" is no blank. A kind says how it lists."""

    certain_after = 2.0  # the times are in whole seconds, and the ETags of nginx, lighttpd and others are made of them

    def __init__(self, root: str, access: Remote, grant: Grant | None = None, **wanted: Unpack[Wanted]) -> None:
        self._host = host_and_path(root)
        self._user = self._host.user or access.user
        self._kind = scheme_of(root).removesuffix("s")
        self._web = Connection(partial(connect, _PROTOCOLS[scheme_of(root)], self._host, access, grant), Client.close)
        super().__init__(root, self._web, **wanted)
        self._path = self._host.path.encode("utf-8", "surrogateescape")

    def identity(self) -> RootIdentity:
        """A number for server, user and path. Asks nothing: whether it is there, a listing tells."""
        return root_number(self._kind, self._host.name.lower(), str(self._host.port), self._user, self._host.path)

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The file, held against its observation; see WebFile for what it raises."""
        full = full_path(self._path, path)
        look = partial(self._is_still, full, observed)
        opened = WebFile(self._web, full, self.describe_path(path), observed, look, partial(self._forget, full))
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    @abstractmethod
    def _talk(self, client: Client) -> Folders:
        """What a listing asks the server; it counts its requests itself (_count)."""

    @abstractmethod
    def _is_still(self, path: bytes, observed: Observation, client: Client) -> bool:
        """Whether the file at a full path is what was observed, asked as it was observed."""

    def _forget(self, path: bytes) -> None:
        """The file at a full path is another one than was listed."""

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        talk = self._talk(self._web.client(resting=False))
        walk = Walk(talk, self._path, self.filters.enters, lambda _requests: None, self._recursive, follow=False)
        yield from walk.pieces()

    def _count(self) -> None:
        self.list_requests += 1

    def _failures(self) -> tuple[type[Exception], ...]:
        return (*failures(), FolderRefused)

    def _refusal(self, error: Exception) -> Refusal:
        asked = error.__cause__ if isinstance(error, FolderRefused) else error
        return refusal(asked if isinstance(asked, Exception) else error)
