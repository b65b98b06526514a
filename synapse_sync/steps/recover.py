"""What was in flight when the last process ended: requests whose answers nobody read. Comes before all new work."""

from __future__ import annotations

from synapse_sync.states import Code
from synapse_sync.steps import register, tasks
from synapse_sync.steps.work import Work

WHY = "the program ended before it came"


def recover(work: Work) -> int:
    """Settle every intent without an answer; returns how many there were.

    v2 requests are idempotent: their units go again. v1 units are held as "outcome unknown": only a person can tell.
    """
    if work.ledger.query("any_asked", destination=work.destination.name):
        with work.ledger.write() as transaction:
            transaction.run("ask_again", destination=work.destination.name)
    intents = work.ledger.query("open_intents", feed=work.id)
    if not intents:
        return 0
    with work.ledger.write(durable=True) as transaction:
        stamp = work.stamp(transaction)
        for intent in intents:
            unit, kind = intent["unit"], intent["kind"]
            transaction.run("resolve_intents", units=[unit], kind=kind, outcome="unknown", now=stamp["now"])
            if intent["api"] == "v2":
                if kind == "register":
                    transaction.run(
                        "unit_unsent", id=unit, code=Code.UNKNOWN, reason=WHY, failed=0, not_before=0, **stamp
                    )
                continue
            text = register.UNKNOWN if kind == "register" else tasks.UNKNOWN
            reason = text.format(why=WHY, id=intent["server_id"])
            transaction.run("hold_unit", id=unit, code=Code.UNKNOWN, reason=reason, **stamp)
            work.run.count("unknown_outcomes")
    return len(intents)
