"""Whether all is well, told from plain facts about each feed: what the ping says to a service that notices silence.

Facts enter, a Verdict leaves; pure. *Well*: every feed was listed in full of late, the server answers, and nothing is
in progress for longer than it may be. *Needs a person*: something is held, incomplete or lost, a feed is paused, a
chore fails. What is neither passes by itself, mostly; where it does not, the service hears nothing and raises the
alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from synapse_sync.config import Config, Feed

SLACK = 900.0
"""Seconds that a listing may take, beyond the time at which it is due."""

SHORTEST = 3600.0
"""Seconds that a complete unit may take at least until it is registered: failed attempts are up to that far apart."""


@dataclass(frozen=True)
class Limits:
    """Seconds since: the last complete listing of a feed; a unit was complete; a file was last seen to change."""

    listing: float
    unit: float
    file: float


@dataclass(frozen=True)
class Vitals:
    """One feed as it is now; counts, and seconds.

    resting: a person has asked it to rest. working: it is at work and gets on with it; stuck: it is at work and does
    not. listed: since its last complete listing began, None before the first; unlisted: folders that it could not read.
    paused: the feed waits for a person or its folder. refused: the server refuses the token; offline: it can't be
    reached, or fails. failing: the ledger can't be written. held, incomplete, lost: units and files that wait for a
    person, units that lack files, what the last audit missed. overdue, unsettled: units and files past their Limits.
    """

    name: str
    resting: bool = False
    working: bool = False
    stuck: bool = False
    listed: float | None = None
    unlisted: int = 0
    paused: bool = False
    refused: bool = False
    offline: bool = False
    failing: bool = False
    held: int = 0
    incomplete: int = 0
    lost: int = 0
    overdue: int = 0
    unsettled: int = 0


@dataclass(frozen=True)
class Verdict:
    """kind, and why, in words without a path: names of feeds and counts alone."""

    kind: Literal["well", "waits", "needs a person"]
    reason: str = ""


def limits_of(config: Config, feed: Feed) -> Limits:
    """How long things may take in this feed. A file may settle, and settle again; one that never does is a matter of
    `incomplete_after`, as a unit that never gets its files is.
    """
    schedule = config.schedule
    return Limits(
        listing=2 * schedule.rescan_every + SLACK,
        unit=max(SHORTEST, 10 * schedule.run_every),
        file=max(SHORTEST, feed.settle * 2, feed.incomplete_after),
    )


def verdict(feeds: Sequence[tuple[Vitals, Limits]], failed: Sequence[str] = ()) -> Verdict:
    """What is to be told of all feeds together; those that rest are as they were asked to be.

    failed: names of the chores that failed the last time.
    """
    awake = [(vitals, limits) for vitals, limits in feeds if not vitals.resting]
    chores = [f"the {name} of the ledger fails" for name in failed]
    if ills := chores + [words for vitals, _ in awake for words in _for_a_person(vitals)]:
        return Verdict("needs a person", "; ".join(ills))
    if ills := [words for vitals, limits in awake for words in _for_time(vitals, limits)]:
        return Verdict("waits", "; ".join(ills))
    return Verdict("well")


def _for_a_person(vitals: Vitals) -> list[str]:
    told = [
        ("paused", vitals.paused),
        ("the server refuses the token", vitals.refused),
        ("stuck", vitals.stuck),
        (f"{vitals.held:,} held", vitals.held),
        (f"{vitals.incomplete:,} incomplete", vitals.incomplete),
        (f"{vitals.lost:,} not on the server as they were registered", vitals.lost),
    ]
    return [f"{vitals.name}: {words}" for words, true in told if true]


def _for_time(vitals: Vitals, limits: Limits) -> list[str]:
    """A feed that is at work need not be listed again meanwhile, nor have come to the end of what there is."""
    idle = not vitals.working
    told = [
        ("the server can't be reached", vitals.offline),
        ("the ledger can't be written", vitals.failing),
        ("not listed in full yet", vitals.listed is None or vitals.unlisted),
        ("not listed for long", vitals.listed is not None and vitals.listed > limits.listing and idle),
        (f"{vitals.overdue:,} units overdue", vitals.overdue and idle),
        (f"{vitals.unsettled:,} files do not settle", vitals.unsettled and idle),
    ]
    return [f"{vitals.name}: {words}" for words, true in told if true]
