"""A person says: forget this unit. Its files are new to the next run."""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.errors import UsageError
from synapse_sync.ledger import Ledger, Row

SENT = frozenset({"registering", "registered"})


def forget_units(ledger: Ledger, units: Sequence[Row], *, registered: bool, now: float) -> int:
    """Forget these units (rows of find_units) and all that is known of their files' contents; returns how many.

    Raises UsageError for a unit that the server has, or may have, unless `registered`.
    """
    sent = [
        unit for unit in units if unit["state"] in SENT or unit["server_id"] is not None or unit["code"] == "unknown"
    ]
    if sent and not registered:
        known = f"as {sent[0]['server_id']}" if sent[0]["server_id"] is not None else "and its answer was lost"
        raise UsageError(
            f"unit {sent[0]['key']} was registered {known}",
            hint="--registered forgets it all the same: the next run registers it again",
        )
    with ledger.write(durable=True) as transaction:
        for unit in units:
            number = unit["id"]
            transaction.run("forget_files", unit=number, now=now)
            transaction.run("clear_unit_files", unit=number)
            transaction.run("forget_intents", unit=number)
            transaction.run("let_found_go", unit=number)
            transaction.run("dissolve_unit", id=number)
    return len(units)
