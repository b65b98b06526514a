"""The exit code is that of the worst problem; warnings change nothing."""

from __future__ import annotations

import pytest

from synapse_sync.doctor.findings import AREAS, exit_code, problem, warning, well


def test_warnings_end_well() -> None:
    assert exit_code([well("config", "file", "there"), warning("disk", "free", "little", "df")]) == 0
    assert exit_code([]) == 0


@pytest.mark.parametrize(("area", "code"), AREAS.items())
def test_a_problem_ends_as_a_command_would_that_needs_what_is_broken(area: str, code: int) -> None:
    assert exit_code([well("config", "file", "there"), problem(area, "any", "broken", "mend it")]) == code


def test_of_several_problems_the_worst_counts() -> None:
    assert exit_code([problem("ledger", "whole", "", ""), problem("config", "file", "", "")]) == 4
