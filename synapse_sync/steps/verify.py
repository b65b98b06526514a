"""Before a byte is sent the server is asked which contents it has; a hit means no sending, never that a unit exists."""

from __future__ import annotations

from synapse_sync.records import Digests
from synapse_sync.states import Code
from synapse_sync.steps.work import Work

BATCH = 500  # contents a request: both digests of each make the 1000 entries that one may have (protocol §3)
ENOUGH = 250  # contents under way: nobody is asked about more before those are on their way down


def verify(work: Work) -> int:
    """Ask about contents nobody asked about yet; returns how many."""
    if len(work.uploads) >= ENOUGH:
        return 0
    rows = work.ledger.query("contents_to_ask", feed=work.id, now=work.clock(), limit=BATCH)
    if not rows:
        return 0
    contents = {Digests(row["md5"], row["sha1"], row["size"]): row["id"] for row in rows}
    found = work.destination.present(list(contents))
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        for digests, content in contents.items():
            if reference := found.get(digests):
                transaction.run("content_present", id=content, code=Code.PRESENT, **reference._asdict(), **stamp)
                work.run.count("present")
            else:
                transaction.run("content_lacking", id=content, now=stamp["now"])
        there = [content for digests, content in contents.items() if digests in found]
        transaction.run("forget_progress", contents=there)  # their uploads had come to their end: the answer was lost
    return len(rows)
