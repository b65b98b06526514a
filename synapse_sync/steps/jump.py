"""The clock was set, or the machine slept: nobody knows how long ago anything was, so that what waits waits anew."""

from __future__ import annotations

from synapse_sync.steps import backoff
from synapse_sync.steps.work import Work


def wait_anew(work: Work) -> None:
    """The collection is fetched again, files settle from now on, requests without an answer may be at work for all of
    their time, and nothing waits for longer than it ever would.

    A file that was half written before may not have been written to since; a request that was sent a second ago may
    look as if it were an hour old.
    """
    now, feed = work.clock(), work.feed
    work.collection_stale = True
    files = max(backoff.LONGEST, feed.incomplete_after)
    units = max(feed.wait_optional, feed.incomplete_after)
    with work.ledger.write() as transaction:
        transaction.run("settle_anew", feed=work.id, now=now)
        transaction.run("answers_awaited_anew", feed=work.id, not_before=now + backoff.AT_WORK)
        transaction.run("asked_long_ago", feed=work.id, now=now)
        transaction.run("files_due_by", feed=work.id, latest=now + files)
        transaction.run("contents_due_by", feed=work.id, latest=now + backoff.LONGEST)
        transaction.run("units_due_by", feed=work.id, latest=now + backoff.LONGEST)
        transaction.run("decisions_due_by", feed=work.id, now=now, latest=now + units)
