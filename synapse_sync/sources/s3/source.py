"""A bucket, or what lies below a prefix of it, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO, cast

from synapse_sync.config import Remote, bucket_and_prefix
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, FileId, Observation, RootIdentity, Untakeable
from synapse_sync.shown import shown
from synapse_sync.sources.filters import Filters
from synapse_sync.sources.s3.client import Connection
from synapse_sync.sources.s3.listing import pages, pieces
from synapse_sync.sources.s3.reading import ObservedObject
from synapse_sync.sources.s3.refusals import failures, refusal


class S3Source:
    """The objects below `root`, s3://BUCKET/PREFIX. Implements sources.base.Source; may be used by several threads.

    Its connections are its own; after a failure it makes new ones, with credentials looked up anew. Raises ConfigError
    for a pattern of include or exclude that can match nothing.
    """

    remote = True

    def __init__(
        self,
        root: str,
        access: Remote,
        *,
        recursive: bool = True,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        grant: Grant | None = None,
    ) -> None:
        self.root = root
        self.list_requests = 0
        self.filters = Filters(include, exclude)
        self._access = access
        self._bucket, self._prefix = bucket_and_prefix(root)
        self._recursive = recursive
        self._connection = Connection(access, grant)

    def identity(self) -> RootIdentity:
        """A number for service, bucket and prefix. Asks nothing: whether it is there, a listing tells."""
        address = "\0".join((self._access.endpoint_url, self._bucket, self._prefix)).encode()
        return RootIdentity(0, int.from_bytes(hashlib.sha256(address).digest()[:8], "big") >> 1)

    def listing(
        self,
        start: bytes = b"",
        descends: Callable[[bytes], bool] | None = None,  # noqa: ARG002 - a bucket has no folders to be asked about
    ) -> Iterator[Directory | Untakeable]:
        """Everything, in pieces; see Source.listing. A request for each 1,000 keys, and none for an object.

        Raises SourceUnavailable where a page can't be had: after it nothing may be concluded.
        """
        if start:
            raise ValueError(f"{self.root} is listed as a whole")
        with self._told():
            for page in pages(self._ask_for_page, self._bucket, self._prefix, recursive=self._recursive):
                for piece in pieces(page, self._prefix):
                    if isinstance(piece, Directory) or self._would_take(piece):
                        yield piece

    def keeps(self, directory: bytes, name: bytes) -> bool:
        """Whether the include and exclude patterns keep this file."""
        return self.filters.keeps_file(directory, name)

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The object, held against its observation; see ObservedObject for what it raises."""
        place = {"Bucket": self._bucket, "Key": self._prefix + path.decode()}
        described = self._at_service(self.describe_path(path))
        opened = ObservedObject(self._connection, place, described, observed)
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    def writers(self) -> Mapping[FileId, int]:
        """None that could be seen: an object appears whole, once all of it was sent."""
        return {}

    def describe_path(self, path: bytes) -> str:
        """The URL in full, as a person would type it."""
        return f"{self.root}/{shown(path)}" if path else self.root

    def _ask_for_page(self, **question: Any) -> dict[str, Any]:
        self.list_requests += 1
        answer: dict[str, Any] = self._connection.client(resting=False).list_objects_v2(**question)
        return answer

    def _would_take(self, found: Untakeable) -> bool:
        """Whether the filters would take it, so that it is worth telling."""
        directory, _, name = found.name.rstrip("/").encode().rpartition(b"/")
        return self.keeps(directory, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Failures of a listing in our words, and another connection after them."""
        try:
            yield
        except SourceUnavailable as error:
            raise self._unavailable(error.message, error.hint) from error
        except failures() as error:
            why = refusal(error)
            raise self._unavailable(why.what, why.hint) from error
        self._connection.works()

    def _unavailable(self, what: str, hint: str) -> SourceUnavailable:
        why = SourceUnavailable(f"{self._at_service(self.root)} can't be listed: {what}", hint=hint)
        self._connection.failed(why)
        return why

    def _at_service(self, url: str) -> str:
        """A URL in messages: with the address of the service, where it is not Amazon's."""
        return f"{url} at {self._access.endpoint_url}" if self._access.endpoint_url else url
