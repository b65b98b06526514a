"""What the server says beforehand of units whose contents it has: for `plan`; nothing is changed anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.errors import Rejected
from synapse_sync.records import OutgoingUnit
from synapse_sync.steps.register import outgoing
from synapse_sync.steps.work import Work

MOST = 1000  # units that are asked about
TAKEN = "would take it"


def rehearse(work: Work) -> dict[int, str]:
    """By a unit's id what the server says of it: TAKEN, or its words of refusal; {} where it can't be asked (v1).

    Raises DestinationError.
    """
    rows = work.ledger.query("units_to_register", feed=work.id, now=work.clock(), limit=MOST)
    said: dict[int, str] = {}
    size = work.config.upload.batch_size
    units = outgoing(work, rows)
    for start in range(0, len(units), size):
        if not _ask(work, units[start : start + size], said):
            break
    return said


def _ask(work: Work, units: Sequence[OutgoingUnit], said: dict[int, str]) -> bool:
    """Ask about these units, narrowing a refusal down by halves; False where nothing can be asked."""
    try:
        if not work.destination.rehearse(work.collection.id, units):
            return False
    except Rejected as refused:
        if len(units) == 1:
            said[units[0].id] = refused.message
            return True
        middle = len(units) // 2
        return _ask(work, units[:middle], said) and _ask(work, units[middle:], said)
    said.update({unit.id: TAKEN for unit in units})
    return True
