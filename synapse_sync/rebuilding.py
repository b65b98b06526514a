"""A new ledger in place of one that is lost or damaged, knowing what the server has (protocol §5).

Each feed's collection is looked through now, and its units are recognised by their sync keys or checksums as the files
are read. Where it shows neither, v2 recognises equal units when they are sent, and a feed on v1 stays paused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from synapse_sync.assembly import put_to_work
from synapse_sync.config import Config, Feed
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import DestinationError
from synapse_sync.ledger import replacing
from synapse_sync.steps import Work, learn
from synapse_sync.steps.survey import is_hidden, survey


def rebuild(config: Config, feeds: Sequence[Feed], destination: Destination, path: Path) -> list[tuple[str, str]]:
    """Replace the ledger at `path`; (feed, what was found, in words) for each feed.

    The new one is whole before it takes the old one's place. Raises LedgerErrors (a ledger at work stays as it is) and
    DestinationErrors.
    """
    with replacing(path) as ledger:
        works = [put_to_work(config, feed, ledger, destination, patient=False, clock=time.time) for feed in feeds]
        return [(work.feed.name, _surveyed(work)) for work in works]


def _surveyed(work: Work) -> str:
    learn(work)
    v2 = work.destination.api == "v2"
    try:
        row = survey(work, rebuilt=True)
    except DestinationError as refused:
        if not v2 or not is_hidden(refused, "v2"):
            raise
        return "the server recognises its units by itself"
    words = f"{row['units']:,} units in data collection {work.feed.data_collection}"
    if row["silent"] and not v2:
        return f"{words}, {row['silent']:,} of which show nothing to recognise them by: the feed stays paused"
    return f"{words}, to be recognised as files are read"
