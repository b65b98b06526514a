"""A file that is empty or breaks off waits for the rest, then for a person.

It has `incomplete_after` from when it was first observed as it is. New content is another observation, and starts anew
by itself; what stays as it is is read once more at the end of that time, for a network folder may be slow to tell.
"""

from __future__ import annotations

from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import Digests
from synapse_sync.sources.readers import read
from synapse_sync.states import Code
from synapse_sync.steps.backoff import LONGEST
from synapse_sync.steps.rows import observation, raw_path, shown_path
from synapse_sync.steps.work import Work


def goes_as_it_is(file: Row, digests: Digests) -> bool:
    """Whether such a file goes all the same: a person said so, or it is what it was when it went before."""
    return bool(file["accepted"]) or (file["md5"], file["sha1"]) == (digests.md5, digests.sha1)


def await_rest(work: Work, transaction: Transaction, file: Row, lacks: str) -> None:
    """Record that a file (a row of files_to_read) lacks something, in words that complete "FILE …".

    A unit that can't go without it is held once the time is over. Where the unit was sent already it stays as it is,
    and the file is looked at again from time to time.
    """
    now, patience = work.clock(), work.feed.incomplete_after
    guard = {"id": file["id"], "revision": file["revision"]}
    retry = f"`retry {work.feed.name}:{file['unit']}` sends it as it is"
    until = file["observed_at"] + patience
    if now < until:
        reason = f"{shown_path(file)} {lacks}; it waits for the rest, {retry}"
        transaction.run("await_rest", **guard, not_before=min(until, now + patience), reason=reason)
        transaction.run("unit_awaits_rest", file=file["id"], reason=reason)
        work.run.count_once("incomplete_files", file["id"])
        return
    reason = f"{shown_path(file)} {lacks}; copy it again, or {retry}"
    transaction.run("await_rest", **guard, not_before=0, reason=reason)
    stamp = work.stamp(transaction)
    if not transaction.run("hold_units_of_file", file=file["id"], code=Code.HELD, reason=reason, **stamp):
        transaction.run("file_failed", **guard, not_before=now + max(patience, LONGEST), reason=reason)


def table_awaits_rest(work: Work, row: Row) -> bool:
    """Whether a table (a row of file_as_observed) is empty or breaks off, and has time left. Raises SourceError.

    Afterwards whoever reads it says what is wrong with it.
    """
    guard = {"id": row["id"], "revision": row["revision"]}
    if work.clock() >= row["observed_at"] + work.feed.incomplete_after:
        if row["broken"]:
            with work.ledger.write() as transaction:
                transaction.run("rest_not_awaited", **guard)
        return False
    if row["broken"]:
        return True
    with work.sources[row["asset"]].open_observed(raw_path(row), observation(row)) as stream:
        lacks = read(stream).lacks
    if lacks:
        reason = f"the table {shown_path(row)} {lacks}; units wait for the rest of it"
        with work.ledger.write() as transaction:
            transaction.run("await_rest", **guard, not_before=0, reason=reason)
    return bool(lacks)
