"""A person says: decide it again. Held units, held files, and whatever waits for its next attempt."""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.ledger import Ledger, Row, Transaction


def retry_units(ledger: Ledger, units: Sequence[Row], *, now: float) -> int:
    """Decide these units again, on a person's word.

    What a policy holds goes, what has an unknown outcome is sent again, files that are empty or break off go as they
    are. Returns how many units were held, or waited for such a file.
    """
    with ledger.write(durable=True) as transaction:
        return sum(_retry(transaction, unit["id"], now) for unit in units)


def _retry(transaction: Transaction, unit: int, now: float) -> bool:
    accepted = transaction.run("accept_files", unit=unit)
    if accepted:
        transaction.run("decide_soon", id=unit)
    transaction.run("retry_contents", unit=unit)
    transaction.run("retry_files", unit=unit)
    held = transaction.run("retry_unit", id=unit, approved=True, now=now)
    return bool(accepted or held)


def retry_all(ledger: Ledger, *, now: float) -> int:
    """Decide everything held again, under the same policies, and let nothing wait for its next attempt.

    Units with an unknown outcome stay: each needs a person's word. Returns how many units were held.
    """
    units = ledger.query("held_units")
    with ledger.write(durable=True) as transaction:
        for unit in units:
            transaction.run("retry_unit", id=unit["id"], approved=False, now=now)
        transaction.run("retry_held_files", now=now)
        transaction.run("retry_everything")
        transaction.run("retry_all_files")
        transaction.run("retry_all_units")
        transaction.run("retry_meta")
    return len(units)
