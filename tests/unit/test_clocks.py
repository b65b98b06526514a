"""A clock that was set, and a machine that slept, are told apart."""

from __future__ import annotations

import pytest

from synapse_sync.clocks import Clocks, Passed


class Machine:
    """Clocks that are put by hand."""

    def __init__(self) -> None:
        self.wall, self.awake, self.since_boot = 1e9, 100.0, 200.0
        self.clocks = Clocks(lambda: self.wall, lambda: self.awake, lambda: self.since_boot)

    def go(self, seconds: float, *, set_by: float = 0.0, slept: float = 0.0) -> Passed:
        """So much time passes, some of it asleep, and somebody sets the clock; what is told of it."""
        self.wall += seconds + set_by
        self.since_boot += seconds
        self.awake += seconds - slept
        return self.clocks.look()


@pytest.mark.parametrize("set_by", [3600.0, -3600.0])
def test_a_clock_that_was_set(set_by: float) -> None:
    assert Machine().go(60, set_by=set_by) == (set_by, 0)


def test_a_machine_that_slept() -> None:
    assert Machine().go(3600, slept=3000) == (0, 3000)


def test_each_is_told_once() -> None:
    machine = Machine()
    machine.go(10, set_by=5, slept=7)
    assert machine.go(86400) == (0, 0)


def test_the_clocks_of_this_machine() -> None:
    passed = Clocks().look()
    assert abs(passed.set) < 1
    assert abs(passed.slept) < 1
