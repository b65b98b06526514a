"""A folder's list as it came, packed: a tenth of its size, so that a hundred thousand files take 1 MiB or two."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from synapse_sync.sources.remote_reading import Lost

LONGEST = 64 << 10  # bytes of a line; more is no list


class Kept:
    """What came of a list. Packed at once; its lines are given once, from the first to the last. Raises Lost."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1)
        self._packed: list[bytes] = []
        self._open = 0

    def add(self, data: bytes) -> None:
        """What came next."""
        self._packed.append(self._packer.compress(data))
        end = data.rfind(b"\n") + 1
        self._open = len(data) - end if end else self._open + len(data)
        if self._open > LONGEST:
            raise Lost("what comes is no list of files")

    def ended(self) -> None:
        """That was all."""
        self._packed.append(self._packer.flush())
        if self._open:
            raise Lost("a list broke off in the middle of a line")

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends."""
        unpacker, left = zlib.decompressobj(), b""
        for packed in self._packed:
            *lines, left = (left + unpacker.decompress(packed)).split(b"\n")
            yield from (line.removesuffix(b"\r") for line in lines)
