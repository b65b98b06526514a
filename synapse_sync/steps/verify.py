"""Before a byte is sent the server is asked which contents it has; a hit means no sending, never that a unit exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from synapse_sync.records import ContentRef, Digests
from synapse_sync.states import Code
from synapse_sync.steps.work import Work

BATCH = 500  # contents a request: both digests of each make the 1000 entries that one may have (protocol §3)
ENOUGH = 1000  # contents under way: at 2,000 a second they last for the four round trips of those that come next


def verify(work: Work) -> int:
    """Ask about contents nobody asked about yet; returns how many. Other steps go on until the answer is there."""
    if work.verification.under_way or len(work.uploads) >= ENOUGH:
        return 0
    rows = work.ledger.query("contents_to_ask", feed=work.id, now=work.clock(), limit=BATCH)
    if not rows:
        return 0
    contents = {Digests(row["md5"], row["sha1"], row["size"]): row["id"] for row in rows}
    asked = list(contents)
    work.verification.begin(lambda: work.destination.present(asked), lambda answer: _record(work, contents, answer))
    return len(rows)


def _record(work: Work, contents: Mapping[Digests, int], answer: Callable[[], Mapping[Digests, ContentRef]]) -> int:
    """Write down what the server has; contents: their ids."""
    found = answer()
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        for digests, content in contents.items():
            if reference := found.get(digests):
                transaction.run("content_present", id=content, code=Code.PRESENT, **reference._asdict(), **stamp)
                work.run.count("present")
                work.spool.free(digests)
            else:
                transaction.run("content_lacking", id=content, now=stamp["now"])
        # Where an answer was lost there may still be URLs to write with: secrets that nobody needs any more.
        transaction.run("forget_progress", contents=[contents[digests] for digests in found])
    return len(contents)
