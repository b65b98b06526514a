"""Whether anybody reads a file's content: the kernel's own word (inotify), for a folder and all below it."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_ACCESS, IN_Q_OVERFLOW, IN_ISDIR = 0x1, 0x4000, 0x40000000
EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


class Reads:
    """`count`: reads of files, counted when the watching ends; equal events in a row count once."""

    count = 0


@contextmanager
def content_reads(root: Path) -> Iterator[Reads]:
    """Watch all folders that are there now; listing them is no read."""
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_NONBLOCK)
    if queue < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    reads = Reads()
    try:
        for folder, _, _ in os.walk(root):
            if libc.inotify_add_watch(queue, os.fsencode(folder), IN_ACCESS) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", folder)
        yield reads
        reads.count = sum(1 for mask in _events(queue) if mask & IN_Q_OVERFLOW or not mask & IN_ISDIR)
    finally:
        os.close(queue)


def _events(queue: int) -> Iterator[int]:
    """The masks of all events that wait."""
    while True:
        try:
            data = os.read(queue, 1 << 16)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            _, mask, _, length = EVENT.unpack_from(data, at)
            at += EVENT.size + length
            yield mask
