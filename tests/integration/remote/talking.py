"""What the tests of servers that are talked with have in common."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from synapse_sync.errors import SourceUnavailable

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
