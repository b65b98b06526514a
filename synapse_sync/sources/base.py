"""What every source can do, local or remote: list itself, directory by directory, and open a file as observed.

A local source lists folder by folder, any of them alone, and each is complete. A remote one (`remote`) is listed as a
whole, page by page as its server gives them: a page holds some files of some directories, in whatever order, and only
the end of the listing tells what is missing. Both hold no more in memory than one directory or one page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from synapse_sync.records import Directory, FileId, Observation, RootIdentity, Unreadable, Untakeable


class Source(Protocol):
    """A place that files come from. Paths are bytes relative to its root, with "/" between the parts."""

    root: str
    """The root as a person writes it: an absolute path or a URL."""

    remote: bool
    """Whether it is reached over the network by us: listed as a whole, in pieces; many read from it at once."""

    vouches: bool
    """Whether its listings may name the MD5 of contents."""

    certain_after: float
    """Seconds for which a file must be seen unchanged at the least: 0 where its token tells of each change; 2 where two
    changes of the same second look the same, so that a second look must come when that second is over."""

    list_requests: int
    """How many requests its listings have sent so far; 0 where they send none."""

    def identity(self) -> RootIdentity:
        """Which folder the root is now. Raises SourceUnavailable where it is missing or can't be read."""

    def listing(
        self, start: bytes = b"", descends: Callable[[bytes], bool] | None = None
    ) -> Iterator[Directory | Unreadable | Untakeable]:
        """Each directory from `start` (b"": the root) down, complete or unreadable, in any order; `start` comes first.

        descends is asked for each sub-folder that the filters take, before it is opened: whether it is listed now.
        Raises SourceUnavailable when the root itself can't be listed, or the listing is cut short: then nothing may be
        concluded. Excluded folders are counted by their parent and not entered. A remote source knows no other start
        than the root, asks nothing of descends, and its directories come in pieces (Directory.whole).
        """

    def keeps(self, directory: bytes, name: bytes) -> bool:
        """Whether the include and exclude patterns keep this file."""

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The file, opened for reading, held against its observation right after opening and again on leaving.

        Raises FileChanged where it differs (on leaving too, if the body raised nothing), FileUnreadable where it
        can't be read. Never blocks on a FIFO, never follows a symlink unless the source was told to.
        """

    def vouched(self, observed: Observation) -> str:
        """The MD5 that a file's content has by the word of its server, lowercase hexadecimal; "" where it says none.

        Asks nothing. It may be wrong: it is believed only where what was read of the source proves it true.
        """

    def writers(self) -> Mapping[FileId, int]:
        """Files that programs have open for writing right now, as far as that can be seen, with a process id each."""

    def describe_path(self, path: bytes) -> str:
        """The path in full as a person would type it, for messages."""
