"""Files that stopped changing become settled: a listing confirmed the observation at least `settle` after it was made.

A file that still grows shows another observation in each listing and starts to wait anew; its times as the file system
tells them play no part, so that a file copied with an old time waits like any other.
"""

from __future__ import annotations

from synapse_sync.steps.work import Work

BATCH = 5000


def settle(work: Work) -> int:
    """Move what has settled; returns how many files."""
    total = 0
    for asset, listed_at in work.listed_at.items():
        until = listed_at - work.feed.settle
        while moved := _settle_batch(work, asset, until):
            total += moved
    return total


def _settle_batch(work: Work, asset: str, until: float) -> int:
    if not work.ledger.query("any_to_settle", feed=work.id, asset=asset, until=until):
        return 0
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        return transaction.run("settle_files", feed=work.id, asset=asset, until=until, limit=BATCH, **stamp)
