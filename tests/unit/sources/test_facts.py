"""What stat says fits into the ledger, whatever the file system says."""

from __future__ import annotations

import os

import pytest

from synapse_sync.records import Observation, RootIdentity
from synapse_sync.sources.facts import observation, root_identity

LARGEST = (1 << 63) - 1


def found(*, inode: int = 7, seconds: int = 1) -> os.stat_result:
    """A stat result: ten integers, then times as seconds in floats and ns, as os.stat makes it."""
    nanoseconds = seconds * 10**9
    return os.stat_result(
        (0o100644, inode, 42, 1, 0, 0, 5, seconds, seconds, seconds, *[float(seconds)] * 3, *[nanoseconds] * 3)
    )


def test_an_observation_carries_size_times_and_inode() -> None:
    assert observation(found()) == Observation(5, 10**9, 10**9, 7)
    assert root_identity(found()) == RootIdentity(42, 7)


def test_inodes_of_the_upper_half_stay_distinct_and_fit_64_signed_bits() -> None:
    inodes = [1, LARGEST, LARGEST + 1, LARGEST + 2, (1 << 64) - 1]
    folded = [observation(found(inode=inode)).token for inode in inodes]
    assert folded == [1, LARGEST, -LARGEST - 1, -LARGEST, -1]
    assert root_identity(found(inode=(1 << 64) - 1)) == RootIdentity(42, -1)


@pytest.mark.parametrize(("seconds", "limit"), [(1 << 40, LARGEST), (-(1 << 40), -LARGEST)])
def test_times_beyond_the_limits_stay_at_the_limit(seconds: int, limit: int) -> None:
    assert observation(found(seconds=seconds)) == Observation(5, limit, limit, 7)
