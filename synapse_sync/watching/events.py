"""The kernel's events for the folders of one root, as hints: which folder to list, and nothing else.

watchdog's InotifyFD reads the events of a process; its observers are not used, as they walk trees by themselves, pair
moves at a cost that grows with the square of their number, and after an overflow take all watches away and set them
again, which with more than 16,384 watches overflows for ever (measured with 7.1).
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable
from itertools import count

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

_FOLDER = 0x40000000  # IN_ISDIR
_APPEARS = InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
_DISAPPEARS = InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM
_ITSELF = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF

# Not MODIFY, one for each write: a file that is written to is listed again until it settles. Not OPEN or CLOSE_NOWRITE:
# what we read ourselves would come back. UNMOUNT comes unasked.
_WANTED = (
    _APPEARS
    | _DISAPPEARS
    | _ITSELF
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_EXCL_UNLINK
)

_IDS = count(1)


class Limit(Exception):
    """The kernel grants no more watches to this user."""


class Events:
    """The watches of one root. Paths are relative to it; add() and forget() come from one thread, events from another.

    hint(folder, name, renewed): something changed in a folder, name is what (b"": the folder itself); renewed: it is a
    sub-folder that has come or gone. lost(why): what happened is not known, or the root itself went away.
    """

    def __init__(
        self,
        inotify: InotifyFD,
        root: bytes,
        *,
        follow_symlinks: bool,
        hint: Callable[[bytes, bytes, bool], None],
        lost: Callable[[str], None],
    ) -> None:
        self._inotify = inotify
        self._prefix = root.rstrip(b"/") + b"/"
        self._mask = Mask(_WANTED | (0 if follow_symlinks else InotifyConstants.IN_DONT_FOLLOW))
        self._hint = hint
        self._lost = lost
        self._lock = threading.Lock()
        self._folders: dict[WatchDescriptor, bytes] = {}
        self._ids: dict[WatchDescriptor, CallbackId] = {}
        self._watches: dict[bytes, WatchDescriptor] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def __contains__(self, folder: bytes) -> bool:
        return folder in self._watches

    def add(self, folder: bytes) -> bool:
        """Watch a folder, which is not watched yet; False where it can't be: it is gone, or may not be read.

        Raises Limit.
        """
        # Without following, a slash at the end would follow all the same.
        path = self._prefix + folder if folder else self._prefix.rstrip(b"/") or b"/"
        mask = self._mask if folder else Mask(self._mask & ~InotifyConstants.IN_DONT_FOLLOW)
        id_ = CallbackId(next(_IDS))
        try:
            watch = self._inotify.add_callback(path, mask, self, id_)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EMFILE, errno.ENOMEM):
                raise Limit from error
            return False
        if watch == -1:  # what watchdog makes of a folder that may not be read
            return False
        with self._lock:
            known = self._folders.get(watch)
            before = self._ids.get(watch)
            if known is not None and self._watches.get(known) == watch:
                del self._watches[known]  # the same folder, under another name now
            self._folders[watch], self._watches[folder], self._ids[watch] = folder, watch, id_
        if before is not None:
            self._inotify.remove_callbacks([(watch, before)])
        return True

    def forget(self, folder: bytes) -> None:
        """Whatever is at this path now is another folder: it and all below are watched anew when they are listed."""
        below = folder + b"/"
        with self._lock:
            watches = [watch for known, watch in self._watches.items() if known == folder or known.startswith(below)]
        self._drop(watches)

    def close(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            watches = list(self._folders)
        self._drop(watches)

    def _drop(self, watches: Iterable[WatchDescriptor]) -> None:
        dropped = []
        with self._lock:
            for watch in watches:
                folder, id_ = self._folders.pop(watch, None), self._ids.pop(watch, None)
                if folder is not None and self._watches.get(folder) == watch:
                    del self._watches[folder]
                if id_ is not None:
                    dropped.append((watch, id_))
        self._inotify.remove_callbacks(dropped)

    def on_event(self, event: InotifyEvent) -> None:
        """Part of watchdog's WatchCallback: runs in its thread, so it does next to nothing and never raises."""
        with self._lock:
            folder = self._folders.get(event.wd)
        if folder is None:
            return
        if event.mask & (_ITSELF | InotifyConstants.IN_UNMOUNT):
            if not folder:
                self._lost("it was moved, deleted or unmounted")
            return  # the folder above has an event of its own
        self._hint(folder, event.name, bool(event.mask & _FOLDER and event.mask & (_APPEARS | _DISAPPEARS)))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Part of WatchCallback: the kernel has taken a watch away, as its folder is gone."""
        with self._lock:
            folder = self._folders.pop(wd, None)
            self._ids.pop(wd, None)
            if folder is not None and self._watches.get(folder) == wd:
                del self._watches[folder]

    def on_queue_overflow(self) -> None:
        """Part of WatchCallback: the kernel has dropped events."""
        self._lost("so much happened at once that events were lost")
