"""Files that stopped changing become settled: a listing confirmed the observation at least `settle` after it was made.

A file that still grows shows another observation in each listing and starts to wait anew; its times as the file system
tells them play no part, so that a file copied with an old time waits like any other. One that a program has open for
writing is left unsettled, however long it has not changed: its row says which program, and the next listing asks again.
"""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.sources.writers import program
from synapse_sync.steps.work import Work

BATCH = 5000


def settle(work: Work) -> int:
    """Move what has settled; returns how many files."""
    return sum(_settle(work, asset, listed_at) for asset, listed_at in work.listed_at.items())


def _settle(work: Work, asset: str, listed_at: float) -> int:
    until = listed_at - work.feed.settle
    if work.left_open.get(asset) == listed_at or not _any(work, asset, until):
        return 0
    being_written = _being_written(work, asset, until)
    total = 0
    while _any(work, asset, until, being_written):
        with work.ledger.write() as transaction:
            which = {"feed": work.id, "asset": asset, "until": until, "without": being_written, "limit": BATCH}
            total += transaction.run("settle_files", **which, **work.stamp(transaction))
    if being_written:
        work.left_open[asset] = listed_at
    return total


def _any(work: Work, asset: str, until: float, without: Sequence[int] = ()) -> bool:
    return bool(work.ledger.query("any_to_settle", feed=work.id, asset=asset, until=until, without=list(without)))


def _being_written(work: Work, asset: str, until: float) -> list[int]:
    """Ids of files that could settle, were they not open for writing; their rows say by what."""
    writers = work.sources[asset].writers()
    tokens = [token for _, token in writers]
    near = work.ledger.query("candidates_with_tokens", feed=work.id, asset=asset, until=until, tokens=tokens)
    rows = [row for row in near if (row["device"], row["token"]) in writers]
    words = {row["id"]: f"{program(writers[row['device'], row['token']])} has it open for writing" for row in rows}
    if news := [{"id": row["id"], "reason": words[row["id"]]} for row in rows if row["reason"] != words[row["id"]]]:
        with work.ledger.write() as transaction:
            transaction.run_many("say_who_writes", news)
    for file in words:
        work.run.count_once("being_written", file)
    return list(words)
