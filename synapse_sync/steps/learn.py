"""What a destination tells of itself (which API it speaks, how it takes files) is asked once and kept in the ledger.

That it issues no presigned URLs is asked again once a day: somebody may have given it a storage that can.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from synapse_sync.destinations.base import Destination
from synapse_sync.errors import FeedPaused
from synapse_sync.ledger import Ledger
from synapse_sync.records import Learned
from synapse_sync.steps.work import Work

BELIEVED = 86400.0
"""Seconds for which a server that issues no presigned URLs is not asked again."""


def learn(work: Work) -> None:
    """Have the destination know what it told before, and ask what must be known now. Raises DestinationError."""
    if work.destination.learned == Learned():
        recall(work.ledger, work.destination)
    learned = work.destination.learned
    if (valid := still_valid(learned, work.clock())) != learned:
        work.destination.recall(valid)
    try:
        work.destination.learn()
    finally:
        keep_learned(work)
    if work.feed.duplicates == "register" and work.destination.api == "v2":
        raise FeedPaused(
            f'feed {work.feed.name}: duplicates = "register" can\'t be done: the server speaks v2, which keeps one '
            "unit per set of files",
            hint='write "skip" or "hold", or server.api = "v1"',
        )


def still_valid(learned: Learned, now: float) -> Learned:
    """What was learned, without a no that is to be asked again."""
    if learned.presigned == "no" and not 0 <= now - learned.refused_at < BELIEVED:
        return replace(learned, presigned="")
    return learned


def recall(ledger: Ledger, destination: Destination) -> None:
    """Have the destination know what it told before."""
    for row in ledger.query("learned_of", name=destination.name):
        destination.recall(Learned(**json.loads(row["learned"])))


def keep_learned(work: Work) -> None:
    """Write down what was learned since; nothing where that is nothing."""
    learned = work.destination.learned
    rows = work.ledger.query("learned_of", name=work.destination.name)
    known = Learned(**json.loads(rows[0]["learned"])) if rows else Learned()
    if learned != known:
        with work.ledger.write() as transaction:
            transaction.run("keep_learned", name=work.destination.name, learned=asdict(learned))
