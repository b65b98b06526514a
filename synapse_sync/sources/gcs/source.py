"""A bucket of Google Cloud Storage, or what lies below a prefix of it, as a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, BinaryIO, Unpack, cast
from urllib.parse import quote

from synapse_sync.config import Remote, bucket_and_prefix
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, Observation, RootIdentity, Untakeable
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.gcs.client import Client, connect
from synapse_sync.sources.gcs.listing import pages, pieces
from synapse_sync.sources.gcs.reading import ObservedGcsObject
from synapse_sync.sources.gcs.refusals import failures, no_bucket
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote import RemoteSource, Wanted, root_number
from synapse_sync.sources.versions import md5_of


class GcsSource(RemoteSource):
    """The objects below `root`, gs://BUCKET/PREFIX. Implements sources.base.Source; see RemoteSource.

    A listing takes a request for each 1,000 keys, and none for an object.
    """

    vouches = True

    def __init__(
        self,
        root: str,
        access: Remote,
        grant: Grant | None = None,
        **wanted: Unpack[Wanted],
    ) -> None:
        connection = Connection(partial(connect, access, grant), Client.close)
        super().__init__(root, connection, **wanted)
        self._gcs = connection
        self._address = access.endpoint_url
        bucket, self._prefix = bucket_and_prefix(root)
        self._path = f"/storage/v1/b/{quote(bucket, safe='')}/o"
        self._bucket = bucket

    def identity(self) -> RootIdentity:
        """A number for service, bucket and prefix. Asks nothing: whether it is there, a listing tells."""
        return root_number("gs", self._address, self._bucket, self._prefix)

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The object, held against its observation; see ObservedGcsObject for what it raises."""
        place = f"{self._path}/{quote(self._prefix.encode() + path, safe='')}"
        opened = ObservedGcsObject(self._gcs, place, self._at_service(self.describe_path(path)), observed)
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    def vouched(self, observed: Observation) -> str:
        """The MD5 that the service keeps of the object, if any."""
        return md5_of(observed)

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        for page in pages(self._ask_for_page, self._prefix, recursive=self._recursive):
            yield from pieces(page, self._prefix)

    def _ask_for_page(self, question: dict[str, str | int]) -> dict[str, Any]:
        self.list_requests += 1
        return self._gcs.client(resting=False).asked(self._path, question)

    def _failures(self) -> tuple[type[Exception], ...]:
        return failures()

    def _refusal(self, error: Exception) -> Refusal:
        return no_bucket(error)

    def _at_service(self, url: str) -> str:
        """With the address of the service, where it is not Google's."""
        return f"{url} at {self._address}" if self._address else url
