"""Folders of an SSH server, each listed to its end or not at all, in pieces of it.

A folder that can't be listed fails the whole listing, as a connection that is lost does: nothing is concluded then.
Symbolic links are passed over unless they are to be followed; then each folder is listed under one path only, as on
the local disk (sources/walk.py), told apart by the path that the server says it really has.
"""

from __future__ import annotations

import heapq
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.shown import joined, shown
from synapse_sync.sources.sftp.refusals import refusal
from synapse_sync.sources.sftp.session import NO_SUCH_FILE, Attributes, Refused, Session

PIECE = 1000  # files that are given on at once, so that the largest folder takes no more memory than that
REQUESTS = (2, 4, 8, 16)  # that are sent for a folder, one lot after the other: OpenSSH gives a hundred names for each
LONGEST = 4096  # bytes of a path

_NO_NAME = "the server gives it a name that no file can have"
_NO_SIZE = "the server does not tell its kind and size"
_RENAME = "rename it there, or leave it out with exclude"


@dataclass
class Walk:
    """One listing below `root`, an absolute path there. enters: whether the filters let a folder be entered."""

    session: Session
    root: bytes
    enters: Callable[[bytes], bool]
    count: Callable[[int], None]
    recursive: bool
    follow: bool
    _seen: set[bytes] = field(default_factory=set)
    _folders: list[tuple[bytes, bytes]] = field(default_factory=list)
    _links: list[tuple[bytes, bytes]] = field(default_factory=list)

    def pieces(self) -> Iterator[Directory | Untakeable]:
        """Everything below the root. Raises Lost, and Refused or SourceUnavailable where a folder can't be listed."""
        self._check_root()
        self._folders.append((b"", self._real(self.root)))
        while self._folders or self._links:
            path, real = self._folders.pop() if self._folders else heapq.heappop(self._links)
            if self.follow:
                if real in self._seen:
                    continue
                self._seen.add(real)
            try:
                yield from self._folder(path, real)
            except Refused as error:
                if error.code == NO_SUCH_FILE and path and self._was_deleted(path):
                    continue
                why = refusal(error)
                where = f"its folder {shown(path)}: " if path else ""
                raise SourceUnavailable(where + why.what, hint=why.hint) from error

    def full(self, path: bytes) -> bytes:
        """The path on the server of one below the root."""
        return full_path(self.root, path)

    def _folder(self, path: bytes, real: bytes) -> Iterator[Directory | Untakeable]:
        self.count(1)
        handle = self.session.open_folder(self.full(path))
        try:
            piece = Directory(path, 0, {}, whole=False)
            lots, end = iter(REQUESTS), False
            while not end:
                requests = next(lots, REQUESTS[-1])
                self.count(requests)
                entries, end = self.session.entries(handle, requests)
                for name, attributes in entries:
                    if found := self._entry(piece, real, name, attributes):
                        yield found
                    if len(piece.files) >= PIECE:
                        yield piece
                        piece = Directory(path, 0, {}, whole=False)
            yield piece
        finally:
            self.session.close(handle)

    def _entry(self, piece: Directory, real: bytes, name: bytes, attributes: Attributes) -> Untakeable | None:
        """Put one entry where it belongs."""
        if name in (b".", b".."):
            return None
        path = joined(piece.path, name)
        if not name or b"/" in name or b"\0" in name or len(path) > LONGEST:
            return Untakeable(shown(path), _NO_NAME, _RENAME)
        is_link = attributes.mode is not None and stat.S_ISLNK(attributes.mode)
        if is_link and not self.follow:
            return None
        try:
            if is_link or attributes.mode is None or attributes.size is None:
                self.count(1)
                attributes = self.session.stat(self.full(path), follow=self.follow)
        except Refused as error:
            if is_link or error.code == NO_SUCH_FILE:  # leads nowhere, or was deleted since
                return None
            raise
        if attributes.mode is None or attributes.size is None:
            return Untakeable(shown(path), _NO_SIZE, "mount the server's folder here instead")
        if stat.S_ISREG(attributes.mode):
            piece.files[name] = observation(attributes)
        elif stat.S_ISDIR(attributes.mode):
            self._sub_folder(piece, path, real, is_link=is_link)
        elif not stat.S_ISLNK(attributes.mode):
            piece.special += 1
        return None

    def _sub_folder(self, piece: Directory, path: bytes, real: bytes, *, is_link: bool) -> None:
        if not self.recursive:
            return
        if not self.enters(path):
            piece.excluded_folders += 1
        elif is_link:
            heapq.heappush(self._links, (path, self._real(self.full(path))))
        else:
            self._folders.append((path, full_path(real, path.rpartition(b"/")[2])))

    def _real(self, path: bytes) -> bytes:
        if not self.follow:
            return path
        self.count(1)
        return self.session.real_path(path)

    def _check_root(self) -> None:
        self.count(1)
        attributes = self.session.stat(self.root, follow=True)
        if attributes.mode is not None and not stat.S_ISDIR(attributes.mode):
            raise SourceUnavailable("it is not a folder", hint="name a folder, not a file")

    def _was_deleted(self, path: bytes) -> bool:
        """Whether a folder that its parent had is gone by now, while the root is there."""
        self._check_root()
        self.count(1)
        try:
            self.session.stat(self.full(path), follow=False)
        except Refused as error:
            return error.code == NO_SUCH_FILE
        return False


def full_path(root: bytes, path: bytes) -> bytes:
    """A path on the server: what is below a root of it."""
    return root.rstrip(b"/") + b"/" + path if path else root


def observation(attributes: Attributes) -> Observation:
    """What a file is observed to be; its time is the server's, in whole seconds."""
    return Observation(attributes.size or 0, (attributes.mtime or 0) * 1_000_000_000, 0, "")
