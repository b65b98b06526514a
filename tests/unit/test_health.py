"""What the ping says: all is well, it passes by itself, or somebody has to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import Config, Feed
from synapse_sync.health import Limits, Verdict, Vitals, limits_of, verdict

LIMITS = Limits(listing=8100.0, unit=3600.0, file=86400.0)
WELL = {"listed": 10.0}


def said(*feeds: dict[str, Any], failed: tuple[str, ...] = ()) -> Verdict:
    """The verdict on feeds that are called a, b, … and are as these facts say."""
    return verdict([(Vitals(name, **facts), LIMITS) for name, facts in zip("abcdef", feeds, strict=False)], failed)


@pytest.mark.parametrize(
    "facts",
    [
        WELL,
        {"listed": 8000.0},
        {"working": True, "listed": 90_000.0},
        {"working": True, "listed": 10.0, "overdue": 1000},
        {"working": True, "listed": 10.0, "unsettled": 7},
        {"resting": True, "held": 3, "paused": True},
    ],
    ids=["idle", "soon to be listed", "long at work", "a long queue", "at work on what settles", "asked to rest"],
)
def test_all_is_well(facts: dict[str, Any]) -> None:
    assert said(facts) == Verdict("well")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "not listed in full yet"),
        ({"working": True}, "not listed in full yet"),
        ({"listed": 10.0, "unlisted": 1}, "not listed in full yet"),
        ({"listed": 9000.0}, "not listed for long"),
        ({**WELL, "offline": True}, "the server can't be reached"),
        ({**WELL, "failing": True}, "the ledger can't be written"),
        ({**WELL, "overdue": 2}, "2 units overdue"),
        ({**WELL, "unsettled": 1}, "1 files do not settle"),
    ],
)
def test_what_may_pass_by_itself_is_not_told_and_is_not_well(facts: dict[str, Any], words: str) -> None:
    assert said(facts) == Verdict("waits", f"a: {words}")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"paused": True}, "paused"),
        ({"refused": True, "offline": True}, "the server refuses the token"),
        ({"stuck": True}, "stuck"),
        ({"held": 1200}, "1,200 held"),
        ({"incomplete": 2}, "2 incomplete"),
        ({"lost": 2}, "2 not on the server as they were registered"),
    ],
)
def test_what_needs_a_person_is_told_with_the_feeds_name(facts: dict[str, Any], words: str) -> None:
    assert said(WELL, {**WELL, **facts}) == Verdict("needs a person", f"b: {words}")


def test_a_chore_that_fails_needs_a_person() -> None:
    """Or nobody would notice that there have been no backups for long."""
    assert said(WELL, failed=("backup",)) == Verdict("needs a person", "the backup of the ledger fails")


def test_who_needs_a_person_is_told_and_what_waits_is_not() -> None:
    assert said({"offline": True}, {**WELL, "held": 1}, {**WELL, "paused": True, "incomplete": 2}).reason == (
        "b: 1 held; c: paused; c: 2 incomplete"
    )


@given(st.lists(st.builds(Vitals, st.just("feed"), held=st.integers(0, 2), offline=st.booleans(),
    listed=st.none() | st.floats(0, 1e5), resting=st.booleans(), working=st.booleans()), max_size=4))  # fmt: skip
def test_one_feed_that_is_ill_is_enough(feeds: list[Vitals]) -> None:
    together = verdict([(feed, LIMITS) for feed in feeds])
    alone = {verdict([(feed, LIMITS)]).kind for feed in feeds}

    worst = next((kind for kind in ("needs a person", "waits") if kind in alone), "well")
    assert together.kind == worst


@pytest.mark.parametrize(
    ("schedule", "settings", "expected"),
    [
        ({}, {}, Limits(listing=2 * 3600 + 900, unit=3600, file=86400)),
        ({"run_every": "1h", "rescan_every": "1d"}, {}, Limits(listing=2 * 86400 + 900, unit=36000, file=86400)),
        ({}, {"settle": "12h", "incomplete_after": "1h"}, Limits(listing=8100, unit=3600, file=86400)),
    ],
)
def test_how_long_things_may_take_follows_from_the_config(
    schedule: dict[str, str], settings: dict[str, str], expected: Limits, tmp_path: Path
) -> None:
    feed = {"name": "a", "path": str(tmp_path), "data_collection": 1, **settings}
    config = Config.model_validate({"schedule": schedule, "feeds": [feed]})

    assert isinstance(config.feeds[0], Feed)
    assert limits_of(config, config.feeds[0]) == expected
