"""What stands in for a source in a storage that the server does not tell of now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, FileId, Observation, RootIdentity, Unreadable, Untakeable
from synapse_sync.shown import shown


class Unplaced:
    """A source that can't be listed, for a reason of the server's. Implements sources.base.Source."""

    remote = True
    vouches = False
    list_requests = 0
    certain_after = 0.0

    def __init__(self, root: str, why: SourceUnavailable) -> None:
        self.root = root
        self._why = why

    def identity(self) -> RootIdentity:
        """Raises why it can't be told."""
        raise self._again()

    def listing(
        self,
        start: bytes = b"",  # noqa: ARG002 - nothing of it can be listed
        descends: Callable[[bytes], bool] | None = None,  # noqa: ARG002
    ) -> Iterator[Directory | Unreadable | Untakeable]:
        """Raises why there is none."""
        raise self._again()

    def keeps(self, directory: bytes, name: bytes) -> bool:  # noqa: ARG002
        """Nothing is left out."""
        return True

    def vouched(self, observed: Observation) -> str:  # noqa: ARG002
        """Nothing."""
        return ""

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:  # noqa: ARG002
        """Raises why it can't be opened."""
        raise self._again()

    def writers(self) -> Mapping[FileId, int]:
        """None that could be seen."""
        return {}

    def describe_path(self, path: bytes) -> str:
        """The path below what is known of the root."""
        return f"{self.root}: {shown(path)}" if path else self.root

    def _again(self) -> SourceUnavailable:
        error = SourceUnavailable(self._why.message, hint=self._why.hint)
        error.exit_code = self._why.exit_code
        return error
