"""Whether events tell of all that happens is judged by what a rescan finds, and never by what may be explained."""

from __future__ import annotations

import pytest

from synapse_sync.watching.quality import PATIENCE, Quality

LATE = {b"a/new": 100.0}


@pytest.fixture
def quality() -> Quality:
    """One that has seen a rescan after which no event was lost."""
    quality = Quality()
    quality.begin()
    quality.begin()
    return quality


def watched(folder: bytes, at: float) -> bytes | None:
    return b"a" if folder.startswith(b"a") and at > 50.0 else None


def test_what_no_event_has_told_counts_once_its_time_is_over(quality: Quality) -> None:
    quality.suspect(LATE, watched, set(), now=10.0)

    assert quality.judge_at == 10.0 + PATIENCE
    assert quality.judge(10.0) == 0
    assert quality.judge(10.0 + PATIENCE) == 1
    assert quality.missed == 1
    assert quality.judge_at is None


def test_an_event_may_come_late(quality: Quality) -> None:
    quality.suspect(LATE, watched, set(), now=10.0)
    quality.heard(b"a")

    assert quality.judge(10.0 + PATIENCE) == 0


def test_where_something_was_heard_before_nothing_was_missed(quality: Quality) -> None:
    quality.suspect(LATE, watched, {b"a"}, now=10.0)

    assert quality.judge_at is None


def test_a_file_that_was_there_before_its_folder_was_watched_says_nothing(quality: Quality) -> None:
    """A tree that is moved in brings files that are older than the watch."""
    quality.suspect({b"a/new": 20.0, b"b": 100.0}, watched, set(), now=10.0)

    assert quality.judge_at is None


@pytest.mark.parametrize("when", ["before the rescan", "while it lists", "after it"])
def test_events_that_are_known_to_be_lost_are_not_counted(quality: Quality, when: str) -> None:
    if when == "before the rescan":
        quality.doubt()
        quality.begin()
    if when == "while it lists":
        quality.doubt()
    quality.suspect(LATE, watched, set(), now=10.0)
    if when == "after it":
        quality.doubt()

    assert quality.judge(10.0 + PATIENCE) == 0


def test_the_first_rescan_finds_all_for_the_first_time() -> None:
    quality = Quality()
    quality.begin()
    quality.suspect(LATE, watched, set(), now=10.0)

    assert quality.judge_at is None
