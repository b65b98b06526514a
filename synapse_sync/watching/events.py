"""The kernel's events for the folders of one root, as hints: which folder to list, and nothing else.

watchdog's InotifyFD reads the events of a process; its observers are not used, as they walk trees by themselves, pair
moves at a cost that grows with the square of their number, and after an overflow take all watches away and set them
again: each removal is an event, so with more than 16,384 watches that overflows for ever (measured with 7.1). For the
same reason watches stay here, and a whole listing sets each of them once more, which changes nothing where it is right.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Collection, Iterable
from itertools import count
from typing import NamedTuple

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from synapse_sync.watching.folders import parent, within

_APPEARS = InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
_DISAPPEARS = InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM
_ITSELF = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF

# Not MODIFY, one for each write: a file that is written to is listed again until it settles. Not OPEN or CLOSE_NOWRITE:
# what we read ourselves would come back. ATTRIB, so that a right that was granted is noticed. UNMOUNT comes unasked.
_WANTED = (
    _APPEARS
    | _DISAPPEARS
    | _ITSELF
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_EXCL_UNLINK
)

_AT_ONCE = 1000
"""Watches that are removed before the reader gets a turn: each removal puts an event into its queue of 16,384."""

_IDS = count(1)


class Limit(Exception):
    """The kernel grants no more watches to this user."""


_Callback = tuple[WatchDescriptor, CallbackId]


class _Placed(NamedTuple):
    """A folder's watch, our number for its callback, and since when (Unix seconds) it has been there."""

    watch: WatchDescriptor
    id: CallbackId
    since: float


class Events:
    """The watches of one root. Paths are relative to it; on_…() come from watchdog's thread, all else from one other.

    hint(folder, name, is_folder, renewed): something changed in a folder, name is what (b"": the folder itself);
    renewed: it is a sub-folder that has come or gone. lost(why): what happened is not known, or the root went away.
    """

    def __init__(
        self,
        inotify: InotifyFD,
        root: bytes,
        *,
        follow_symlinks: bool,
        hint: Callable[[bytes, bytes, bool, bool], None],
        lost: Callable[[str], None],
    ) -> None:
        self._inotify = inotify
        self._prefix = root.rstrip(b"/") + b"/"
        self._mask = Mask(_WANTED | (0 if follow_symlinks else InotifyConstants.IN_DONT_FOLLOW))
        self._hint = hint
        self._lost = lost
        self._lock = threading.Lock()
        self._folders: dict[WatchDescriptor, bytes] = {}
        self._placed: dict[bytes, _Placed] = {}

    def __len__(self) -> int:
        return len(self._placed)

    def __contains__(self, folder: bytes) -> bool:
        return folder in self._placed

    def add(self, folder: bytes) -> bool:
        """Watch what is at this path now, if it isn't watched already; False where it is gone or may not be read.

        Raises Limit.
        """
        # Without following, a slash at the end would follow all the same.
        path = self._prefix + folder if folder else self._prefix.rstrip(b"/") or b"/"
        mask = self._mask if folder else Mask(self._mask & ~InotifyConstants.IN_DONT_FOLLOW)
        id_ = CallbackId(
            next(_IDS)
        )  # one that comes twice for a watch is warned of, and which watch it is, is not known
        try:
            watch = self._inotify.add_callback(path, mask, self, id_)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                raise Limit from error
            return False
        if watch == -1:  # what watchdog makes of a folder that may not be read
            self._inotify.remove_callbacks([(watch, id_)])
            return False
        self._inotify.remove_callbacks(self._place(folder, watch, id_))
        return True

    def _place(self, folder: bytes, watch: WatchDescriptor, id_: CallbackId) -> list[_Callback]:
        """Keep which watch a folder has; returns what that replaces: an older callback, or a watch of what was here."""
        replaced = []
        with self._lock:
            before = self._placed.get(folder)
            if before is not None:
                replaced.append((before.watch, before.id))
                if before.watch != watch:
                    self._folders.pop(before.watch, None)
            named = self._folders.get(watch)
            if named is not None and named != folder:  # the same folder, under another name now
                replaced.append((watch, self._placed.pop(named).id))
            since = before.since if before is not None and before.watch == watch else time.time()
            self._folders[watch], self._placed[folder] = folder, _Placed(watch, id_, since)
        return replaced

    def watched_before(self, folder: bytes, at: float) -> bytes | None:
        """The nearest folder, this one or above it, that was watched at a time (Unix seconds); None where none was."""
        while True:
            placed = self._placed.get(folder)
            if placed is not None and placed.since < at:
                return folder
            if not folder:
                return None
            folder = parent(folder)

    def discard(self, folder: bytes) -> None:
        """Watch this folder no more."""
        if folder in self._placed:
            self._drop([folder])

    def keep(self, folders: Collection[bytes]) -> None:
        """Watch no others any more."""
        self._drop([folder for folder in list(self._placed) if folder not in folders])

    def forget(self, tops: Collection[bytes]) -> None:
        """These folders are gone, and all below them."""
        if tops:
            self._drop([folder for folder in list(self._placed) if within(folder, tops)])

    def close(self) -> None:
        """Watch nothing any more."""
        self._drop(list(self._placed))

    def _drop(self, folders: Iterable[bytes]) -> None:
        dropped = []
        with self._lock:
            for folder in folders:
                placed = self._placed.pop(folder, None)
                if placed is not None:
                    self._folders.pop(placed.watch, None)
                    dropped.append((placed.watch, placed.id))
        for start in range(0, len(dropped), _AT_ONCE):
            self._inotify.remove_callbacks(dropped[start : start + _AT_ONCE])

    def on_event(self, event: InotifyEvent) -> None:
        """Part of watchdog's WatchCallback: runs in its thread, so it does next to nothing and never raises."""
        with self._lock:
            folder = self._folders.get(event.wd)
        if folder is None:
            return
        mask = event.mask
        if mask & (_ITSELF | InotifyConstants.IN_UNMOUNT):
            if not folder:
                self._lost("it was moved, deleted or unmounted")
            return  # the folder above has an event of its own
        is_folder = bool(mask & InotifyConstants.IN_ISDIR)
        self._hint(folder, event.name, is_folder, is_folder and bool(mask & (_APPEARS | _DISAPPEARS)))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Part of WatchCallback: the kernel has taken a watch away, as its folder is gone."""
        with self._lock:
            folder = self._folders.pop(wd, None)
            if folder is not None:
                del self._placed[folder]

    def on_queue_overflow(self) -> None:
        """Part of WatchCallback: the kernel has dropped events."""
        self._lost("so much happened at once that events were lost")
