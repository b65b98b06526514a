"""Files that stopped changing become settled: a listing confirmed the observation at least `settle` after it was made.

A file that still grows shows another observation in each listing and starts to wait anew; its times as the file system
tells them play no part, so that a file copied with an old time waits like any other. One that a program has open for
writing is left unsettled, however long it has not changed: its row says which program, and the next listing asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synapse_sync.records import Looked
from synapse_sync.sources.writers import program
from synapse_sync.steps.work import Work

BATCH = 5000


def settle(work: Work) -> int:
    """Move what has settled; returns how many files."""
    return sum(_settle(work, looked) for looked in work.looked)


def _settle(work: Work, looked: Looked) -> int:
    folders = None if looked.folders is None else [folder.hex().upper() for folder in looked.folders]
    until = looked.at - work.settle(looked.asset)
    place = {"feed": work.id, "asset": looked.asset, "until": until, "folders": folders}
    if (looked.asset, looked.at) in work.left_open or not _any(work, place):
        return 0
    being_written = _being_written(work, looked.asset, until)
    total = 0
    while _any(work, place, being_written):
        with work.ledger.write() as transaction:
            which = {**place, "without": being_written, "limit": BATCH}
            total += transaction.run("settle_files", **which, **work.stamp(transaction))
    if being_written:
        work.left_open.add((looked.asset, looked.at))
    return total


def _any(work: Work, place: Mapping[str, Any], without: Sequence[int] = ()) -> bool:
    return bool(work.ledger.query("any_to_settle", **place, without=list(without)))


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
