"""A bucket, or what lies below a prefix of it, as a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, BinaryIO, Unpack, cast

from synapse_sync.config import Remote, bucket_and_prefix
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, Observation, RootIdentity, Untakeable
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote import RemoteSource, Wanted, root_number
from synapse_sync.sources.s3.client import connect
from synapse_sync.sources.s3.etags import md5_of
from synapse_sync.sources.s3.listing import pages, pieces
from synapse_sync.sources.s3.reading import ObservedObject
from synapse_sync.sources.s3.refusals import failures, refusal


class S3Source(RemoteSource):
    """The objects below `root`, s3://BUCKET/PREFIX. Implements sources.base.Source; see RemoteSource.

    A listing takes a request for each 1,000 keys, and none for an object.
    """

    vouches = True

    def __init__(self, root: str, access: Remote, grant: Grant | None = None, **wanted: Unpack[Wanted]) -> None:
        connection = Connection(partial(connect, access, grant))
        super().__init__(root, connection, **wanted)
        self._access = access
        self._bucket, self._prefix = bucket_and_prefix(root)

    def identity(self) -> RootIdentity:
        """A number for service, bucket and prefix. Asks nothing: whether it is there, a listing tells."""
        return root_number(self._access.endpoint_url, self._bucket, self._prefix)

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The object, held against its observation; see ObservedObject for what it raises."""
        place = {"Bucket": self._bucket, "Key": self._prefix + path.decode()}
        described = self._at_service(self.describe_path(path))
        opened = ObservedObject(self._connection, place, described, observed)
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    def vouched(self, observed: Observation) -> str:
        """The MD5 that the object's ETag seems to be."""
        return md5_of(observed)

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        for page in pages(self._ask_for_page, self._bucket, self._prefix, recursive=self._recursive):
            yield from pieces(page, self._prefix)

    def _ask_for_page(self, **question: Any) -> dict[str, Any]:
        self.list_requests += 1
        answer: dict[str, Any] = self._connection.client(resting=False).list_objects_v2(**question)
        return answer

    def _failures(self) -> tuple[type[Exception], ...]:
        return failures()

    def _refusal(self, error: Exception) -> Refusal:
        return refusal(error)

    def _at_service(self, url: str) -> str:
        """With the address of the service, where it is not Amazon's."""
        return f"{url} at {self._access.endpoint_url}" if self._access.endpoint_url else url
