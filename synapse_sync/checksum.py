"""MD5 and SHA-1 of a content, from one read: the server knows some contents by the one, some by the other.

MD5 takes 60 % of the time of both (measured, with SHA instructions). So a large content is fed to SHA-1 in a thread
beside, since hashlib lets other threads run while it works, and takes no longer than md5sum does.

Many small files are another matter: opening, reading and closing one gives up Python's lock eight times, and each time
a thread that waits for it is woken. Two threads that checksum files of 9 KB are no faster together than one alone, and
slower on a virtual machine, where waking costs most. Two processes are (benchmarks/checksums.py shows all three).
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from synapse_sync.records import Digests

if TYPE_CHECKING:
    from hashlib import _Hash

_FIRST = 64 << 10  # most files end here; more would make malloc ask the system for fresh pages each time (25 µs)
_PIECE = 1 << 20
_ALONE = 8 << 20  # up to here another thread is not worth its start


def digest(stream: BinaryIO) -> Digests:
    """Both checksums and the size of what is left of this stream; leaves it at its end, raises what it raises.

    Holds at most 2 MiB. May be called from several threads at once, on a stream each.
    """
    md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
    size = 0
    piece = stream.read(_FIRST)
    while piece and size < _ALONE:
        md5.update(piece)
        sha1.update(piece)
        size += len(piece)
        piece = stream.read(_FIRST if size < _FIRST else _PIECE)
    if piece:
        size += _side_by_side(piece, stream, md5, sha1)
    return Digests(md5.hexdigest(), sha1.hexdigest(), size)


def _side_by_side(piece: bytes, stream: BinaryIO, md5: _Hash, sha1: _Hash) -> int:
    """Feed `piece` and the rest of the stream to both, SHA-1 in a thread of its own; gives the number of bytes."""
    size = 0
    with ThreadPoolExecutor(1, thread_name_prefix="sha1") as beside:
        while piece:
            pending = beside.submit(sha1.update, piece)
            md5.update(piece)
            size += len(piece)
            piece = stream.read(_PIECE)
            pending.result()
    return size
