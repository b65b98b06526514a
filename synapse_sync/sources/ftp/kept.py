"""A folder's list as it came, packed: a tenth of its size, so that a hundred thousand files take 1 MiB or two."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from synapse_sync.sources.remote_reading import Lost

LONGEST = 64 << 10  # bytes of a line; more is no list


class Kept:
    """What came of a list. Packed at once; its lines are given once, from the first to the last."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1)
        self._packed: list[bytes] = []
        self._last = b""

    def add(self, data: bytes) -> None:
        """What came next."""
        self._packed.append(self._packer.compress(data))
        self._last = data[-1:] or self._last

    def ended(self) -> None:
        """That was all. Raises Lost where the last line has no end."""
        self._packed.append(self._packer.flush())
        if self._last not in (b"", b"\n"):
            raise Lost("a list broke off in the middle of a line")

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends. Raises Lost for one that has none."""
        unpacker, left = zlib.decompressobj(), b""
        for packed in self._packed:
            *lines, left = (left + unpacker.decompress(packed)).split(b"\n")
            if len(left) > LONGEST:
                raise Lost("what comes is no list of files")
            yield from (line.removesuffix(b"\r") for line in lines)
