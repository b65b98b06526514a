"""What was in flight when the last process ended: requests whose answers nobody read. Comes before all new work."""

from __future__ import annotations

from synapse_sync.ledger import Transaction
from synapse_sync.states import Code
from synapse_sync.steps import register, tasks
from synapse_sync.steps.work import Work

WHY = "the program ended before it came"


def recover(work: Work) -> int:
    """Settle every intent without an answer; returns how many there were.

    v2 requests are idempotent: they go again as they were. Units of v1 are held as "outcome unknown": only a person
    can tell.
    """
    if work.ledger.query("any_from_the_future", feed=work.id, now=work.clock()):
        with work.ledger.write() as transaction:
            transaction.run("observed_now", feed=work.id, now=work.clock())
    if work.ledger.query("any_asked", destination=work.destination.name):
        with work.ledger.write() as transaction:
            transaction.run("ask_again", destination=work.destination.name)
    intents = work.ledger.query("open_intents", feed=work.id)
    lost = work.ledger.query("units_without_answer", feed=work.id, api=work.destination.api)
    if not intents and not lost:
        return 0
    with work.ledger.write(durable=True) as transaction:
        now = work.stamp(transaction)["now"]
        for intent in intents:
            unit, kind = intent["unit"], intent["kind"]
            transaction.run("resolve_intents", units=[unit], kind=kind, outcome="unknown", now=now)
            if kind == "task" and intent["api"] == "v1":
                _hold(work, transaction, unit, tasks.UNKNOWN.format(why=WHY, id=intent["server_id"]))
        for row in lost:
            _hold(work, transaction, row["id"], register.UNKNOWN.format(why=WHY))
    return len(intents)


def _hold(work: Work, transaction: Transaction, unit: int, reason: str) -> None:
    transaction.run("hold_unit", id=unit, code=Code.UNKNOWN, reason=reason, **work.stamp(transaction))
    work.run.count("unknown_outcomes")
