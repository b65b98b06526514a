"""Walks a folder tree and lists each directory through one descriptor.

Through one descriptor, so that a share that is unmounted or a folder that is replaced meanwhile never mixes two
folders into one listing. Names are bytes throughout. /proc/self/fd is read, because os.scandir gives the names of a
descriptor as text, in an encoding that depends on the locale.
"""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from synapse_sync.records import Directory, Unreadable
from synapse_sync.shown import joined
from synapse_sync.sources.facts import observation
from synapse_sync.sources.refusals import refusal

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}  # was a folder when its parent was listed, is none now
_LEADS_NOWHERE = {errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG}  # of a symlink; ENOENT goes for all
_KIND, _FILE, _FOLDER, _LINK = 0o170000, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK


class _Folder(NamedTuple):
    """A folder still to be listed: on which file system it was seen, and on which its parent is (st_dev)."""

    path: bytes
    device: int
    parent_device: int


@dataclass(slots=True)
class _Listed:
    """One directory, and what was met in it that the walk goes on with. links: symlinks to folders."""

    directory: Directory
    folders: list[_Folder] = field(default_factory=list)
    links: list[_Folder] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


class Walk:
    """One walk below `root` (in full, as bytes). Used once.

    With follow_symlinks each directory is listed under one path only, whichever ways lead to it: its own where that is
    below the root, else the first in the order of paths, so that two walks of the same tree agree. descends is asked
    before each sub-folder that the filters let be entered: whether it is listed now.
    """

    def __init__(
        self,
        root: bytes,
        enters: Callable[[bytes], bool],
        *,
        recursive: bool,
        follow_symlinks: bool,
        descends: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._prefix = root.rstrip(b"/") + b"/"
        self._enters = enters
        self._descends = descends
        self._recursive = recursive
        self._follow = follow_symlinks
        self._seen: set[tuple[int, int]] = set()

    def directories(self, start: bytes) -> Iterator[Directory | Unreadable]:
        """`start`, then all that lies below it. Raises OSError where it is the root and can't be listed."""
        device = os.stat(self._prefix).st_dev
        folders = [_Folder(start, device, device)]
        links: list[_Folder] = []
        while folders or links:
            folder = folders.pop() if folders else heapq.heappop(links)
            try:
                listed = self._list(folder)
            except OSError as error:
                if not folder.path:
                    raise
                if folder.path == start or error.errno not in _GONE or not self._was_deleted(folder):
                    yield Unreadable(folder.path, str(refusal(error, self._prefix + folder.path)))
                continue
            if listed is None:
                continue
            yield listed.directory
            yield from listed.unreadable
            folders += listed.folders
            for link in listed.links:
                heapq.heappush(links, link)

    def _list(self, folder: _Folder) -> _Listed | None:
        """One directory; None where it was listed before, under another path. Raises OSError."""
        no_follow = 0 if self._follow or not folder.path else os.O_NOFOLLOW
        descriptor = os.open(self._prefix + folder.path, _OPEN | no_follow)
        try:
            here = os.fstat(descriptor)
            if here.st_dev != folder.device and here.st_dev == folder.parent_device:
                raise OSError(errno.ESTALE, "a mount went away while this was listed")
            if self._follow:
                if (here.st_dev, here.st_ino) in self._seen:
                    return None
                self._seen.add((here.st_dev, here.st_ino))
            listed = _Listed(Directory(folder.path, here.st_dev, {}))
            with os.scandir(b"/proc/self/fd/%d" % descriptor) as entries:
                self._read(entries, descriptor, listed)
            return listed
        finally:
            os.close(descriptor)

    def _read(self, entries: Iterator[os.DirEntry[bytes]], descriptor: int, listed: _Listed) -> None:
        """Put what a directory holds into `listed`. stat() takes 85 % of the time and is called once per entry."""
        directory, follow = listed.directory, self._follow
        files = directory.files
        for entry in entries:
            name = entry.name
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=follow)
            except OSError as error:
                self._not_found(entry, error, listed)
                continue
            kind = found.st_mode & _KIND
            if kind == _FILE:
                files[name] = observation(found)
            elif kind == _FOLDER:
                self._folder(entry, found.st_dev, listed)
            elif kind != _LINK:
                directory.special += 1

    def _folder(self, entry: os.DirEntry[bytes], device: int, listed: _Listed) -> None:
        directory = listed.directory
        if not self._recursive:
            return
        path = joined(directory.path, entry.name)
        if not self._enters(path):
            directory.excluded_folders += 1
            return
        directory.folders.add(entry.name)
        if self._descends is not None and not self._descends(path):
            return
        ways = listed.links if self._follow and entry.is_symlink() else listed.folders
        ways.append(_Folder(path, device, directory.device))

    def _not_found(self, entry: os.DirEntry[bytes], error: OSError, listed: _Listed) -> None:
        """What an entry means that can't be looked at; raises `error` where the whole directory is to be doubted."""
        if error.errno == errno.ENOENT:  # deleted since scandir, or a symlink to nothing
            return
        if self._follow and error.errno in _LEADS_NOWHERE and entry.is_symlink():
            return
        denied = self._follow and error.errno == errno.EACCES and entry.is_symlink()
        if not denied and not entry.is_dir(follow_symlinks=False):
            raise error
        # A mount whose server died, or what a link leads to, whether a file or a folder: the rest can be listed.
        path = joined(listed.directory.path, entry.name)
        if (self._recursive or denied) and self._enters(path):
            listed.unreadable.append(Unreadable(path, str(refusal(error, self._prefix + path))))

    def _was_deleted(self, folder: _Folder) -> bool:
        """Whether a folder that is no more was deleted, rather than lost with the file system that it was on."""
        path = folder.path
        while path:
            path = path.rpartition(b"/")[0]
            try:
                return os.stat(self._prefix + path).st_dev == folder.device
            except OSError as error:
                if error.errno not in _GONE:
                    return False
        return False
