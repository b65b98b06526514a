"""What the tests of remote sources have in common, whichever their kind."""

from __future__ import annotations

import resource
import threading
from typing import Any

import pytest

from synapse_sync.checksum import digest
from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory

from .places import Served
from .test_conformance import listed


def words_of(source: Any) -> str:
    """What is said of a listing that fails."""
    with pytest.raises(SourceUnavailable) as refused:
        listed(source)
    assert source.root in refused.value.message
    assert refused.value.hint
    return f"{refused.value.message}; {refused.value.hint}"


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "Thread-" in thread.name and "_serve" not in thread.name}


def read_many_at_once(served: Served) -> None:
    """Each is held open while all others are."""
    for number in range(40):
        served.put(str(number), bytes([number]) * 50_000)
    source = served.source()
    found = listed(source)
    streams = {path: source.open_observed(path, found[path]) for path in found}
    opened = {path: stream.__enter__() for path, stream in streams.items()}
    for amount in (10, 100_000):
        for path, stream in opened.items():
            piece = stream.read(amount)
            assert piece == bytes([int(path)]) * len(piece)
            assert len(piece) == min(amount, found[path].size if amount == 10 else found[path].size - 10)
    for stream in streams.values():
        stream.__exit__(None, None, None)


def lists_in_flat_memory(source: Any, files: int) -> None:
    """A listing of so many takes little more than its first piece."""
    found, high = 0, 0
    for item in source.listing():
        assert isinstance(item, Directory)
        found += len(item.files)
        high = high or _peak()
    assert found == files
    assert _peak() - high < 16 << 10


def reads_in_flat_memory(place: Any) -> None:
    """A large file takes no more than a part of it."""
    with (place.root / "large").open("wb") as written:
        written.truncate(256 << 20)
    source = place.source()
    observed = listed(source)[b"large"]
    with source.open_observed(b"large", observed) as stream:
        stream.read(4 << 20)
        high = _peak()
        digest(stream)
    assert _peak() - high < 24 << 10


def _peak() -> int:
    """Of this process's memory, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
