"""What all remote sources share: their root, their filters, and failures of a listing in words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, FileId, Observation, RootIdentity, Untakeable
from synapse_sync.shown import shown
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.filters import Filters
from synapse_sync.sources.refusals import Refusal


class Wanted(TypedDict, total=False):
    """Which files below its root a source gives, as the config has it."""

    recursive: bool
    follow_symlinks: bool
    include: Sequence[str]
    exclude: Sequence[str]


def root_number(*address: str) -> RootIdentity:
    """Which place an address is: a number that is another one for each other address."""
    digest = hashlib.sha256("\0".join(address).encode()).digest()
    return RootIdentity(0, int.from_bytes(digest[:8], "big") >> 1)


class RemoteSource:
    """The part of sources.base.Source that does not depend on the kind; may be used by several threads.

    Its connections are its own; after a failure it makes new ones, with credentials looked up anew. Symbolic links are
    followed where the kind has some. Raises ConfigError for a pattern of include or exclude that can match nothing.
    """

    remote = True
    vouches = False
    certain_after = 0.0

    def __init__(
        self,
        root: str,
        connection: Connection[Any],
        *,
        recursive: bool = True,
        follow_symlinks: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        self.root = root
        self.list_requests = 0
        self.filters = Filters(include, exclude)
        self._recursive = recursive
        self._follow = follow_symlinks
        self._connection = connection

    def listing(
        self,
        start: bytes = b"",
        descends: Callable[[bytes], bool] | None = None,  # noqa: ARG002 - it is listed as a whole, or not at all
    ) -> Iterator[Directory | Untakeable]:
        """Everything, in pieces; see Source.listing.

        Raises SourceUnavailable where a page or a folder can't be listed to its end: after it nothing may be concluded.
        """
        if start:
            raise ValueError(f"{self.root} is listed as a whole")
        return self._taken(self._pieces())

    def keeps(self, directory: bytes, name: bytes) -> bool:
        """Whether the include and exclude patterns keep this file."""
        return self.filters.keeps_file(directory, name)

    def vouched(self, observed: Observation) -> str:  # noqa: ARG002 - whatever it is
        """Nothing, unless the kind's listings name digests."""
        return ""

    def writers(self) -> Mapping[FileId, int]:
        """None that could be seen from here."""
        return {}

    def describe_path(self, path: bytes) -> str:
        """The URL in full, as a person would type it."""
        return f"{self.root}/{shown(path)}" if path else self.root

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        """Everything below the root, as it comes; raises as _failures() has it, and SourceUnavailable."""
        raise NotImplementedError

    def _failures(self) -> tuple[type[Exception], ...]:
        """What a listing raises where the service fails it."""
        raise NotImplementedError

    def _refusal(self, error: Exception) -> Refusal:
        """What one of them means."""
        raise NotImplementedError

    def _at_service(self, url: str) -> str:
        """A URL in messages, with the address of the service where it does not tell that."""
        return url

    def _taken(self, pieces: Iterator[Directory | Untakeable]) -> Iterator[Directory | Untakeable]:
        """The pieces of a listing, without what can't be taken and the filters would not; failures are told."""
        try:
            for piece in pieces:
                if isinstance(piece, Directory) or self._would_take(piece):
                    yield piece
        except SourceUnavailable as error:
            raise self._unavailable(error.message, error.hint) from error
        except self._failures() as error:
            why = self._refusal(error)
            raise self._unavailable(why.what, why.hint) from error
        self._connection.works()

    def _would_take(self, found: Untakeable) -> bool:
        """Whether the filters would take it, so that it is worth telling."""
        directory, _, name = found.name.rstrip("/").encode().rpartition(b"/")
        return self.keeps(directory, name) or (found.path != b"" and self.filters.enters(found.path))

    def _unavailable(self, what: str, hint: str) -> SourceUnavailable:
        why = SourceUnavailable(f"{self._at_service(self.root)} can't be listed: {what}", hint=hint)
        self._connection.failed(why)
        return why
