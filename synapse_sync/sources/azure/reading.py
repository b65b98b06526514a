"""A blob of Azure, asked for by its ETag alone; see ObjectFile.

It is read as it is stored, whatever its Content-Encoding says: that is what its size and its digests are of.
"""

from __future__ import annotations

import requests

from synapse_sync.records import Observation
from synapse_sync.sources.azure import refusals
from synapse_sync.sources.azure.client import Client
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.http_asking import AsStored
from synapse_sync.sources.object_reading import ObjectFile, number_of
from synapse_sync.sources.versions import version_of


class ObservedBlob(ObjectFile):
    """The blob of this name, held against its observation; see RemoteFile for what it raises."""

    _connection: Connection[Client]

    def __init__(self, connection: Connection[Client], name: bytes, described: str, observed: Observation) -> None:
        super().__init__(connection, described, observed, refusals)
        self._name = name
        self._etag = version_of(observed)
        self._this = {"If-Match": f'"{self._etag}"'}

    def _ask(self) -> None:
        with self._translated():
            answer = self._opened(self._position)
        self._comes(AsStored(answer))
        told = answer.headers
        size = self._size_told(told.get("content-range", ""), told.get("content-length"))
        self._compare(size, same=self._is_same(answer))

    def _look(self) -> None:
        with self._translated(), self._opened(method="HEAD") as answer:
            size = number_of(answer.headers.get("content-length"))
        self._compare(size, same=self._is_same(answer))

    def _opened(self, start: int = 0, method: str = "GET") -> requests.Response:
        client = self._client()
        try:
            return client.opened(self._name, self._this, start, method)  # type: ignore[no-any-return]
        except refusals.Refused as error:
            if refusals.is_changed(error):  # also what is said where no blob is left: then this raises
                client.opened(self._name, {}, method="HEAD").close()
            raise

    def _is_same(self, answer: requests.Response) -> bool:
        return answer.headers.get("etag", "").strip('"') == self._etag
