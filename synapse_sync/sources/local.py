"""A local folder, or one that is mounted here, as a source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, FileId, Observation, RootIdentity, Unreadable
from synapse_sync.shown import shown
from synapse_sync.sources.facts import root_identity
from synapse_sync.sources.filters import Filters
from synapse_sync.sources.reading import ObservedFile
from synapse_sync.sources.refusals import refusal
from synapse_sync.sources.walk import Walk
from synapse_sync.sources.writers import writers


class LocalSource:
    """The files below `root`, an absolute path. Implements sources.base.Source; may be used by several threads.

    Raises ConfigError for a pattern of include or exclude that can match nothing.
    """

    remote = False
    vouches = False
    certain_after = 0.0
    list_requests = 0

    def __init__(
        self,
        root: str,
        *,
        recursive: bool = True,
        follow_symlinks: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        self.root = root
        self.filters = Filters(include, exclude)
        self._path = os.fsencode(root)
        self._prefix = self._path.rstrip(b"/") + b"/"
        self._recursive = recursive
        self._follow = follow_symlinks

    @property
    def path(self) -> bytes:
        """The root's absolute path."""
        return self._path

    @property
    def follows_symlinks(self) -> bool:
        """Whether symbolic links are followed."""
        return self._follow

    def identity(self) -> RootIdentity:
        """Which folder the root is now. Raises SourceUnavailable where it is missing or can't be read."""
        with self._held_root() as identity:
            return identity

    def listing(
        self, start: bytes = b"", descends: Callable[[bytes], bool] | None = None
    ) -> Iterator[Directory | Unreadable]:
        """Each directory from `start` (a path below the root) down, `start` first; symlinked folders last.

        descends: see Source.listing.
        Nothing but `start` is listed if only the first item is taken; it is Unreadable where it is not there, and
        nothing comes of one that a whole listing would not enter. Raises SourceUnavailable where the root can't be
        listed, and at the end if it is no longer the folder that it was.
        """
        if start and not (self._recursive and self.filters.enters(start)):
            return
        with self._held_root() as before:
            walk = Walk(
                self._path,
                self.filters.enters,
                recursive=self._recursive,
                follow_symlinks=self._follow,
                descends=descends,
            )
            try:
                yield from walk.directories(start)
                now = root_identity(os.stat(self._path))
            except OSError as error:
                raise self._unavailable(error) from error
            if now != before:
                message = f"the folder {self.describe_path(b'')} was replaced or unmounted while it was listed"
                raise SourceUnavailable(message, hint="it is listed again")

    def keeps(self, directory: bytes, name: bytes) -> bool:
        """Whether the include and exclude patterns keep this file."""
        return self.filters.keeps_file(directory, name)

    def open_observed(self, path: bytes, observed: Observation) -> ObservedFile:
        """The file, opened for reading, held against its observation; see ObservedFile for what it raises."""
        return ObservedFile(self._prefix + path, observed, follow_symlinks=self._follow)

    def vouched(self, observed: Observation) -> str:  # noqa: ARG002 - whatever it is
        """Nothing: a file system knows no digests."""
        return ""

    def writers(self) -> Mapping[FileId, int]:
        """Files that programs of this machine have open for writing, below the root or elsewhere; see writers.py."""
        return writers()

    def describe_path(self, path: bytes) -> str:
        """The path in full as a person would type it, for messages."""
        return shown(self._prefix + path if path else self._path)

    @contextmanager
    def _held_root(self) -> Iterator[RootIdentity]:
        """The root, open: while it is, its inode number can't go to another folder. Raises SourceUnavailable."""
        descriptor = -1
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            identity = root_identity(os.fstat(descriptor))
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise self._unavailable(error) from error
        try:
            yield identity
        finally:
            os.close(descriptor)

    def _unavailable(self, error: OSError) -> SourceUnavailable:
        why = refusal(error, self._path)
        return SourceUnavailable(f"the folder {self.describe_path(b'')} can't be listed: {why.what}", hint=why.hint)
