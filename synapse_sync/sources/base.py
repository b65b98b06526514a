"""What every source can do, local or remote: list itself, directory by directory, and open a file as observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from synapse_sync.records import Directory, FileId, Observation, RootIdentity, Unreadable


class Source(Protocol):
    """A place that files come from. Paths are bytes relative to its root, with "/" between the parts."""

    root: str
    """The root as a person writes it: an absolute path or a URL."""

    def identity(self) -> RootIdentity:
        """Which folder the root is now. Raises SourceUnavailable where it is missing or can't be read."""

    def listing(
        self, start: bytes = b"", descends: Callable[[bytes], bool] | None = None
    ) -> Iterator[Directory | Unreadable]:
        """Each directory from `start` (b"": the root) down, complete or unreadable, in any order; `start` comes first.

        descends is asked for each sub-folder that the filters take, before it is opened: whether it is listed now.
        Holds one directory in memory at a time. Raises SourceUnavailable when the root itself can't be listed: then
        nothing may be concluded. Excluded folders are counted by their parent and not entered.
        """

    def keeps(self, directory: bytes, name: bytes) -> bool:
        """Whether the include and exclude patterns keep this file."""

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The file, opened for reading, held against its observation right after opening and again on leaving.

        Raises FileChanged where it differs (on leaving too, if the body raised nothing), FileUnreadable where it
        can't be read. Never blocks on a FIFO, never follows a symlink unless the source was told to.
        """

    def writers(self) -> Mapping[FileId, int]:
        """Files that programs have open for writing right now, as far as that can be seen, with a process id each."""

    def describe_path(self, path: bytes) -> str:
        """The path in full as a person would type it, for messages."""
