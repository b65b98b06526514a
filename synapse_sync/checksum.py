"""MD5 and SHA-1 of a content, from one read: the server knows some contents by the one, some by the other.

The first and last bytes come along, which tell whether the content is whole (endings.py).

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

from synapse_sync.records import Digests, Ends

if TYPE_CHECKING:
    from hashlib import _Hash

_FIRST = 64 << 10  # most files end here; more would make malloc ask the system for fresh pages each time (25 µs)
_PIECE = 1 << 20
_ALONE = 8 << 20  # up to here another thread is not worth its start

ENDS = (64 << 10) + 22  # bytes at the end that are kept: what the end record of a ZIP takes with the longest comment


def digest(stream: BinaryIO) -> tuple[Digests, Ends]:
    """Both checksums, the size and the ends of what is left of this stream.

    Leaves it at its end, raises what it raises. Holds at most 2 MiB. May be called from several threads at once, on a
    stream each.
    """
    md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
    size = 0
    piece = head = tail = stream.read(_FIRST)
    while piece and size < _ALONE:
        md5.update(piece)
        sha1.update(piece)
        tail = _last(tail, piece) if size else piece
        size += len(piece)
        piece = stream.read(_FIRST if size < _FIRST else _PIECE)
    if piece:
        more, tail = _side_by_side(piece, tail, stream, md5, sha1)
        size += more
    return Digests(md5.hexdigest(), sha1.hexdigest(), size), Ends(head, tail)


def _last(before: bytes, piece: bytes) -> bytes:
    """The last bytes of both: ENDS of them, or more where that costs no copy."""
    return piece if len(piece) >= ENDS else before[len(piece) - ENDS :] + piece


def _side_by_side(piece: bytes, tail: bytes, stream: BinaryIO, md5: _Hash, sha1: _Hash) -> tuple[int, bytes]:
    """Feed `piece` and the rest of the stream to both, SHA-1 in a thread of its own.

    Gives the number of bytes, and the last of them; tail: those before `piece`.
    """
    size = 0
    with ThreadPoolExecutor(1, thread_name_prefix="sha1") as beside:
        while piece:
            pending = beside.submit(sha1.update, piece)
            md5.update(piece)
            tail = _last(tail, piece)
            size += len(piece)
            piece = stream.read(_PIECE)
            pending.result()
    return size, tail
