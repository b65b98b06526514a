"""A folder of a plain web server as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from synapse_sync.config import Remote
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources.conversing import Folders
from synapse_sync.sources.http.known import Known
from synapse_sync.sources.http.talk import Talk, Wanted
from synapse_sync.sources.remote import Wanted as Files
from synapse_sync.sources.web.client import Client
from synapse_sync.sources.web.source import WebSource
from synapse_sync.sources.web.validators import is_same, size_of


class HttpSource(WebSource):
    """One request for each folder, and one for each file of which its list tells too little, unless it is known.

    Implements sources.base.Source; see RemoteSource.
    """

    def __init__(self, root: str, access: Remote, grant: Grant | None = None, **wanted: Unpack[Files]) -> None:
        super().__init__(root, access, grant, **wanted)
        self._known = Known()

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        self._known.begins()
        yield from super()._pieces()
        self._known.ends()

    def _talk(self, client: Client) -> Folders:
        return Talk(Wanted(client, self._path, self.keeps, self._count, self._known))

    def _is_still(self, path: bytes, observed: Observation, client: Client) -> bool:
        told = client.head(path).headers
        size = size_of(told.get("content-length", ""))
        return size in (None, observed.size) and is_same(observed, told)

    def _forget(self, path: bytes) -> None:
        self._known.forget(path)
