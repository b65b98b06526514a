"""What a destination tells of itself (which API it speaks, how it takes files) is asked once and kept in the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict

from synapse_sync.destinations.base import Destination
from synapse_sync.errors import FeedPaused
from synapse_sync.ledger import Ledger
from synapse_sync.records import Learned
from synapse_sync.steps.work import Work


def learn(work: Work) -> None:
    """Have the destination know what it told before, and ask what must be known now. Raises DestinationError."""
    if work.destination.learned == Learned():
        recall(work.ledger, work.destination)
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


def recall(ledger: Ledger, destination: Destination) -> None:
    """Have the destination know what it told before."""
    for row in ledger.query("learned_of", name=destination.name):
        destination.recall(Learned(**json.loads(row["learned"])))


def keep_learned(work: Work) -> None:
    """Write down what was learned since; nothing where that is nothing."""
    learned = asdict(work.destination.learned)
    rows = work.ledger.query("learned_of", name=work.destination.name)
    known = json.loads(rows[0]["learned"]) if rows else asdict(Learned())
    if learned != known:
        with work.ledger.write() as transaction:
            transaction.run("keep_learned", name=work.destination.name, learned=learned)
