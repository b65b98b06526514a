"""Files that stopped changing become settled: a listing confirmed the observation at least `settle` after it was made.

A file that still grows shows another observation in each listing and starts to wait anew; its times as the file system
tells them play no part, so that a file copied with an old time waits like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_sync.steps.work import Work

BATCH = 5000


def settle(work: Work) -> int:
    """Move what has settled; returns how many files."""
    total = 0
    for looked in work.looked:
        folders = None if looked.folders is None else [folder.hex().upper() for folder in looked.folders]
        place = {"feed": work.id, "asset": looked.asset, "until": looked.at - work.feed.settle, "folders": folders}
        while moved := _settle_batch(work, place):
            total += moved
    return total


def _settle_batch(work: Work, place: Mapping[str, Any]) -> int:
    if not work.ledger.query("any_to_settle", **place):
        return 0
    with work.ledger.write() as transaction:
        return transaction.run("settle_files", limit=BATCH, **place, **work.stamp(transaction))
