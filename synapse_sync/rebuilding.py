"""A new ledger in place of one that is lost or damaged, knowing what the server has (protocol §5).

v2 recognises equal units when they are sent. On v1 each feed's collection is looked through now, and its units are
recognised by their sync keys or checksums as the files are read; where it shows neither, the feed stays paused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from synapse_sync.assembly import put_to_work
from synapse_sync.config import Config, Feed
from synapse_sync.destinations.base import Destination
from synapse_sync.ledger import locked, open_for_writing
from synapse_sync.steps import Work, learn
from synapse_sync.steps.survey import survey


def rebuild(config: Config, feeds: Sequence[Feed], destination: Destination, path: Path) -> list[tuple[str, str]]:
    """Replace the ledger at `path`; (feed, what was found, in words) for each feed.

    The new one is whole before the old one, if there is one, gets the name PATH.replaced-TIME. Raises LedgerErrors (a
    ledger at work stays as it is) and DestinationErrors.
    """
    new = path.with_name(path.name + ".rebuilt")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(path):
        _remove(new)
        with open_for_writing(new, create=True) as ledger:
            works = [put_to_work(config, feed, ledger, destination, patient=False, clock=time.time) for feed in feeds]
            found = [(work.feed.name, _surveyed(work)) for work in works]
        aside = path.with_name(f"{path.name}.replaced-{time.strftime('%Y%m%dT%H%M%S')}")
        for ending in _ENDINGS:
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
        new.rename(path)
        _remove(new)
    return found


_ENDINGS = ("", "-wal", "-shm")


def _surveyed(work: Work) -> str:
    learn(work)
    if work.destination.api == "v2":
        return "the server recognises its units by itself"
    row = survey(work, rebuilt=True)
    words = f"{row['units']:,} units in data collection {work.feed.data_collection}"
    if row["silent"]:
        return f"{words}, {row['silent']:,} of which show nothing to recognise them by: the feed stays paused"
    return f"{words}, to be recognised as files are read"


def _remove(new: Path) -> None:
    for ending in (*_ENDINGS, ".lock"):
        new.with_name(new.name + ending).unlink(missing_ok=True)
