"""An object of Google Cloud Storage, asked for by its generation alone; see ObjectFile.

What is stored compressed (contentEncoding = "gzip") is read as it is stored: that is what its size and its digests are
of. The service would unpack it for who does not take gzip, and tell another size then.
"""

from __future__ import annotations

from synapse_sync.errors import FileUnreadable
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.gcs import refusals
from synapse_sync.sources.gcs.client import Client
from synapse_sync.sources.http_asking import AsStored
from synapse_sync.sources.object_reading import ObjectFile, number_of
from synapse_sync.sources.versions import version_of

_AS_STORED = "x-goog-stored-content-encoding"


class ObservedGcsObject(ObjectFile):
    """The object at `path` of the API, held against its observation; see RemoteFile for what it raises."""

    _connection: Connection[Client]

    def __init__(self, connection: Connection[Client], path: str, described: str, observed: Observation) -> None:
        super().__init__(connection, described, observed, refusals)
        self._path = path
        self._generation = version_of(observed)
        self._this = {"ifGenerationMatch": self._generation}

    def _ask(self) -> None:
        with self._translated():
            answer = self._client().opened(self._path, {**self._this, "alt": "media"}, self._position)
        self._comes(AsStored(answer))
        told = answer.headers
        size = self._size_told(told.get("content-range", ""), told.get("content-length", self._observed.size))
        if _AS_STORED in told and told.get("content-encoding", "identity") != told[_AS_STORED]:
            raise FileUnreadable(
                f"{self._described} can't be read: the service does not send it as it is stored",
                hint='set its Cache-Control to "no-transform"',
            )
        self._compare(size, same=told.get("x-goog-generation") == self._generation)

    def _look(self) -> None:
        with self._translated():
            told = self._client().asked(self._path, {**self._this, "fields": "generation,size"})
        self._compare(number_of(told.get("size")), same=told.get("generation") == self._generation)
