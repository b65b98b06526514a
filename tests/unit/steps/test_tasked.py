"""When a look through a project's tasks tells enough of one that was asked for."""

from __future__ import annotations

from array import array

import pytest

from synapse_sync.steps.tasked import Tasked, is_recent

ASKED, AT_WORK = 1000.0, 120.0


@pytest.mark.parametrize(
    ("began", "now", "recent"),
    [
        (990, 1010, False),  # the look came before the request
        (1005, 1010, True),  # it may still come: another look now would tell no more
        (1005, 1119, True),
        (1005, 1120, False),  # it can't come any more, but may have come since
        (1120, 1120, True),
        (1120, 5000, True),
    ],
)
def test_a_look_is_recent(began: float, now: float, recent: bool) -> None:
    assert is_recent(Tasked(began, array("q")), ASKED, AT_WORK, now) is recent


def test_of_a_unit_that_was_found_any_look_tells_enough() -> None:
    assert is_recent(Tasked(990.0, array("q")), 0.0, AT_WORK, 5000.0)


def test_which_units_have_a_task() -> None:
    tasked = Tasked(0.0, array("q", [3, 7, 7, 20]))

    assert [unit for unit in range(25) if unit in tasked] == [3, 7, 20]
