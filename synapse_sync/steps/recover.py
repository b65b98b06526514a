"""What was in flight when the last process ended: requests whose answers nobody read. Comes before all new work."""

from __future__ import annotations

from synapse_sync.states import Code
from synapse_sync.steps import register
from synapse_sync.steps.work import Work


def recover(work: Work) -> int:
    """Close every intent without an answer as unknown; returns how many there were.

    Their steps go on from there: what went through v2 goes again as it was, what went through v1 is looked for first.
    A person decides on units of a place that the feed no longer goes to.
    """
    if work.ledger.query("any_from_the_future", feed=work.id, now=work.clock()):
        with work.ledger.write() as transaction:
            transaction.run("observed_now", feed=work.id, now=work.clock())
    if work.ledger.query("any_asked", destination=work.destination.name):
        with work.ledger.write() as transaction:
            transaction.run("ask_again", destination=work.destination.name)
    intents = work.ledger.query("open_intents", feed=work.id)
    elsewhere = work.ledger.query("units_in_doubt_elsewhere", feed=work.id, **work.place)
    if not intents and not elsewhere:
        return 0
    with work.ledger.write(durable=True) as transaction:
        stamp = work.stamp(transaction)
        for intent in intents:
            asked = {"units": [intent["unit"]], "kind": intent["kind"], "now": stamp["now"]}
            transaction.run("resolve_intents", **asked, outcome="unknown")
        for row in elsewhere:
            reason = register.UNKNOWN.format(why="the program ended before it came, and the feed goes elsewhere now")
            transaction.run("hold_unit", id=row["id"], code=Code.UNKNOWN, reason=reason, **stamp)
            work.run.count("unknown_outcomes")
    return len(intents)
