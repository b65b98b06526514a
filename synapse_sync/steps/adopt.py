"""Units of other programs, or of a ledger that was lost, that a collection has already: recognised, not made again.

The collection is looked through once, before the ledger's first registration into it. v2 finds equal units by itself,
too, but not always those that v1 made, nor those of whose contents the server has another copy under another
algorithm's checksum: it is the net below the look.
"""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.errors import DestinationError, FeedPaused, Rejected
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import OutgoingUnit
from synapse_sync.states import Code
from synapse_sync.steps.survey import is_hidden, recognised, survey, take
from synapse_sync.steps.work import Work

LONG = 86400.0
"""Seconds after which what was found may have been deleted, and is asked for before it is taken over."""


def adopted(work: Work, units: Sequence[OutgoingUnit]) -> set[int]:
    """Ids of those of these ready units that the collection turns out to have; they are registered by that.

    Raises FeedPaused where v1 would make units again that can't be recognised, and DestinationErrors.
    """
    found = _surveyed(work)
    there = _recognised_among(work, found, units)
    if found and work.clock() - found["at"] > LONG and any(_is_gone(work, server_id) for server_id in there.values()):
        there = _recognised_among(work, _survey_now(work), units)
    if there:
        with work.ledger.write(durable=True) as transaction:
            taken = still_going(transaction, [unit for unit in units if unit.id in there])
            for unit in taken:
                take(work, transaction, unit.id, there[unit.id], Code.REUSED)
        work.run.count("reused", len(taken))
        work.run.count("registered_files", sum(len(unit.files) for unit in taken))
    return set(there)


def still_going(transaction: Transaction, units: Sequence[OutgoingUnit]) -> list[OutgoingUnit]:
    """Those of these units that are still to be registered, as of this transaction."""
    going = {row["id"] for row in transaction.query("units_still_going", units=[unit.id for unit in units])}
    return [unit for unit in units if unit.id in going]


def _recognised_among(work: Work, found: Row | None, units: Sequence[OutgoingUnit]) -> dict[int, int]:
    """Unit to server id, for those of these units that a survey found."""
    if found is None:
        return {}
    if found["silent"] and work.destination.api == "v1":
        raise FeedPaused(
            f"feed {work.feed.name}: data collection {work.feed.data_collection} has {found['silent']} units that this "
            "ledger does not know, and the server does not show what they are made of",
            hint=_BY_V2 if found["rebuilt"] else _GO_ON,
        )
    return recognised(work, units)


_BY_V2 = 'server.api = "v2", where the server has it, recognises them by itself'
_GO_ON = f'existing = "ignore" registers without regard to them; {_BY_V2}'


def _surveyed(work: Work) -> Row | None:
    """What was found in the collection, looked through now if it wasn't yet; None where it is to be ignored."""
    known = next(iter(work.ledger.query("survey_of", **work.place)), None)
    if work.feed.existing == "ignore" and not (known and known["rebuilt"]):
        return None
    return known if known and known["at"] else _survey_now(work)


def _survey_now(work: Work) -> Row | None:
    """What is found now; None where only v2 can recognise units. Raises FeedPaused where v1 does not show any."""
    if work.unseen:
        return None
    try:
        return survey(work)
    except DestinationError as refused:
        if not is_hidden(refused, work.destination.api):
            raise
        if work.destination.api == "v2":
            work.unseen = True
            return None
        raise FeedPaused(
            f"feed {work.feed.name}: whether its collection has units already can't be seen: {refused.message}",
            hint=_GO_ON,
        ) from refused


def _is_gone(work: Work, server_id: int) -> bool:
    """Whether the server does not have this unit, or has no way to show one alone."""
    try:
        work.destination.meta_of(server_id)
    except Rejected as refused:
        return refused.status == 404
    return False
