"""Folders of a server that is asked for each (SFTP, SMB, FTP), each listed to its end or not at all, in pieces of it.

A folder that can't be listed fails the whole listing, as a connection that is lost does: nothing is concluded then.
Symbolic links are passed over unless they are to be followed; then each folder is listed under one path only, as on
the local disk (sources/walk.py), told apart by the path that the server says it really has.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Untakeable
from synapse_sync.shown import joined, shown
from synapse_sync.sources.conversing import Entry, Folders, Refused, refusal

PIECE = 1000  # files that are given on at once, so that the largest folder takes no more memory than that
REQUESTS = (2, 4, 8, 16)  # that are sent for a folder, one lot after the other: OpenSSH gives 100 names for each
LONGEST = 4096  # bytes of a path
WITNESSES = 4  # names that are kept of each folder, while those in it are to be listed

_NO_NAME = "the server gives it a name that no file can have"
_NO_SIZE = "the server does not tell its kind and size"
_NO_TARGET = "access is denied to what the link leads to"
_RENAME = "rename it there, or leave it out with exclude"


class _Folder(NamedTuple):
    """A folder to be listed: its path below the root, where it really is, and the numbers of those above it.

    beside: a few of the names that stood beside it, and its own.
    """

    path: bytes
    real: bytes
    above: tuple[int, ...] = ()
    beside: Sequence[bytes] = ()


@dataclass
class Walk:
    """One listing below `root`, an absolute path there. enters: whether the filters let a folder be entered."""

    talk: Folders
    root: bytes
    enters: Callable[[bytes], bool]
    count: Callable[[int], None]
    recursive: bool
    follow: bool
    _seen: set[bytes] = field(default_factory=set)
    _folders: list[_Folder] = field(default_factory=list)
    _links: list[_Folder] = field(default_factory=list)

    def pieces(self) -> Iterator[Directory | Untakeable]:
        """Everything below the root. Raises Lost, and Refused or SourceUnavailable where a folder can't be listed."""
        above = self._check_root()
        self._folders.append(_Folder(b"", self._real(self.root), above))
        while self._folders or self._links:
            folder = self._folders.pop() if self._folders else heapq.heappop(self._links)
            path = folder.path
            if self.follow:
                if folder.real in self._seen:
                    continue
                self._seen.add(folder.real)
            try:
                yield from self._folder(folder)
            except Refused as error:
                failed = self._failed(folder, error)
                if failed is None:
                    continue
                why = refusal(failed)
                where = f"its folder {shown(path)}: " if path else ""
                raise SourceUnavailable(where + why.what, hint=why.hint) from failed

    def full(self, path: bytes) -> bytes:
        """The path on the server of one below the root."""
        return full_path(self.root, path)

    def _folder(self, folder: _Folder) -> Iterator[Directory | Untakeable]:
        path = folder.path
        names: list[bytes] = []
        self.count(1)
        handle = self.talk.open_folder(self.full(path))
        try:
            piece = Directory(path, 0, {}, whole=False)
            lots, end = iter(REQUESTS), False
            while not end:
                requests = next(lots, REQUESTS[-1])
                self.count(requests)
                entries, end = self.talk.entries(handle, requests)
                for entry in entries:
                    if entry.name == b"." and entry.identity:  # an own number, which none below it may have
                        folder = folder._replace(above=(*folder.above, entry.identity))
                    elif len(names) < WITNESSES and entry.name not in (b".", b".."):
                        names.append(entry.name)
                    if found := self._entry(piece, folder._replace(beside=names), entry):
                        yield found
                    if len(piece.files) >= PIECE:
                        yield piece
                        piece = Directory(path, 0, {}, whole=False)
            yield piece
        finally:
            self.talk.close(handle)

    def _entry(self, piece: Directory, folder: _Folder, entry: Entry) -> Untakeable | None:
        """Put one entry where it belongs."""
        name = entry.name
        if name in (b".", b".."):
            return None
        path = joined(piece.path, name)
        if entry.kind == "nameless" or not name or b"/" in name or b"\0" in name or len(path) > LONGEST:
            return Untakeable(shown(path), _NO_NAME, _RENAME)
        is_link = entry.kind == "link"
        if is_link and not self.follow:
            return None
        if is_link or entry.kind == "unsaid":
            try:
                self.count(1)
                entry = self.talk.look(self.full(path), follow=self.follow)
            except Refused as error:
                if error.gone:  # leads nowhere, or was deleted since
                    return None
                if is_link and error.denied:
                    return Untakeable(
                        shown(path), _NO_TARGET, "allow that to be read, or leave it out with exclude", path
                    )
                raise
        if entry.observed is not None:
            piece.files[name] = entry.observed
        elif entry.kind == "folder":
            if not entry.identity or entry.identity not in folder.above:  # a server that follows links leads in circles
                above = (*folder.above, entry.identity) if entry.identity else folder.above
                self._sub_folder(piece, folder, path, above, is_link=is_link)
        elif entry.kind in ("unsaid", "withheld"):
            return Untakeable(shown(path), _NO_SIZE, "mount the server's folder here instead", path)
        elif entry.kind == "special":
            piece.special += 1
        return None

    def _sub_folder(
        self, piece: Directory, folder: _Folder, path: bytes, above: tuple[int, ...], *, is_link: bool
    ) -> None:
        if not self.recursive:
            return
        if not self.enters(path):
            piece.excluded_folders += 1
        elif is_link:
            heapq.heappush(self._links, _Folder(path, self._real(self.full(path)), above, folder.beside))
        else:
            real = full_path(folder.real, path.rpartition(b"/")[2])
            self._folders.append(_Folder(path, real, above, folder.beside))

    def _real(self, path: bytes) -> bytes:
        if not self.follow:
            return path
        self.count(1)
        return self.talk.real_path(path)

    def _check_root(self) -> tuple[int, ...]:
        """Whether it is a folder, and the number that none below it may have, where the server tells it."""
        self.count(1)
        root = self.talk.look(self.root, follow=True)
        if root.kind not in ("folder", "unsaid"):
            raise SourceUnavailable("it is not a folder", hint="name a folder, not a file")
        return (root.identity,) if root.identity else ()

    def _failed(self, folder: _Folder, error: Refused) -> Refused | None:
        """Why a folder could not be listed; None where it was deleted."""
        try:
            return None if error.gone and folder.path and self._was_deleted(folder) else error
        except Refused as other:
            return other

    def _was_deleted(self, folder: _Folder) -> bool:
        """Whether a folder that its parent had is gone by itself: a disk that the server lost takes others along."""
        parent, _, own = folder.path.rpartition(b"/")
        others = [joined(parent, name) for name in folder.beside if name != own]
        return not self._is_there(folder.path) and any(map(self._is_there, others))

    def _is_there(self, path: bytes) -> bool:
        self.count(1)
        try:
            self.talk.look(self.full(path), follow=False)
        except Refused as error:
            if error.gone:
                return False
            raise
        return True


def full_path(root: bytes, path: bytes) -> bytes:
    """A path on the server: what is below a root of it."""
    return root.rstrip(b"/") + b"/" + path if path else root
