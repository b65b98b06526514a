"""Registrations through v1 whose answer was lost: the collection is looked through for them before anything goes again.

What is found there is registered. What is not there goes again once the request can no longer be at work on the server;
where the listing can't tell, a person decides. (Through v2 the same request simply goes again: register.py.)
"""

from __future__ import annotations

from synapse_sync.errors import Rejected
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import OutgoingUnit
from synapse_sync.states import Code
from synapse_sync.steps import backoff
from synapse_sync.steps.register import UNKNOWN, outgoing
from synapse_sync.steps.survey import look_through, recognised, take
from synapse_sync.steps.work import Work

DOUBTED, GIVEN_UP = 2, 5
"""How often the server may leave a unit out without a word before its contents are doubted, and before it is held."""


def reconcile(work: Work) -> int:
    """Settle what can be settled; returns how many units were looked for. Raises DestinationErrors."""
    limit = work.config.upload.batch_size
    rows = work.ledger.query("units_to_look_up", feed=work.id, now=work.clock(), limit=limit, **work.place)
    if not rows:
        return 0
    units = outgoing(work, rows)
    try:
        shown = look_through(work, min(row["asked_at"] for row in rows) - backoff.MARGIN)
        found = recognised(work, units)
    except Rejected as refused:
        with work.ledger.write(durable=True) as transaction:
            for row in rows:
                _hold(work, transaction, row, f"and the collection can't be looked through: {refused.message}")
        return len(rows)
    with work.ledger.write(durable=True) as transaction:
        for row, unit in zip(rows, units, strict=True):
            if unit.id in found:
                take(work, transaction, unit.id, found[unit.id], Code.CREATED)
                work.run.count("registered")
                work.run.count("registered_files", len(unit.files))
            elif not shown.tells(unit):
                _hold(work, transaction, row, f"and {shown.lack}")
            else:
                _missing(work, transaction, row, unit)
    return len(rows)


def _missing(work: Work, transaction: Transaction, row: Row, unit: OutgoingUnit) -> None:
    """It is not there: it goes again when it can't come any more."""
    stamp = work.stamp(transaction)
    over = row["asked_at"] + backoff.AT_WORK
    if row["outcome"] == "unknown" and stamp["now"] < over:
        reason = "the answer to its registration was lost; it is looked for once more before it goes again"
        transaction.run("ask_later", id=unit.id, failed=1, not_before=over, reason=reason)
        return
    if row["outcome"] == "unmentioned" and row["attempts"] >= GIVEN_UP:
        reason = "the server leaves it out without a word, again and again; look at its files in the collection"
        transaction.run("hold_unit", id=unit.id, code=Code.REJECTED, reason=reason, **stamp)
        work.run.count("rejected")
        return
    if row["outcome"] == "unmentioned" and row["attempts"] >= DOUBTED:
        # The server is asked for them; if it has them for others only, it takes what is sent without asking.
        doubt = "mistrust_contents" if row["attempts"] == DOUBTED + 1 else "doubt_contents"
        transaction.run(doubt, unit=unit.id, **stamp)
    reason = "the collection does not have it: it goes again"
    moved = {"code": Code.FAILED, "reason": reason, "failed": 0, "not_before": stamp["now"]}
    transaction.run("unit_unsent", id=unit.id, **moved, **stamp)


def _hold(work: Work, transaction: Transaction, row: Row, why: str) -> None:
    reason = UNKNOWN.format(why=f"{row['reason'] or 'the program ended before it came'}, {why}")
    transaction.run("hold_unit", id=row["id"], code=Code.UNKNOWN, reason=reason, **work.stamp(transaction))
    work.run.count("unknown_outcomes")
