"""Both checksums from one read, whatever the size and however the stream hands out its bytes."""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.checksum import digest
from synapse_sync.records import Digests

KIB, MIB = 1 << 10, 1 << 20


class Counting(io.BytesIO):
    """A stream that counts the bytes it hands out, and the most it was asked for at once."""

    handed_out = 0
    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0, "the whole content would be held in memory"
        data = super().read(size)
        self.handed_out += len(data)
        self.largest = max(self.largest, size)
        return data


class Trickling(io.BytesIO):
    """A stream that hands out at most 1000 bytes at once, as a connection may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1000 if size is None or size < 0 else min(size, 1000))


def expected(content: bytes) -> Digests:
    return Digests(hashlib.md5(content).hexdigest(), hashlib.sha1(content).hexdigest(), len(content))


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("size", [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB, 8 * MIB, 9 * MIB + 65537])
def test_the_digests_are_those_of_the_whole_content(size: int) -> None:
    assert digest(io.BytesIO(pattern(size)))[0] == expected(pattern(size))


@given(st.binary(max_size=5000))
def test_short_reads_change_nothing(content: bytes) -> None:
    assert digest(Trickling(content))[0] == expected(content)


def test_a_large_content_is_read_once_and_in_pieces() -> None:
    stream = Counting(pattern(12 * MIB))
    digest(stream)
    assert (stream.handed_out, stream.largest) == (12 * MIB, MIB)


def test_known_digests_are_reproduced() -> None:
    """The values of RFC 1321 and RFC 3174 for "abc"."""
    assert digest(io.BytesIO(b"abc"))[0] == Digests(
        "900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d", 3
    )


@pytest.mark.parametrize("before", [0, 3 * MIB, 10 * MIB])
def test_an_error_of_the_stream_comes_out_as_it_is_and_leaves_no_thread(before: int) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if not data:
                raise OSError("the disk failed")
            return data

    with pytest.raises(OSError, match="the disk failed"):
        digest(Failing(pattern(before)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sha1")]


def test_several_threads_do_not_disturb_one_another() -> None:
    contents = [pattern(size) for size in (10, 70 * KIB, 9 * MIB, 3 * MIB)] * 3
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda content: digest(io.BytesIO(content))[0], contents)) == [*map(expected, contents)]
